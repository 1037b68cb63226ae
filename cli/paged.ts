import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { ListView } from '../schemas/tariff-views.ts';
import { getView } from './api-client.ts';
import type { ApiTarget } from './api-client.ts';

/** How much of a list is printed. */
export interface PageFlags {
  limit?: number;
}

const PAGE = 500;
const DEFAULT_LIMIT = 1_000;

/** Gives a command that lists something its bound. */
export function withLimit(command: Command): Command {
  return command.option('--limit <n>', `at most so many; ${DEFAULT_LIMIT} if not given`, limitOf);
}

/** A list, part by part up to the bound. `next` says that there is more. */
export async function allPages<T>(
  target: ApiTarget,
  path: string,
  query: URLSearchParams,
  { limit = DEFAULT_LIMIT }: PageFlags,
): Promise<ListView<T>> {
  const items: T[] = [];
  let next: string | null = null;
  do {
    const asked = new URLSearchParams(query);
    asked.set('limit', String(Math.min(PAGE, limit - items.length)));
    if (next !== null) asked.set('after', next);
    const page: ListView<T> = await getView<ListView<T>>(target, `${path}?${asked}`);
    items.push(...page.items);
    ({ next } = page);
  } while (next !== null && items.length < limit);
  return { items, next };
}

/** Values that were given, as a query. */
export function queryOf(given: Record<string, string | undefined>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(given)) if (value !== undefined) query.set(name, value);
  return query;
}

function limitOf(text: string): number {
  if (/^[1-9][0-9]{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1 to 999999.');
}
