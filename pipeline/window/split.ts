/**
 * Splits a whole number over parts in proportion to their lengths: integers that sum exactly, by the largest
 * remainder; equal remainders go to the earlier part. Lengths are non-negative integers; all zero: the last gets all.
 */
export function splitExactly(total: number, lengths: readonly number[]): number[] {
  // One or two windows are nearly all there is: no sorting, a seventh of all that the fold allocates.
  if (lengths.length === 1) return [total];
  if (lengths.length === 2) {
    const first = firstOfTwo(total, lengths[0] ?? 0, lengths[1] ?? 0);
    return [first, total - first];
  }
  const sum = lengths.reduce((a, b) => a + b, 0);
  if (sum === 0) return lengths.map((_, i) => (i === lengths.length - 1 ? total : 0));
  const parts: number[] = [];
  const rests: number[] = [];
  let left = total;
  for (const length of lengths) {
    const [part, rest] = divide(total, length, sum);
    parts.push(part);
    rests.push(rest);
    left -= part;
  }
  const order = rests.map((_, i) => i).sort((a, b) => (rests[b] ?? 0) - (rests[a] ?? 0) || a - b);
  for (const i of order.slice(0, left)) parts[i] = (parts[i] ?? 0) + 1;
  return parts;
}

/** The first one's share of two; the second has the rest. */
export function firstOfTwo(total: number, first: number, second: number): number {
  const sum = first + second;
  if (sum === 0) return 0;
  const product = total * first;
  let [part, rest] = [0, 0];
  if (product <= Number.MAX_SAFE_INTEGER) {
    rest = product % sum;
    part = (product - rest) / sum;
  } else [part, rest] = divide(total, first, sum);
  // What is left is 1 or nothing, and the second's remainder is what the first's lacks to `sum`.
  return rest > 0 && rest >= sum - rest ? part + 1 : part;
}

/** floor(total * length / sum) and the remainder, exact also where the product exceeds 2^53. */
function divide(total: number, length: number, sum: number): [number, number] {
  const product = total * length;
  if (product <= Number.MAX_SAFE_INTEGER) {
    const rest = product % sum;
    return [(product - rest) / sum, rest];
  }
  const exact = BigInt(total) * BigInt(length);
  return [Number(exact / BigInt(sum)), Number(exact % BigInt(sum))];
}
