import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditFilter } from '../tariff-ports.ts';
import { PostgresApiKeys } from './api-keys.ts';
import { PostgresAuditLog } from './audit-log.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';

const ALL: AuditFilter = { subject: null, who: null, action: null, fromMs: null, toMs: null };
const NOON = Date.UTC(2026, 0, 1, 12);

let database: TestDatabase;

async function idsOf(filter: Partial<AuditFilter>, limit = 100, after: string | null = null) {
  const { items, next } = await new PostgresAuditLog(database.pool).audit(
    { ...ALL, ...filter },
    limit,
    after,
  );
  return { subjects: items.map(({ subject }) => subject), next };
}

function commonTests(): void {
  beforeEach(async () => {
    await database.pool.query('truncate audit, api_key');
    await database.pool.query(
      `insert into audit (at, who, action, subject, content)
       select to_timestamp($1::float8 / 1000) + n * interval '1 minute', case when n % 2 = 0 then 'ann' end,
         case when n > 3 then 'late' else 'early' end, 's' || n, json_build_object('n', n)
       from generate_series(1, 5) as n`,
      [NOON],
    );
  });

  it('is read from the end, part by part', async () => {
    const first = await idsOf({}, 2);
    expect(first.subjects).toEqual(['s5', 's4']);
    const second = await idsOf({}, 2, first.next);
    expect(second.subjects).toEqual(['s3', 's2']);
    expect(await idsOf({}, 2, second.next)).toEqual({ subjects: ['s1'], next: null });
    expect(await idsOf({}, 5)).toMatchObject({ next: null });
  });

  it.each<[Partial<AuditFilter>, string[]]>([
    [{ subject: 's3' }, ['s3']],
    [{ who: 'ann' }, ['s4', 's2']],
    [{ action: 'early' }, ['s3', 's2', 's1']],
    [{ fromMs: NOON + 120_000, toMs: NOON + 240_000 }, ['s3', 's2']],
    [{ subject: 'a\0b' }, []],
  ])('by %j', async (filter, subjects) => {
    expect(await idsOf(filter)).toEqual({ subjects, next: null });
  });

  it('has nothing behind what was never an id', async () => {
    for (const after of ['x', '-1', '99999999999999999999'])
      expect(await idsOf({}, 5, after)).toEqual({ subjects: [], next: null });
  });

  it('tells who made and revoked a key, and not the key', async () => {
    const keys = new PostgresApiKeys(database.pool);
    const { id, key } = await keys.create('console', ['viewer'], { by: 'ann' });
    await keys.revoke(id, 'bob');
    await keys.revoke(id, 'bob');
    const { items } = await new PostgresAuditLog(database.pool).audit({ ...ALL, subject: id }, 10, null);
    expect(items).toMatchObject([
      { who: 'bob', action: 'key-revoke', content: { name: 'console' } },
      { who: 'ann', action: 'key-create', content: { name: 'console', roles: ['viewer'] } },
    ]);
    expect(items[0]?.atMs).toBeCloseTo(Date.now(), -6);
    expect(JSON.stringify(items)).not.toContain(key);
  });
}

describe('PostgresAuditLog on a server', () => {
  beforeAll(async () => {
    database = await realDatabase('audit_log');
  });
  afterAll(() => database.close());
  commonTests();
});

describe('PostgresAuditLog on the embedded Postgres', () => {
  beforeAll(async () => {
    database = await embeddedDatabase();
  });
  afterAll(() => database.close());
  commonTests();
});
