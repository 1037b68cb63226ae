import type { Condition } from '../../schemas/policy.ts';
import type { FactName } from '../facts/catalogue.ts';
import { isFactName } from '../facts/catalogue.ts';

/**
 * Facts of the catalogue that a condition asks about: also behind names and as the value that another is compared with.
 * Takes what does not compile, too: names that lead nowhere or in a circle add nothing.
 */
export function factsUsed(
  condition: Condition,
  named: Readonly<Record<string, Condition>> = {},
): Set<FactName> {
  const used = new Set<FactName>();
  const followed = new Set<string>();
  const waiting: Condition[] = [condition];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if ('any' in next) waiting.push(...next.any);
    if ('all' in next) waiting.push(...next.all);
    if ('not' in next) waiting.push(next.not);
    if ('condition' in next && Object.hasOwn(named, next.condition) && !followed.has(next.condition)) {
      followed.add(next.condition);
      const behind = named[next.condition];
      if (behind !== undefined) waiting.push(behind);
    }
    if (!('fact' in next)) continue;
    const { fact, value } = next;
    for (const name of [fact, factOf(value)]) if (name !== null && isFactName(name)) used.add(name);
  }
  return used;
}

function factOf(value: unknown): string | null {
  const other = typeof value === 'object' && value !== null && 'fact' in value ? value.fact : null;
  return typeof other === 'string' ? other : null;
}
