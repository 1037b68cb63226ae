import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import { realDatabase } from '../../storage/postgres/database.contract.ts';
import type { TestDatabase } from '../../storage/postgres/database.contract.ts';
import { PostgresDirectory } from '../../storage/postgres/directory.ts';
import { PostgresInvoiceLedger } from '../../storage/postgres/invoice-ledger.ts';
import { PostgresItemBook } from '../../storage/postgres/item-book.ts';
import { migrate, migrationStatus } from '../../storage/postgres/migrate.ts';
import { SecretBox } from '../../storage/postgres/secret-box.ts';
import { PostgresTariffReads } from '../../storage/postgres/tariff-reads.ts';
import { postgresTariffs } from '../../storage/postgres/tariff-store.ts';

const MIGRATIONS = new URL('../../storage/migrations/postgres/', import.meta.url);
/** The last one that the release before has. */
const NEWEST_BEFORE = '033';

/** A statement as the release before sent it, and how many rows it gave or changed on its own tables. */
interface Recorded {
  /** connection */
  client: number;
  text: string;
  values: unknown[];
  rowCount: number | null;
  fields: string[];
}

/** Of one start of that program on its tables, and of another one: with later versions, other ids, changed profiles. */
interface Recording {
  old: Recorded[];
  new: Recorded[];
}

function recording(): Recording {
  const file = gunzipSync(readFileSync(new URL('statements-033.json.gz', import.meta.url)));
  return JSON.parse(file.toString('utf8'), (_key, value: unknown) => {
    const { base64, date } = (value ?? {}) as { base64?: string; date?: string };
    if (base64 !== undefined) return Buffer.from(base64, 'base64');
    return date === undefined ? value : new Date(date);
  }) as Recording;
}

describe('the tables of this release under the program of the one before', () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  let applied: string[];
  /** what was answered otherwise than on its own tables, one line each */
  let otherwise: string[];

  beforeAll(async () => {
    database = await realDatabase('statements', { migrated: false });
    ({ pool } = database);
    const statements = recording();
    await migrateAsBefore();
    expect(await replay(statements.old)).toEqual([]);
    ({ applied } = await migrate(pool));
    otherwise = await replay(statements.new);
  });

  afterAll(async () => {
    await database.close();
  });

  async function migrateAsBefore(): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'weir-migrations-'));
    try {
      const files = (await readdir(MIGRATIONS)).filter((file) => file.slice(0, 3) <= NEWEST_BEFORE);
      await Promise.all(files.map((file) => copyFile(new URL(file, MIGRATIONS), join(folder, file))));
      await migrate(pool, pathToFileURL(`${folder}/`));
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  /** One after the other, each on the connection that it was recorded on. */
  async function replay(statements: readonly Recorded[]): Promise<string[]> {
    const clients = new Map<number, pg.PoolClient>();
    const found: string[] = [];
    try {
      for (const { client: number, text, values, rowCount, fields } of statements) {
        const client = clients.get(number) ?? (await pool.connect());
        clients.set(number, client);
        const first = text.trim().split('\n')[0] ?? '';
        try {
          const answer = await client.query(text, values);
          const [last] = [answer].flat().slice(-1);
          const had = last?.fields.map(({ name }) => name) ?? [];
          if (last?.rowCount !== rowCount)
            found.push(`${first}: ${String(last?.rowCount)} rows, not ${String(rowCount)}`);
          if (had.join() !== fields.join()) found.push(`${first}: ${had.join()}, not ${fields.join()}`);
        } catch (error) {
          found.push(`${first}: ${(error as Error).message}`);
        }
      }
    } finally {
      for (const client of clients.values()) client.release();
    }
    return found;
  }

  async function profiles(): Promise<SubscriberProfile[]> {
    const { rows } = await pool.query<{ profile: SubscriberProfile }>(
      'select profile from subscriber order by subscriber_id',
    );
    return rows.map(({ profile }) => profile);
  }

  it('were brought up to date from those of that release', async () => {
    expect(applied.length).toBeGreaterThan(0);
    expect(applied.every((name) => name.slice(0, 3) > NEWEST_BEFORE)).toBe(true);
    expect(await migrationStatus(pool)).toMatchObject({ pending: [], unknown: [] });
  });

  it('take every statement of it, with the answers of its own tables', () => {
    expect(otherwise).toEqual([]);
  });

  it('hold in rows what it wrote as profiles, before the migration and after', async () => {
    const written = await profiles();
    expect(written.map(({ subscriberId }) => subscriberId)).toEqual([
      'kept',
      'new-a',
      'new-b',
      'old-a',
      'old-b',
    ]);
    const derived = await pool.query<{ profile: SubscriberProfile }>(
      `select d.profile from weir_profiles((select array_agg(subscriber_id) from subscriber)) d order by d.subscriber_id`,
    );
    expect(derived.rows.map(({ profile }) => profile)).toEqual(written);
    const kept = await new PostgresTariffReads(pool).rows('kept');
    expect(kept).toMatchObject({
      segment: 'business',
      account: { currency: 'EUR', billingStatus: 'current' },
    });
    expect(kept?.assignments.map(({ planId }) => planId)).toEqual(['home', 'new-plan']);
    // What a directory of this release says again changes nothing.
    await pool.query('delete from control_outbox');
    await new PostgresDirectory(pool, new SecretBox(Buffer.alloc(32, 7))).putSubscribers(written);
    expect((await pool.query('select from control_outbox')).rowCount).toBe(0);
  });

  it('hold what it charged for, with account and line, and nobody sends it by himself', async () => {
    const ledger = new PostgresInvoiceLedger(pool);
    const none = { accountId: null, subscriberId: null, type: null, state: null, fromMs: null, toMs: null };
    const { items } = await ledger.list(none, 100, null);
    expect(items.map(({ item, state }) => [item.key, item.accountId, item.line, state]).toSorted()).toEqual([
      ['new-block-1', 'acct-new-a', 'overage:data', 'held'],
      ['new-bought', 'acct-new-a', 'top-up:new-bought', 'held'],
      ['old-block-1', 'acct-old-a', 'overage:data', 'held'],
      ['old-bought', 'acct-old-a', 'top-up:old-bought', 'held'],
    ]);
    const rows = await new PostgresTariffReads(pool).rows('new-a');
    expect(rows?.topUps.map(({ id, source }) => [id, source])).toEqual([['new-bought', 'policy']]);
  });

  it('are changed by this release beside it', async () => {
    const items = new PostgresItemBook();
    const store = postgresTariffs(pool, { items, defaultCurrency: 'EUR' });
    const atMs = Date.UTC(2026, 2, 1);
    await store.assign('old-a', 'new-plan', { at: 'now' }, false, { by: 'ann', reason: '', atMs });
    // All of its statements once more: repeats of actions, items and plans, and profiles as it knows them.
    const again = recording().new.filter(({ text }) => !text.includes('api_key'));
    expect((await replay(again)).filter((line) => !/ rows, not /.test(line))).toEqual([]);
    const changed = (await profiles()).find(({ subscriberId }) => subscriberId === 'old-a');
    expect(changed?.assignments).toEqual([
      { planId: 'home', fromMs: 0, toMs: atMs },
      { planId: 'new-plan', fromMs: atMs, toMs: null },
    ]);
  });
});
