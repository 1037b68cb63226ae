import type { KeysView, KeyView } from '../schemas/admin-views.ts';
import { lines, table } from './format.ts';

/** Keys as a table; what works no more says so. */
export function keysText({ keys }: KeysView, nowMs: number): string {
  if (keys.length === 0) return lines(['none']);
  const head = ['id', 'name', 'begins with', 'roles', 'made', 'by', 'last used', 'a minute', 'state'];
  const rows = keys.map((key) => [
    key.id,
    key.name,
    key.prefix ?? '-',
    key.roles.join(','),
    key.created,
    key.createdBy ?? '-',
    key.lastUsed ?? 'never',
    key.rateLimit === null ? 'as usual' : String(key.rateLimit),
    stateOf(key, nowMs),
  ]);
  return lines(table([head, ...rows]));
}

function stateOf({ revoked, expires }: KeyView, nowMs: number): string {
  if (revoked !== null) return `revoked ${revoked}`;
  if (expires === null) return 'works';
  return `${Date.parse(expires) <= nowMs ? 'expired' : 'works until'} ${expires}`;
}
