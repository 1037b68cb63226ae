import type { Variable } from './variables.ts';
import { isIntegral, mayBeAbsent } from './variables.ts';

/** What the conditions of one policy mention of a group of variables that are compared with each other. */
export interface Mentioned {
  numbers: Set<number>;
  texts: Set<string>;
  /** beginnings of texts, of patterns */
  prefixes: Set<string>;
  /** variables in the group */
  size: number;
}

/** Values of a variable that stand for all: no condition tells any other value from one of these. */
export interface Candidates {
  values: readonly unknown[];
  /** false = there would be too many, and some are missing */
  isComplete: boolean;
}

/** Most different names of which all combinations are tried. */
const MOST_NAMES = 8;

/**
 * How many values `candidatesOf` gives at most, known without making them: facts that are compared in chains have as many
 * values as there are constants times facts, each of them.
 */
export function mostCandidates(
  { definition }: Variable,
  { numbers, texts, prefixes, size }: Mentioned,
): number {
  const names = texts.size + prefixes.size + (prefixes.size + 1) * size;
  if (definition.type === 'number') return numbers.size + (numbers.size + 1) * size + 2;
  if (definition.type === 'boolean') return 4;
  return Math.max(names, 2 ** Math.min(names, MOST_NAMES)) + 2;
}

/**
 * Representatives of a variable's values. A condition only compares with the constants that are mentioned and with
 * variables of the group; so one value for each constant and `size` for each gap between two suffice.
 */
export function candidatesOf(variable: Variable, mentioned: Mentioned): Candidates {
  const { definition } = variable;
  const nothing = [...(definition.nullable ? [null] : []), ...(mayBeAbsent(variable) ? [undefined] : [])];
  switch (definition.type) {
    case 'number':
      return { values: [...numbersOf(variable, mentioned), ...nothing], isComplete: true };
    case 'boolean':
      return { values: [true, false, ...nothing], isComplete: true };
    case 'string':
      return {
        values: [...(definition.values ?? textsOf(variable, mentioned)), ...nothing],
        isComplete: true,
      };
    default:
      return listsOf(textsOf(variable, mentioned));
  }
}

function numbersOf(variable: Variable, { numbers, size }: Mentioned): number[] {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = variable.definition;
  const whole = isIntegral(variable);
  const points = [...numbers].sort((a, b) => a - b);
  const found = points.filter((point) => !whole || Number.isInteger(point));
  const edges = [Number.NEGATIVE_INFINITY, ...points, Number.POSITIVE_INFINITY];
  edges.slice(1).forEach((high, i) => found.push(...between(edges[i] ?? 0, high, size, whole)));
  return [...new Set(found)].filter((value) => value >= min && value <= max).sort((a, b) => a - b);
}

/** Up to `count` different numbers strictly between two; fewer where there are no more. */
function between(low: number, high: number, count: number, whole: boolean): number[] {
  const numbers: number[] = [];
  const steps = [...Array(count).keys()].map((i) => i + 1);
  if (low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY) numbers.push(...steps);
  else if (low === Number.NEGATIVE_INFINITY) numbers.push(...steps.map((i) => Math.floor(high) - i));
  else if (high === Number.POSITIVE_INFINITY)
    numbers.push(...steps.map((i) => Math.ceil(Math.max(2 * low, low)) + i));
  else if (whole) numbers.push(...steps.map((i) => Math.floor(low) + i));
  else numbers.push(...steps.map((i) => low + ((high - low) * i) / (count + 1)));
  return numbers.filter((value) => value > low && value < high);
}

function textsOf({ key }: Variable, { texts, prefixes, size }: Mentioned): string[] {
  const known = new Set([...texts, ...prefixes]);
  const longer = [...prefixes];
  const found = new Set(known);
  for (const root of [key === 'date' ? '2026-06-' : 'other', ...prefixes]) {
    const others = longer.filter((prefix) => prefix.length > root.length && prefix.startsWith(root));
    // No two tries share the sign behind the root, so each known text and each longer pattern excludes one at most.
    const tries = size + known.size;
    for (let n = 1, made = 0; made < size && n <= tries; n += 1) {
      const text = key === 'date' ? `${root}${String(n).padStart(2, '0')}` : `${root}${signOf(n)}`;
      if (known.has(text) || others.some((prefix) => text.startsWith(prefix))) continue;
      found.add(text);
      made += 1;
    }
  }
  return [...found];
}

/** Another sign for each number, as far as there are signs: digits first, which people can read in examples. */
function signOf(n: number): string {
  return n < 10 ? String(n) : String.fromCharCode(0x3400 + ((n - 10) % 0xa000));
}

function listsOf(texts: readonly string[]): Candidates {
  if (texts.length <= MOST_NAMES) {
    const all = [...Array(2 ** texts.length).keys()];
    return { values: all.map((bits) => texts.filter((_, i) => (bits >> i) & 1)), isComplete: true };
  }
  const values = [[], ...texts.map((text) => [text]), [...texts]];
  return { values, isComplete: false };
}
