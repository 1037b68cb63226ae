/** A condition's priority as json-rules-engine reads it: of all, any and not a whole number, of others as it stands. */
export function conditionPriority(raw: unknown, isBoolean: boolean): unknown {
  return (isBoolean ? Number.parseInt(String(raw), 10) : raw) || 1;
}

/** True for what the library takes without throwing: its own table of priorities has the keys of every object. */
export function isPriority(raw: unknown): boolean {
  if (typeof raw === 'string') return !(raw in Object.prototype);
  return raw === undefined || raw === null || typeof raw === 'number';
}

/**
 * Sets of one priority each, highest first. Inside a set all are asked, the next set only while the answer is open. This
 * is the library's own way (its comparison too: what is no number comes last), as it says which conditions may throw.
 */
export function prioritySets<T extends { priority: unknown }>(conditions: readonly T[]): T[][] {
  const sets: Record<string, T[]> = {};
  for (const condition of conditions) (sets[String(condition.priority)] ??= []).push(condition);
  return Object.keys(sets)
    .sort((a, b) => (Number(a) > Number(b) ? -1 : 1))
    .map((priority) => sets[priority] ?? []);
}

/**
 * A rule's priority as the library reads it: absent, null and 0 are 1, `"7"` is 7, 2.9 is 2. What is no number runs last,
 * here 0.
 *
 * @returns null where the library throws: below 1
 */
export function rulePriority(raw: unknown): number | null {
  const priority = Number.parseInt(String(raw || 1), 10);
  if (priority <= 0) return null;
  return Number.isNaN(priority) ? 0 : priority;
}
