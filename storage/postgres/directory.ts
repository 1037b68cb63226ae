import type pg from 'pg';
import { AppError } from '../../schemas/errors.ts';
import type { OperatorCommand } from '../../schemas/control.ts';
import { defaultNasProfile } from '../../schemas/profile.ts';
import type { PoolProfile } from '../../schemas/pool.ts';
import type { FeedProfile, NasProfile, PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import type { Directory } from '../people-ports.ts';
import type { NasAccess } from '../ports.ts';
import { changeInOrder } from './control-outbox.ts';
import * as sql from './directory-statements.ts';
import { LAYOUT_OF_ALL } from './policy-reports.ts';
import { postgresError } from './postgres-error.ts';
import type { SecretBox } from './secret-box.ts';
import { storable } from './storable.ts';

/** Rows a statement: one JSON argument of a few MB. */
const CHUNK = 2_000;

/**
 * Subscribers, plans and NAS in Postgres. One transaction a call, whatever its size; 20,000 subscribers take
 * 2.5 s, and 0.2 s where nothing changed. NAS secrets are sealed before they reach the database.
 */
export class PostgresDirectory implements Directory {
  readonly #pool: pg.Pool;
  readonly #box: SecretBox;
  readonly #onChange: () => void;
  readonly #defaultCurrency: string;

  /**
   * @param onChange called after each committed call, to wake a relay in this process
   * @param defaultCurrency of accounts whose plans say none, ISO 4217
   */
  constructor(
    pool: pg.Pool,
    box: SecretBox,
    onChange: () => void = () => undefined,
    defaultCurrency = 'EUR',
  ) {
    this.#pool = pool;
    this.#box = box;
    this.#onChange = onChange;
    this.#defaultCurrency = defaultCurrency;
  }

  /** @throws AppError 'conflict' when a version is stored with other content: publish a new version instead */
  async putPlans(plans: readonly PlanVersion[]): Promise<void> {
    const rows = lastOfEach(plans, (plan) => `${plan.planId} ${plan.version}`);
    await this.#put(rows, sql.PUT_PLANS, sql.IMMUTABLE_PLANS);
  }

  /**
   * What a directory says is kept beside what was bought or changed otherwise: that stays, and where the two speak of one
   * time the directory is not heard..
   */
  async putSubscribers(profiles: readonly SubscriberProfile[]): Promise<void> {
    const given = lastOfEach(profiles, (profile) => profile.subscriberId);
    await this.#put(given, sql.PUT_SUBSCRIBERS, undefined, [this.#defaultCurrency]);
  }

  async putPools(pools: readonly PoolProfile[]): Promise<void> {
    await this.#put(
      lastOfEach(pools, (pool) => pool.poolId),
      sql.PUT_POOLS,
    );
  }

  /** Access alone makes no control: the fold does not know addresses. The audit notes both. */
  async putNas(nas: readonly { profile: NasProfile; access: NasAccess | null }[]): Promise<void> {
    const items = lastOfEach(nas, ({ profile }) => profile.nasId);
    const stored = await this.#sealedSecrets(items.map(({ profile }) => profile.nasId));
    const rows = items.map(({ profile, access }) => ({
      profile,
      address: access?.address ?? null,
      coaPort: access?.coaPort ?? null,
      vendor: access?.vendor ?? null,
      secretSealed: access === null ? null : this.#sealed(access.secret, profile.nasId, stored),
    }));
    await this.#put(rows, sql.PUT_NAS);
  }

  async putNasProfile(profile: NasProfile): Promise<void> {
    await this.#put([profile], sql.PUT_NAS_PROFILES);
  }

  /** By id. What a profile of an earlier version does not say is as where nobody describes the NAS. */
  async nasProfiles(): Promise<NasProfile[]> {
    const rows = await this.#read<{ nas_id: string; profile: Partial<NasProfile> }>(
      'select nas_id, profile from nas order by nas_id collate "C"',
      [],
    );
    return rows.map((row) => ({ ...defaultNasProfile(row.nas_id), ...row.profile }));
  }

  async putFeed(feed: FeedProfile): Promise<void> {
    await this.#put([feed], sql.PUT_FEEDS);
  }

  /** By id. */
  async feeds(): Promise<FeedProfile[]> {
    const rows = await this.#read<{ profile: FeedProfile }>(
      'select profile from feed order by feed_id collate "C"',
      [],
    );
    return rows.map((row) => row.profile);
  }

  async command(command: OperatorCommand): Promise<void> {
    const { by, ...content } = command;
    await changeInOrder(this.#pool, (client) =>
      client.query(sql.COMMAND, [
        JSON.stringify({ kind: 'operator', command }),
        storable(by),
        command.type,
        storable(command.subscriberId),
        JSON.stringify(content),
      ]),
    );
    this.#onChange();
  }

  /** @throws AppError 'invalid-input' when the version is no positive 32-bit integer */
  async raiseFoldVersion(version: number): Promise<void> {
    if (!Number.isInteger(version) || version < 1 || version > 0x7fff_ffff) {
      throw new AppError('invalid-input', `${version} is no version of the fold`);
    }
    await changeInOrder(this.#pool, (client) => client.query(sql.RAISE_FOLD_VERSION, [version]));
    this.#onChange();
  }

  async foldVersion(): Promise<number | null> {
    const rows = await this.#read<{ layout: number | null }>(LAYOUT_OF_ALL, []);
    return rows[0]?.layout ?? null;
  }

  /** By id. */
  async pools(): Promise<PoolProfile[]> {
    const rows = await this.#read<{ profile: PoolProfile }>(
      'select profile from pool order by pool_id collate "C"',
      [],
    );
    return rows.map((row) => row.profile);
  }

  async subscriber(subscriberId: string): Promise<SubscriberProfile | null> {
    const rows = await this.#read<{ profile: SubscriberProfile }>(
      'select profile from subscriber where subscriber_id = $1',
      [subscriberId],
    );
    return rows[0]?.profile ?? null;
  }

  /** The newest version. */
  async plan(planId: string): Promise<PlanVersion | null> {
    const rows = await this.#read<{ content: PlanVersion }>(
      'select content from plan_version where plan_id = $1 order by version desc limit 1',
      [planId],
    );
    return rows[0]?.content ?? null;
  }

  async plans(): Promise<PlanVersion[]> {
    const rows = await this.#read<{ content: PlanVersion }>(
      'select distinct on (plan_id) content from plan_version order by plan_id, version desc',
      [],
    );
    return rows.map((row) => row.content);
  }

  async counts(): Promise<{ subscribers: number; plans: number; nas: number }> {
    const rows = await this.#read<{ subscribers: number; plans: number; nas: number }>(
      `select (select count(*) from subscriber) as subscribers,
              (select count(distinct plan_id) from plan_version) as plans,
              (select count(*) from nas where nas_id <> '*') as nas`,
      [],
    );
    return rows[0] ?? { subscribers: 0, plans: 0, nas: 0 };
  }

  /**
   * @param immutable finds a row of the chunk that is stored with other content
   * @param more what the statement takes besides
   */
  async #put(
    rows: readonly unknown[],
    statement: string,
    immutable?: string,
    more: readonly unknown[] = [],
  ): Promise<void> {
    if (rows.length === 0) return;
    await changeInOrder(this.#pool, async (client) => {
      for (let at = 0; at < rows.length; at += CHUNK) {
        const chunk = [JSON.stringify(rows.slice(at, at + CHUNK))];
        if (immutable !== undefined) await assertSame(client, immutable, chunk);
        await client.query(statement, [...chunk, ...more]);
      }
    });
    this.#onChange();
  }

  /** A secret that is the stored one keeps its sealed bytes, so that it shows as unchanged. */
  #sealed(secret: string, nasId: string, stored: ReadonlyMap<string, Buffer>): string {
    const before = stored.get(nasId);
    const same = before !== undefined && this.#opens(before, nasId, secret);
    return (same ? before : this.#box.seal(secret, nasId)).toString('hex');
  }

  #opens(sealed: Buffer, nasId: string, secret: string): boolean {
    try {
      return this.#box.open(sealed, nasId) === secret;
    } catch {
      // Sealed under another key: the new secret takes its place.
      return false;
    }
  }

  async #sealedSecrets(nasIds: readonly string[]): Promise<Map<string, Buffer>> {
    if (nasIds.length === 0) return new Map();
    const rows = await this.#read<{ nas_id: string; secret_sealed: Buffer }>(sql.SEALED_SECRETS, [
      JSON.stringify(nasIds),
    ]);
    return new Map(rows.map((row) => [row.nas_id, row.secret_sealed]));
  }

  async #read<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#pool.query<R>(text, values)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}

async function assertSame(client: pg.PoolClient, statement: string, values: unknown[]): Promise<void> {
  const changed = await client.query<{ name: string }>(statement, values);
  const [first] = changed.rows;
  if (first !== undefined) throw new AppError('conflict', `${first.name} is stored with other content`);
}

/** One statement can touch a row once; a later item of the same call replaces an earlier one. */
function lastOfEach<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}
