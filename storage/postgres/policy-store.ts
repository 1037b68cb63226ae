import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { Control } from '../../schemas/control.ts';
import { AppError } from '../../schemas/errors.ts';
import type { PolicyVersion } from '../../schemas/policy.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import { canonicalJson } from '../canonical-json.ts';
import { headsAfter, headsBefore, sameHeads } from '../policy-heads.ts';
import type {
  Authorship,
  ChangeSource,
  FolderContent,
  PolicyChange,
  PolicyHead,
  PolicyStore,
  StoredPolicyVersion,
  StoredSettings,
  VersionsInForce,
} from '../policy-ports.ts';
import { changeInOrder } from './control-outbox.ts';
import * as sql from './policy-statements.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

/** Changes of one policy that a rollback looks back over. */
const MAX_CHANGES = 10_000;

type Heads = VersionsInForce & { folderVersion: string | null };
/** What a folder holds a version of: a policy id, or SETTINGS_SUBJECT. */
type Subject = [subject: string, version: string];
const SETTINGS_SUBJECT = 'provider.json';
type Kind = PolicyChange['kind'];

interface HeadRow {
  policy_id: string;
  base: string | null;
  candidate: string | null;
  folder_version: string | null;
}

interface VersionRow {
  content: PolicyVersion;
  stored_ms: number;
  author: string | null;
  source: ChangeSource | null;
  comment: string;
}

interface StoredJson {
  content: PolicyVersion;
  storedMs: number;
  by: string | null;
  source: ChangeSource | null;
  comment: string;
}

interface FullHeadRow {
  policy_id: string;
  folder_version: string | null;
  newest: StoredJson;
  base: StoredJson | null;
  base_change: PolicyChange | null;
  candidate: StoredJson | null;
  candidate_change: PolicyChange | null;
}

/** Versions of policies in Postgres; a change is a transaction of a few small statements a policy. */
export class PostgresPolicyStore implements PolicyStore {
  readonly #pool: pg.Pool;
  readonly #onChange: () => void;

  /** @param onChange called after each committed change, to wake a relay in this process */
  constructor(pool: pg.Pool, onChange: () => void = () => undefined) {
    this.#pool = pool;
    this.#onChange = onChange;
  }

  async draft(policy: PolicyVersion, author: Authorship): Promise<boolean> {
    return this.#change(async (client) => {
      const added = await addVersion(client, policy, author);
      const { policyId, version } = policy;
      await audit(client, 'policy-draft', policyId, author, { version, mode: policy.file.mode, added });
      return added;
    });
  }

  async noteValidated(policyId: string | null, version: string | null, author: Authorship): Promise<void> {
    try {
      await audit(this.#pool, 'policy-validate', policyId ?? '-', author, { version });
    } catch (error) {
      throw postgresError(error);
    }
  }

  async publish(policies: readonly PolicyVersion[], author: Authorship): Promise<PolicyChange[]> {
    if (policies.length === 0) return [];
    return this.#change(async (client) => {
      const changes = await publishAll(client, policies, author);
      const same = policies.filter(({ policyId }) => !changes.some((change) => change.policyId === policyId));
      for (const { policyId, version } of same)
        await audit(client, 'policy-publish', policyId, author, { version, changed: false });
      return changes;
    });
  }

  async takeFolder(
    { settings, policies }: FolderContent,
    author: Authorship,
    changed: ReadonlySet<string> = new Set(),
  ): Promise<{ changes: PolicyChange[]; settings: boolean }> {
    return this.#change(async (client) => {
      const given = policies.map(({ policyId, version }): Subject => [policyId, version]);
      if (settings !== null) given.push([SETTINGS_SUBJECT, settingsVersion(settings)]);
      const news = await untakenOf(client, given, changed);
      const taken =
        settings !== null && news.has(SETTINGS_SUBJECT) && (await takeSettings(client, settings, author));
      const fresh = policies.filter(({ policyId }) => news.has(policyId));
      const changes = await publishAll(client, fresh, author);
      for (const { policyId, version } of fresh) await client.query(sql.FOLDER_TAKEN, [policyId, version]);
      return { changes, settings: taken };
    });
  }

  async untaken(
    policies: readonly PolicyVersion[],
    changed: ReadonlySet<string> = new Set(),
  ): Promise<string[]> {
    const given = policies.map(({ policyId, version }): Subject => [policyId, version]);
    try {
      return [...(await untakenOf(this.#pool, given, changed))];
    } catch (error) {
      throw postgresError(error);
    }
  }

  async rollback(policyId: string, author: Authorship): Promise<PolicyChange> {
    return this.#change(async (client) => {
      const heads = await headOf(client, policyId);
      const { rows } = await client.query<{ change: PolicyChange }>(sql.CHANGES, [policyId, MAX_CHANGES]);
      const next = headsBefore(heads, rows.map(({ change }) => change).reverse());
      if (next === null)
        throw new AppError('conflict', `policy ${policyId} has nothing before it to go back to`);
      const policy = next.base === null ? null : await contentOf(client, policyId, next.base);
      return change(client, 'rollback', policyId, next, policy, author);
    });
  }

  async withdraw(policyId: string, author: Authorship): Promise<PolicyChange | null> {
    return this.#change(async (client) => {
      const heads = await headOf(client, policyId);
      const nothing = { base: null, candidate: null };
      if (sameHeads(heads, nothing)) {
        await audit(client, 'policy-withdraw', policyId, author, { changed: false });
        return null;
      }
      return change(client, 'withdraw', policyId, nothing, null, author);
    });
  }

  async heads(): Promise<PolicyHead[]> {
    return (await this.#read<FullHeadRow>(sql.HEADS_IN_FULL, [null])).map(headOfRow);
  }

  async head(policyId: string): Promise<PolicyHead | null> {
    const rows = await this.#read<FullHeadRow>(sql.HEADS_IN_FULL, [storable(policyId)]);
    return rows.map(headOfRow)[0] ?? null;
  }

  async versions(policyId: string, limit: number): Promise<StoredPolicyVersion[]> {
    return (await this.#read<VersionRow>(sql.VERSIONS, [storable(policyId), limit])).map(versionOf);
  }

  async version(policyId: string, version: string): Promise<StoredPolicyVersion | null> {
    const rows = await this.#read<VersionRow>(sql.ONE_VERSION, [storable(policyId), storable(version)]);
    return rows.map(versionOf)[0] ?? null;
  }

  async inOtherModes(policyId: string, version: string): Promise<string[]> {
    const rows = await this.#read<{ version: string }>(sql.IN_OTHER_MODES, [
      storable(policyId),
      storable(version),
    ]);
    return rows.map((row) => row.version);
  }

  async changes(policyId: string, limit: number): Promise<PolicyChange[]> {
    const rows = await this.#read<{ change: PolicyChange }>(sql.CHANGES, [storable(policyId), limit]);
    return rows.map(({ change: one }) => one);
  }

  async settings(): Promise<StoredSettings | null> {
    const rows = await this.#read<{
      version: string;
      content: ProviderSettings;
      published_ms: number;
      author: string | null;
      source: ChangeSource | null;
      comment: string;
    }>(sql.SETTINGS, []);
    const [row] = rows;
    if (row === undefined) return null;
    const { version, content, published_ms, author, source, comment } = row;
    return {
      version,
      settings: content,
      publishedAtMs: Math.floor(published_ms),
      by: author,
      source,
      comment,
    };
  }

  async putSettings(settings: ProviderSettings, author: Authorship): Promise<boolean> {
    return this.#change(async (client) => {
      const changed = await publishSettings(client, settings, author);
      if (!changed) await audit(client, 'provider-settings', settingsVersion(settings), author, { changed });
      return changed;
    });
  }

  async #change<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const result = await changeInOrder(this.#pool, work);
    this.#onChange();
    return result;
  }

  async #read<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#pool.query<R>(text, values)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}

/** What leaves a trace in no other statement: a check, a draft, a change to what is in force already. */
async function audit(
  client: Pick<pg.Pool | pg.PoolClient, 'query'>,
  action: string,
  subject: string,
  { by, source, comment }: Authorship,
  told: object,
): Promise<void> {
  const content = JSON.stringify({ ...told, source, comment });
  await client.query(sql.AUDIT, [storable(by), action, storable(subject), content]);
}

async function publishAll(
  client: pg.PoolClient,
  policies: readonly PolicyVersion[],
  author: Authorship,
): Promise<PolicyChange[]> {
  const changes: PolicyChange[] = [];
  const heads = await headsOf(client, policies);
  for (const policy of policies) {
    const { policyId } = policy;
    await addVersion(client, policy, author);
    const before = heads.get(policyId) ?? { base: null, candidate: null, folderVersion: null };
    const next = headsAfter(before, policy);
    if (sameHeads(before, next)) continue;
    changes.push(await change(client, 'publish', policyId, next, policy, author));
    heads.set(policyId, { ...before, ...next });
  }
  return changes;
}

/** @param policy what goes to the log; null = it is withdrawn there */
async function change(
  client: pg.PoolClient,
  kind: Kind,
  policyId: string,
  { base, candidate }: VersionsInForce,
  policy: PolicyVersion | null,
  { by, source, comment }: Authorship,
): Promise<PolicyChange> {
  const control: Control =
    policy === null ? { kind: 'policy-withdrawn', policyId } : { kind: 'policy-version', policy };
  const told = { version: policy?.version ?? null, mode: policy?.file.mode ?? null, source, comment };
  const who = storable(by);
  const why = storable(comment);
  const { rows } = await client.query<{ at_ms: number }>(sql.CHANGE, [
    ...[policyId, kind, base, candidate, who, source, why],
    JSON.stringify(control),
    JSON.stringify(told),
  ]);
  const atMs = Math.floor(rows[0]?.at_ms ?? 0);
  return { policyId, kind, base, candidate, atMs, by: who, source, comment: why };
}

async function addVersion(
  client: pg.PoolClient,
  { policyId, version, file }: PolicyVersion,
  { by, source, comment }: Authorship,
): Promise<boolean> {
  const content = JSON.stringify({ policyId, version, file });
  const added = await client.query(sql.ADD_VERSION, [
    ...[policyId, version, content, storable(by), source, storable(comment)],
  ]);
  if (added.rows.length > 0) return true;
  const other = await client.query(sql.OTHER_CONTENT, [policyId, version, content]);
  if (other.rows.length > 0)
    throw new AppError('conflict', `version ${version} of policy ${policyId} is stored with other content`);
  return false;
}

async function headsOf(
  client: pg.PoolClient,
  policies: readonly { policyId: string }[],
): Promise<Map<string, Heads>> {
  const { rows } = await client.query<HeadRow>(sql.HEADS, [policies.map(({ policyId }) => policyId)]);
  return new Map(
    rows.map(({ policy_id, base, candidate, folder_version }) => [
      policy_id,
      { base, candidate, folderVersion: folder_version },
    ]),
  );
}

async function headOf(client: pg.PoolClient, policyId: string): Promise<Heads> {
  const heads = (await headsOf(client, [{ policyId: storable(policyId) }])).get(policyId);
  if (heads === undefined) throw new AppError('not-found', `no policy ${policyId} was ever published`);
  return heads;
}

async function contentOf(client: pg.PoolClient, policyId: string, version: string): Promise<PolicyVersion> {
  const { rows } = await client.query<VersionRow>(sql.ONE_VERSION, [policyId, version]);
  const [row] = rows;
  if (row === undefined) throw new AppError('store-corrupt', `version ${version} of ${policyId} is gone`);
  return row.content;
}

async function untakenOf(
  client: Pick<pg.Pool | pg.PoolClient, 'query'>,
  given: readonly Subject[],
  changed: ReadonlySet<string>,
): Promise<Set<string>> {
  const { rows } = await client.query<{ subject: string }>(sql.UNTAKEN, [
    given.map(([subject]) => storable(subject)),
    given.map(([, version]) => version),
    [...changed],
  ]);
  return new Set(rows.map(({ subject }) => subject));
}

async function takeSettings(
  client: pg.PoolClient,
  settings: ProviderSettings,
  author: Authorship,
): Promise<boolean> {
  const isNew = await publishSettings(client, settings, author);
  await client.query(sql.SETTINGS_FOLDER_TAKEN, [settingsVersion(settings)]);
  return isNew;
}

async function publishSettings(
  client: pg.PoolClient,
  settings: ProviderSettings,
  { by, source, comment }: Authorship,
): Promise<boolean> {
  const version = settingsVersion(settings);
  const { rows } = await client.query<{ version: string | null }>(sql.SETTINGS_HEAD);
  if (rows[0]?.version === version) return false;
  const author = [storable(by), source, storable(comment)];
  await client.query(sql.ADD_SETTINGS, [version, JSON.stringify(settings), ...author]);
  const control: Control = { kind: 'provider-settings', settings };
  await client.query(sql.CHANGE_SETTINGS, [
    version,
    ...author,
    JSON.stringify(control),
    JSON.stringify({ source, comment }),
  ]);
  return true;
}

function settingsVersion(settings: ProviderSettings): string {
  return createHash('sha256').update(canonicalJson(settings)).digest('hex');
}

function versionOf({ content, stored_ms, author, source, comment }: VersionRow): StoredPolicyVersion {
  return { ...content, storedAtMs: Math.floor(stored_ms), by: author, source, comment };
}

function storedOf({ content, storedMs, by, source, comment }: StoredJson): StoredPolicyVersion {
  return { ...content, storedAtMs: storedMs, by, source, comment };
}

function headOfRow(row: FullHeadRow): PolicyHead {
  const { base, base_change, candidate, candidate_change } = row;
  return {
    policyId: row.policy_id,
    base: base === null || base_change === null ? null : { version: storedOf(base), change: base_change },
    candidate:
      candidate === null || candidate_change === null
        ? null
        : { version: storedOf(candidate), change: candidate_change },
    newest: storedOf(row.newest),
    folderVersion: row.folder_version,
  };
}
