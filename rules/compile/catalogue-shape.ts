import { CLASS_FACTS, FACTS, isFactName } from '../facts/catalogue.ts';
import type { FactDefinition } from '../facts/catalogue.ts';
import { PolicyCompileError } from './compile-error.ts';
import type { FactReference } from './leaf.ts';
import type { Operand } from './operands.ts';
import { NUMBER, OBJECT, operandOf, TEXT, UNDEFINED } from './operands.ts';

/**
 * What a fact of the catalogue may be at run time, behind a path if there is one.
 *
 * @throws PolicyCompileError where the catalogue does not have it
 */
export function catalogueShape({ fact, keys }: FactReference, place: string): Operand {
  if (!isFactName(fact)) throw new PolicyCompileError('unknown-fact', place, `there is no fact ${fact}`);
  const definition: FactDefinition = FACTS[fact];
  // A path into what is no object leads nowhere: the value itself is compared.
  if (keys === null || (definition.type !== 'classes' && definition.type !== 'strings'))
    return operandOf(definition);
  const operand = definition.type === 'classes' ? behindClass(keys, place) : behindTexts(keys);
  return { ...operand, kinds: operand.kinds | UNDEFINED };
}

function behindClass(keys: readonly string[], place: string): Operand {
  const [, name] = keys;
  if (keys.length === 1) return { kinds: OBJECT, items: 0 };
  if (keys.length === 2 && name !== undefined && Object.hasOwn(CLASS_FACTS, name))
    return operandOf(CLASS_FACTS[name as keyof typeof CLASS_FACTS]);
  throw new PolicyCompileError('path', place, `no class has ${keys.slice(1).join('.')}`);
}

/** Its length, or one of its texts, or of such a text a sign or its length. */
function behindTexts(keys: readonly string[]): Operand {
  return { kinds: keys.at(-1) === 'length' ? NUMBER : TEXT, items: 0 };
}
