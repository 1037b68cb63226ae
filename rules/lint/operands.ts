import type { FactDefinition } from '../facts/catalogue.ts';
import { CLASS_FACTS, FACTS, isFactName } from '../facts/catalogue.ts';
import { readClassPath } from './class-path.ts';
import type { ClassPath } from './class-path.ts';

/** What stands on one side of an operator, as far as types go. `mixed` = a list of several types; `other` = an object. */
export interface Operand {
  kind: 'number' | 'string' | 'boolean' | 'null' | 'list' | 'mixed' | 'other';
  /** of a list's elements; null = it has none, or is no list */
  element: Operand | null;
  /** null, or nothing at all, may stand there */
  nullable: boolean;
  unit: string;
  /** the fact it comes from, null = it is written in the file */
  fact: string | null;
}

const plain = (kind: Operand['kind']): Operand => ({
  kind,
  element: null,
  nullable: false,
  unit: '',
  fact: null,
});

/** Type of a value that is written in the file. */
export function literalOperand(value: unknown): Operand {
  if (value === null) return { ...plain('null'), nullable: true };
  if (Array.isArray(value)) return { ...plain('list'), element: elementOf(value) };
  switch (typeof value) {
    case 'number':
      return plain('number');
    case 'string':
      return plain('string');
    case 'boolean':
      return plain('boolean');
    default:
      return plain('other');
  }
}

function elementOf(list: readonly unknown[]): Operand | null {
  let common: Operand | null = null;
  let nullable = false;
  for (const item of list) {
    const operand = literalOperand(item);
    if (operand.kind === 'null') nullable = true;
    else if (common === null) common = operand;
    else if (common.kind !== operand.kind) return plain('mixed');
  }
  if (common === null) return nullable ? literalOperand(null) : null;
  return nullable ? { ...common, nullable } : common;
}

/** Type of a catalogue entry's value. `name` = how messages call it. */
export function factOperand(name: string, definition: FactDefinition, mayBeAbsent = false): Operand {
  const { type, unit, nullable } = definition;
  const base = { ...plain('string'), unit, nullable: nullable || mayBeAbsent, fact: name };
  if (type === 'strings') return { ...base, kind: 'list', element: plain('string') };
  return { ...base, kind: type === 'classes' ? 'other' : type };
}

/** What a fact and its path name: a fact, or one service class's. */
export type FactPlace = { definition: FactDefinition; classPath: ClassPath | null };

/** Looks up a reference that has been checked; null where it names nothing. */
export function factPlace(fact: string, path: string | undefined): FactPlace | null {
  if (!isFactName(fact)) return null;
  const definition: FactDefinition = FACTS[fact];
  if (definition.type !== 'classes') return { definition, classPath: null };
  const classPath = readClassPath(path ?? '');
  if (classPath === 'unsafe' || 'unknownName' in classPath) return null;
  return { definition: CLASS_FACTS[classPath.name], classPath };
}

/** For messages: `capBytes (a number, bytes)`, `a text`. */
export function described(operand: Operand): string {
  const noun = {
    number: 'a number',
    string: 'a text',
    boolean: 'true or false',
    null: 'null',
    list: 'a list',
    mixed: 'of several types',
    other: 'an object',
  }[operand.kind];
  if (operand.fact === null) return noun;
  return `${operand.fact} (${noun}${operand.unit === '' ? '' : `, ${operand.unit}`})`;
}
