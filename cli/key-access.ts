import { keyView } from '../api/key-view.ts';
import { openAdmin } from '../pipeline/compose-admin.ts';
import { readConfig } from '../pipeline/config.ts';
import type { KeysView, NewKeyView, RevokedKeyView } from '../schemas/admin-views.ts';
import { AppError, isAppError } from '../schemas/errors.ts';
import type { Role } from '../schemas/roles.ts';
import type { ApiKeys } from '../storage/people-ports.ts';
import { apiTarget, deleteView, getView, postView } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { commandLog } from './command-log.ts';
import type { CliIo } from './commands.ts';

/** Who changed something in the database itself, for the audit. */
const BY = 'weir keys';

/** A key to be made. */
export interface WantedKey {
  name: string;
  roles: Role[];
  /** ISO 8601; null = until it is revoked */
  expires: string | null;
  /** requests a minute; null = the usual limit */
  rateLimit: number | null;
}

/** What the commands do with keys. */
export interface KeyAccess {
  create(wanted: WantedKey): Promise<NewKeyView>;
  list(): Promise<KeysView>;
  /** Throws 'not-found' where no key that works is called so. */
  revoke(id: string): Promise<RevokedKeyView>;
}

/**
 * Does something with the keys: in the database, since the first key comes from somewhere; through the running Weir where
 * that is named, or holds the embedded database.
 */
export async function withKeys<T>(
  io: CliIo,
  flags: ApiFlags,
  use: (keys: KeyAccess) => Promise<T>,
): Promise<T> {
  const config = readConfig(io.env);
  if (flags.url !== undefined || flags.keyFile !== undefined) return use(throughApi(io, flags));
  try {
    const admin = await openAdmin(config, commandLog(io));
    try {
      return await use(inDatabase(await admin.keys()));
    } finally {
      await admin.close();
    }
  } catch (error) {
    if (!isAppError(error, 'data-folder-in-use')) throw error;
    return await use(throughApi(io, flags)).catch((second: unknown) => {
      // Whatever holds the folder does not answer: that it holds it is what a person must know.
      throw isAppError(second, 'unreachable', 'timeout') ? error : second;
    });
  }
}

function throughApi(io: CliIo, flags: ApiFlags): KeyAccess {
  const target = apiTarget(readConfig(io.env), flags);
  return {
    create: ({ expires, rateLimit, ...wanted }) =>
      postView<NewKeyView>(target, '/v1/keys', {
        ...wanted,
        ...(expires === null ? {} : { expires }),
        ...(rateLimit === null ? {} : { rateLimit }),
      }),
    list: () => getView<KeysView>(target, '/v1/keys'),
    revoke: (id) => deleteView<RevokedKeyView>(target, `/v1/keys/${encodeURIComponent(id)}`),
  };
}

function inDatabase(keys: ApiKeys): KeyAccess {
  return {
    create: async ({ name, roles, expires, rateLimit }) => {
      const limits = {
        by: BY,
        ...(expires === null ? {} : { expiresMs: Date.parse(expires) }),
        ...(rateLimit === null ? {} : { rateLimit }),
      };
      return { ...(await keys.create(name, roles, limits)), name, roles, expires, rateLimit };
    },
    list: async () => ({ keys: (await keys.list()).map(keyView) }),
    revoke: async (id) => {
      if (await keys.revoke(id, BY)) return { id };
      throw new AppError('not-found', `there is no key ${id} that works`);
    },
  };
}
