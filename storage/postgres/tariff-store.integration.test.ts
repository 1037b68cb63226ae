import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { BillingItem } from '../../schemas/billing.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import { aProfile } from '../profile-factory.contract.ts';
import type { CycleRow, Page, SubscriberSummary } from '../tariff-ports.ts';
import type { TariffChanges } from '../tariff-changes/tariff-changes.ts';
import { tariffReadsContract } from '../tariff-reads.contract.ts';
import { DAY, given, T, terms } from '../tariff-given.contract.ts';
import { tariffStoreContract } from '../tariff-store.contract.ts';
import type { OpenTariffs } from '../tariff-fixture.contract.ts';
import { embeddedDatabase, readWhole, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresItemBook } from './item-book.ts';
import { ITEM_COLUMNS } from './item-rows.ts';
import { CYCLES, listCycles } from './cycle-list.ts';
import { CLOSED_THROUGH } from './cycle-rows.ts';
import { listStatement, listSubscribers, NAMED } from './subscriber-list.ts';
import type { Ask } from './subscriber-list.ts';
import { FORGET } from './tariff-erase.ts';
import { readRow, SUBSCRIBER_ROWS } from './tariff-rows.ts';
import { PostgresTariffReads } from './tariff-reads.ts';
import { postgresTariffs } from './tariff-store.ts';

const ALL_TABLES = `control_outbox, subscriber, account, plan, plan_version, add_on_version, pool, billing_item, audit,
  idempotency, policy_report, import_job, cycle, top_up, dead_letter, action`;

async function empty(pool: pg.Pool): Promise<void> {
  await pool.query(`truncate ${ALL_TABLES} cascade`);
}

function storeOf(pool: pg.Pool): TariffChanges {
  return postgresTariffs(pool, { items: new PostgresItemBook(), defaultCurrency: 'EUR' });
}

async function profileOf(pool: pg.Pool, subscriberId: string): Promise<SubscriberProfile | null> {
  const found = await pool.query<{ profile: SubscriberProfile }>(
    'select profile from subscriber where subscriber_id = $1',
    [subscriberId],
  );
  return found.rows[0]?.profile ?? null;
}

function opens(pool: () => pg.Pool): OpenTariffs {
  return async (layout) => {
    await empty(pool());
    if (layout !== null)
      await pool().query(
        `insert into policy_report (slot_group, topic, reporter, partition, position, in_force, layout)
         values ('g', 't', 'w', 0, 0, '{}', $1)`,
        [layout],
      );
    return {
      store: storeOf(pool()),
      rows: async (id) => (await readRow(pool(), id))?.rows ?? null,
      profile: (id) => profileOf(pool(), id),
      told: async () => {
        const gone = await pool().query<{ id: string | null }>(
          `with gone as (delete from control_outbox returning xid, id, control)
           select control -> 'profile' ->> 'subscriberId' as id from gone order by xid, gone.id`,
        );
        return gone.rows.flatMap(({ id }) => (id === null ? [] : [id]));
      },
      items: async (id) => {
        const text = `select ${ITEM_COLUMNS} from billing_item i where subscriber_id = $1 order by seq`;
        return (await pool().query<BillingItem>(text, [id])).rows;
      },
      audited: async () =>
        (
          await pool().query<{ who: string | null; action: string; subject: string }>(
            'select who, action, subject from audit',
          )
        ).rows,
    };
  };
}

function tests(name: string, open: () => Promise<TestDatabase>): void {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());

  tariffStoreContract(
    name,
    opens(() => database.pool),
  );

  tariffReadsContract(name, async () => {
    await empty(database.pool);
    return { store: storeOf(database.pool), reads: new PostgresTariffReads(database.pool) };
  });

  it('asks where the last closed cycle ends with the rows alone, before and after the change', async () => {
    await empty(database.pool);
    const store = storeOf(database.pool);
    const context = { by: 'ann', atMs: T, reason: '' };
    await store.putPlanVersion(terms('a'), context);
    await store.putSubscriber(given('s-1'), context);
    const asked = vi.spyOn(pg.Client.prototype, 'query');
    try {
      await store.assign('s-1', 'a', { at: 'now' }, false, context);
      const texts = asked.mock.calls.map(([text]: unknown[]) => String(text));
      expect(texts.filter((text) => text.includes(CLOSED_THROUGH))).toEqual([
        SUBSCRIBER_ROWS,
        SUBSCRIBER_ROWS,
      ]);
    } finally {
      asked.mockRestore();
    }
  });

  it('lists a bounded part at a time, by indexes alone', async () => {
    await empty(database.pool);
    const store = storeOf(database.pool);
    const context = { by: 'ann', atMs: T, reason: '' };
    await store.putPlanVersion(terms('a'), context);
    const lines = Array.from({ length: 9 }, (_, i) => ({ line: i + 1, content: given(`s-${i}`) }));
    await store.applyImport('i-1', lines, context);
    await store.assign('s-7', 'a', { at: 'now' }, false, context);
    const ask: Ask = async <R extends object>(text: string, values: unknown[]) =>
      (await database.pool.query<R>(text, values)).rows;
    const all = { accountId: null, segment: null, planId: null, poolId: null, status: null, text: null };
    const bounds = { looked: 4, named: 5 };
    const found: string[][] = [];
    let after: string | null = null;
    do {
      const page: Page<SubscriberSummary> = await listSubscribers(
        ask,
        { ...all, planId: 'a', atMs: T },
        3,
        after,
        bounds,
      );
      found.push(page.items.map(({ subscriberId }) => subscriberId));
      after = page.next;
    } while (after !== null);
    expect(found).toEqual([[], ['s-7'], []]);
    const named = (text: string) => listSubscribers(ask, { ...all, text, atMs: T }, 3, null, bounds);
    await expect(named('s-')).rejects.toMatchObject({ code: 'invalid-input' });
    expect((await named('s-7@')).items).toHaveLength(1);
    const filters = [
      {},
      { accountId: 'a' },
      { poolId: 'p' },
      { planId: 'a', segment: 'x', status: 'held' as const },
    ];
    for (const filter of filters) {
      const { text, values } = listStatement({ ...all, ...filter, atMs: T }, null, ['s', 10, 10]);
      expect([filter, await readWhole(database.pool, text, values)]).toEqual([filter, []]);
    }
    expect(await readWhole(database.pool, NAMED, ['s', 't', 10])).toEqual([]);
    await database.pool.query(
      `insert into cycle (subscriber_no, start_at, end_at, status) select subscriber_no, to_timestamp(d * 86400),
         to_timestamp((d + 1) * 86400), case subscriber_id when 's-7' then 'closing' else 'open' end
       from subscriber, generate_series(0, 2) d`,
    );
    const closing = { subscriberId: null, status: 'closing', endBeforeMs: null } as const;
    const cycles: string[][] = [];
    for (let at: string | null = null; cycles.length === 0 || at !== null;) {
      const page: Page<CycleRow> = await listCycles(ask, closing, 2, at, 4);
      cycles.push(page.items.map(({ subscriberId, startMs }) => `${subscriberId} ${startMs / DAY}`));
      at = page.next;
    }
    expect(cycles.filter((page) => page.length > 0)).toEqual([['s-7 2', 's-7 1'], ['s-7 0']]);
    const values = ['s-1', 'open', 0, '', 0, 10, 10];
    expect(await readWhole(database.pool, CYCLES, values)).toEqual([]);
  });

  it('takes apart what the program before wrote when it is first changed', async () => {
    await empty(database.pool);
    const store = storeOf(database.pool);
    await store.putPlanVersion(terms('a'), { by: 'ann', atMs: 0, reason: '' });
    await database.pool.query('alter table subscriber disable trigger user');
    await database.pool.query('insert into subscriber (subscriber_id, profile) values ($1, $2)', [
      's-1',
      JSON.stringify(aProfile('s-1', { anchorDay: 9 })),
    ]);
    await database.pool.query('alter table subscriber enable trigger user');
    const { value } = await store.assign('s-1', 'a', { at: 'now' }, false, {
      by: 'ann',
      atMs: T,
      reason: '',
    });
    expect(value).toMatchObject({
      account: { accountId: 'acct-s-1', cycle: { kind: 'month', anchorDay: 9 } },
      assignments: [
        { planId: 'home', fromMs: 0, toMs: T },
        { planId: 'a', fromMs: T, toMs: null },
      ],
    });
  });

  it('changes and imports at once without losing either', async () => {
    await empty(database.pool);
    const store = storeOf(database.pool);
    const context = { by: 'ann', atMs: T, reason: '' };
    await store.putPlanVersion(terms('a'), context);
    const ids = Array.from({ length: 200 }, (_, i) => `s-${String(i)}`);
    await store.applyImport(
      'i-1',
      ids.map((id, i) => ({ line: i + 1, content: given(id) })),
      context,
    );
    const again = ids.map((id, i) => ({ line: i + 1, content: given(id, { segment: 'business' }) }));
    await Promise.all([
      ...ids.slice(0, 20).map((id) => store.assign(id, 'a', { at: 'now' }, false, context)),
      store.applyImport('i-2', again, context),
      ...ids.slice(20, 40).map((id) => store.assign(id, 'a', { at: 'now' }, false, context)),
    ]);
    const found = await database.pool.query<{ plans: number; segment: string }>(
      `select jsonb_array_length(profile -> 'assignments') as plans, profile ->> 'segment' as segment from subscriber`,
    );
    expect(found.rows.filter(({ plans }) => plans === 1)).toHaveLength(40);
    expect(new Set(found.rows.map(({ segment }) => segment))).toEqual(new Set(['business']));
  });

  it('forgets the copies of a name too, each found by an index', async () => {
    await empty(database.pool);
    const store = storeOf(database.pool);
    const context = { by: 'ann', atMs: T, reason: '' };
    const idempotency = { keyId: 'k', key: 'i', route: 'PUT', requestHash: Uint8Array.of(1) };
    await store.putSubscriber(given('s-1', { externalId: 'crm-1' }), { ...context, idempotency });
    await store.terminate('s-1', { at: 'now' }, context);
    await database.pool.query(
      `insert into import_job (import_id, kind, content_hash, dry_run, state, chunk_rows)
       values ('i', 'subscribers', '', false, 'done', 2)`,
    );
    const line = JSON.stringify(given('s-1'));
    await database.pool.query(`insert into import_line (import_id, line, content) values ('i', 1, $1)`, [
      line,
    ]);
    await database.pool.query(
      `insert into dead_letter (topic, partition, "offset", appended_at, reason, detail, key, value)
       values ('t', 0, 0, now(), 'r', 'd', 's-1', 's-1@x')`,
    );
    await database.pool.query(
      `insert into action (id, subscriber_id, kind, intent, state, due_at) values ('a', 's-1', 'throttle', $1, 'delivered', null)`,
      [JSON.stringify({ userName: 's-1@x', sessions: [{ userName: 's-1@x', framedIp: null }] })],
    );
    const gone = {
      actions: 1,
      credentials: 1,
      externalIds: 1,
      importLines: 1,
      deadLetters: 1,
      keptAnswers: 1,
    };
    expect(await store.erase('s-1', context)).toEqual(gone);
    const tables = [
      'subscriber',
      'credential',
      'action',
      'import_line',
      'dead_letter',
      'idempotency',
      'audit',
    ];
    for (const table of tables) {
      const { rows } = await database.pool.query(`select to_json(x)::text as row from ${table} x`);
      expect(JSON.stringify(rows), table).not.toMatch(/s-1@x|crm-1/);
    }
    const again = await store.putSubscriber(given('s-1', { externalId: 'crm-1' }), {
      ...context,
      idempotency,
    });
    expect(again).toMatchObject({ replayed: true, value: { credentials: [], externalId: null } });
    for (const [what, text] of Object.entries(FORGET))
      expect([what, await readWhole(database.pool, text, [1, 's-1'])]).toEqual([what, []]);
  });

  it('applies a chunk that is kept once, and says so in its row', async () => {
    await empty(database.pool);
    const store = storeOf(database.pool);
    const context = { by: 'ann', atMs: T, reason: '' };
    await database.pool.query(
      `insert into import_job (import_id, kind, content_hash, dry_run, state, chunk_rows)
       values ('i', 'subscribers', '\\x00', false, 'applying', 2)`,
    );
    await store.applyImport('i', [{ line: 2, content: given('s-1') }], context);
    await store.applyImport('i', [{ line: 2, content: given('s-2') }], context);
    expect([await readRow(database.pool, 's-2')]).toEqual([null]);
    expect((await database.pool.query('select rows_applied from import_job')).rows).toEqual([
      { rows_applied: 2 },
    ]);
  });
}

describe('PostgresTariffs on a server', () => {
  tests('Postgres', () => realDatabase('tariff_store'));
});

describe('PostgresTariffs on the embedded Postgres', () => {
  tests('PGlite', () => embeddedDatabase());
});
