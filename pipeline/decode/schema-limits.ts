import type { Type } from 'avsc';

/** Deepest nesting of types that a writer schema may have; ours has 3. */
const MAX_DEPTH = 32;
/** Fields that one record may expand to, named types repeated; ours has 30. */
const MAX_NODES = 4096;

/** A compiled avsc type as far as its structure matters here. */
export interface TypeShape {
  typeName: string;
  fields?: readonly { name: string; type: TypeShape }[];
  itemsType?: TypeShape;
  valuesType?: TypeShape;
  types?: readonly TypeShape[];
  size?: number;
  underlyingType?: TypeShape;
}

interface Measure {
  /** fewest bytes that a value takes */
  minBytes: number;
  /** values read for one value, arrays and maps counted once */
  nodes: number;
  depth: number;
}

/**
 * Says why a writer schema could make a small record expensive; null where it can not.
 * Refused: arrays of items that take no bytes (5 bytes then stand for 50 M items), recursion, nesting beyond 32,
 * and named types repeated to more than 4,096 fields.
 */
export function schemaProblem(type: Type): string | null {
  const measured = measure(type as unknown as TypeShape, new Map(), new Set());
  return typeof measured === 'string' ? measured : null;
}

/** True where records of the type hold an array or map, whose count must be checked against the bytes before reading. */
export function hasBlocks(type: TypeShape): boolean {
  return type.typeName === 'array' || type.typeName === 'map' || children(type).some(hasBlocks);
}

/** Types directly inside a type. */
function children(type: TypeShape): TypeShape[] {
  return [
    ...(type.fields ?? []).map((field) => field.type),
    ...(type.types ?? []),
    ...(type.itemsType === undefined ? [] : [type.itemsType]),
    ...(type.valuesType === undefined ? [] : [type.valuesType]),
    ...(type.underlyingType === undefined ? [] : [type.underlyingType]),
  ];
}

function measure(type: TypeShape, known: Map<TypeShape, Measure>, open: Set<TypeShape>): Measure | string {
  const before = known.get(type);
  if (before !== undefined) return before;
  if (open.has(type)) return 'recursive type';
  if (open.size >= MAX_DEPTH) return `nested deeper than ${MAX_DEPTH}`;
  open.add(type);
  const inner: Measure[] = [];
  for (const child of children(type)) {
    const measured = measure(child, known, open);
    if (typeof measured === 'string') return measured;
    inner.push(measured);
  }
  open.delete(type);
  if (type.typeName === 'array' && inner.some((item) => item.minBytes === 0))
    return 'array of items without bytes';
  const result = {
    minBytes: minBytes(type, inner),
    nodes: inner.reduce((sum, child) => sum + child.nodes, 1),
    depth: inner.reduce((deepest, child) => Math.max(deepest, child.depth), 0) + 1,
  };
  if (result.nodes > MAX_NODES) return `more than ${MAX_NODES} fields`;
  if (result.depth + open.size > MAX_DEPTH) return `nested deeper than ${MAX_DEPTH}`;
  known.set(type, result);
  return result;
}

function minBytes(type: TypeShape, inner: readonly Measure[]): number {
  switch (type.typeName) {
    case 'null':
      return 0;
    case 'record':
    case 'error':
      return inner.reduce((sum, child) => sum + child.minBytes, 0);
    case 'fixed':
      return type.size ?? 0;
    case 'float':
      return 4;
    case 'double':
      return 8;
    default:
      return type.typeName.startsWith('logical:') ? Math.min(...inner.map((child) => child.minBytes)) : 1;
  }
}
