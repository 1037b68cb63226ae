import type { FactType } from '../facts/catalogue.ts';

export const NUMBER = 1;
export const TEXT = 2;
export const BOOLEAN = 4;
export const NULL = 8;
export const UNDEFINED = 16;
export const LIST = 32;
export const OBJECT = 64;
const ALL = 127;

/** What a side of a comparison may be at run time, as bits; `items` = what a list may hold. */
export interface Operand {
  kinds: number;
  items: number;
}

export const ANYTHING: Operand = { kinds: ALL, items: ALL };

const BY_TYPE: Record<FactType, Operand> = {
  number: { kinds: NUMBER, items: 0 },
  string: { kinds: TEXT, items: 0 },
  boolean: { kinds: BOOLEAN, items: 0 },
  strings: { kinds: LIST, items: TEXT },
  classes: { kinds: OBJECT, items: 0 },
};

/** Of a catalogue type. */
export function operandOf({ type, nullable }: { type: FactType; nullable: boolean }): Operand {
  const { kinds, items } = BY_TYPE[type];
  return { kinds: nullable ? kinds | NULL : kinds, items };
}

/** Of a literal. */
export function literalOperand(value: unknown): Operand {
  if (!Array.isArray(value)) return { kinds: kindOf(value), items: 0 };
  return { kinds: LIST, items: value.reduce<number>((bits, item) => bits | kindOf(item), 0) };
}

function kindOf(value: unknown): number {
  switch (typeof value) {
    case 'number':
      return NUMBER;
    case 'string':
      return TEXT;
    case 'boolean':
      return BOOLEAN;
    case 'undefined':
      return UNDEFINED;
    default:
      return value === null ? NULL : Array.isArray(value) ? LIST : OBJECT;
  }
}

/** Of a list's items; of a list within a list nothing is known. */
export function itemsOf({ items }: Operand): Operand {
  return { kinds: items, items: ALL };
}

export function within({ kinds }: Operand, allowed: number): boolean {
  return (kinds & ~allowed) === 0;
}

/** Turning it into a text or number may throw: JSON can hold an object whose toString is no function. */
export function isOdd({ kinds, items }: Operand): boolean {
  return (kinds & OBJECT) !== 0 || ((kinds & LIST) !== 0 && (items & (OBJECT | LIST)) !== 0);
}
