import type { KeyView } from '../schemas/admin-views.ts';
import type { ListedApiKey } from '../storage/people-ports.ts';

/** A key as it is listed. */
export function keyView(key: ListedApiKey): KeyView {
  const { id, name, roles, prefix, createdMs, createdBy, expiresMs, lastUsedMs, revokedMs, rateLimit } = key;
  return {
    ...{ id, name, roles, prefix, createdBy, rateLimit },
    created: new Date(createdMs).toISOString(),
    expires: instantText(expiresMs),
    lastUsed: instantText(lastUsedMs),
    revoked: instantText(revokedMs),
  };
}

/** ms since 1970 UTC as ISO 8601. */
export function instantText(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
