import type { FactDefinition } from '../../facts/catalogue.ts';
import { factPlace } from '../operands.ts';

/** A fact, or one service class's, that conditions ask about. */
export interface Variable {
  /** `capBytes`, or `byClass` and a path */
  key: string;
  definition: FactDefinition;
  /** class and name, where it is a part of byClass */
  ofClass: { serviceClass: string; name: string } | null;
}

/** The variable that a checked `{fact, path?}` names; null where it names nothing. */
export function variableOf(fact: string, path: string | undefined): Variable | null {
  const place = factPlace(fact, path);
  if (place === null) return null;
  const { definition, classPath } = place;
  if (classPath === null) return { key: fact, definition, ofClass: null };
  const { serviceClass, name } = classPath;
  return { key: `byClass ${serviceClass} ${name}`, definition, ofClass: { serviceClass, name } };
}

/** Only whole numbers occur. */
export function isIntegral({ key, definition }: Variable): boolean {
  return key === 'dayOfWeek' || ['hours', 'days', 'blocks', 'sessions'].includes(definition.unit);
}

/** Nothing at all may stand there: a class without usage has no facts. */
export function mayBeAbsent({ ofClass }: Variable): boolean {
  return ofClass !== null;
}
