/** Names of our prefix that belong to others: development scripts and tests. */
const FOREIGN = /^WEIR_(SERVICES|INSTALL|TEST_[A-Z0-9_]+|UPDATE_[A-Z0-9_]+)$/;

/** What Kubernetes puts into every container for a Service named weir or weir-something. */
const SERVICE_LINK =
  /^WEIR_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$/;

/**
 * Faults of names that look like ours and are not: every unknown WEIR_*, and what is one slip of the finger away from
 * another variable of ours (KAFKA_BROKER would silently start the embedded log). One line each, by name.
 */
export function unknownNames(
  env: Readonly<Record<string, string | undefined>>,
  known: readonly string[],
): string[] {
  const faults: string[] = [];
  for (const [name, value] of Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (known.includes(name) || value === undefined || value.trim() === '') continue;
    const [nearest, distance] = nearestName(name, known);
    if (name.startsWith('WEIR_')) {
      if (FOREIGN.test(name) || isServiceLink(name, value)) continue;
      const hint = distance <= name.length / 2 ? `did you mean ${nearest}?` : 'remove it';
      faults.push(`${name} is not a variable of Weir: ${hint}`);
    } else if (distance === 1 && known.every((other) => !other.startsWith(`${name}_`))) {
      faults.push(
        `${name} is not read by Weir: did you mean ${nearest}? Else remove it from Weir's environment`,
      );
    }
  }
  return faults;
}

/** `<NAME>_PORT` of a service link holds tcp://address:port; typed by a person it holds a number. */
function isServiceLink(name: string, value: string): boolean {
  return (
    SERVICE_LINK.test(name) &&
    (!/_PORT$/.test(name) || name.endsWith('SERVICE_PORT') || value.includes('://'))
  );
}

function nearestName(name: string, known: readonly string[]): [string, number] {
  let best: [string, number] = ['', Infinity];
  for (const candidate of known) {
    const distance = editDistance(name, candidate);
    if (distance < best[1]) best = [candidate, distance];
  }
  return best;
}

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + cost);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, (before[j - 2] ?? 0) + 1);
      row.push(least);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}
