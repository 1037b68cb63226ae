/**
 * Splits a whole number over parts in proportion to their lengths: integers that sum exactly, by the largest
 * remainder; equal remainders go to the earlier part. Lengths are non-negative integers; all zero: the last gets all.
 */
export function splitExactly(total: number, lengths: readonly number[]): number[] {
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
