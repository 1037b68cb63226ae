import { parsePath } from '../compile/paths.ts';
import type { ClassFactName } from '../facts/catalogue.ts';
import { CLASS_FACTS } from '../facts/catalogue.ts';
import { FORBIDDEN_KEYS } from './shape.ts';

/** Where a path into `byClass` leads. */
export interface ClassPath {
  serviceClass: string;
  name: ClassFactName;
}

/**
 * Reads `$.<class>.<name>` or `$['<class>'].<name>`, of the compiler's safe grammar.
 *
 * @returns `unsafe` where it is not of that form; the name where no class has such a fact
 */
export function readClassPath(path: string): ClassPath | { unknownName: string } | 'unsafe' {
  const [serviceClass, name, more] = parsePath(path) ?? [];
  if (serviceClass === undefined || name === undefined || more !== undefined) return 'unsafe';
  if (FORBIDDEN_KEYS.includes(serviceClass)) return 'unsafe';
  return Object.hasOwn(CLASS_FACTS, name)
    ? { serviceClass, name: name as ClassFactName }
    : { unknownName: name };
}
