import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { profile } from '../../tests/factories.ts';
import { embeddedDatabase, readWhole } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresDirectory } from './directory.ts';
import { SecretBox } from './secret-box.ts';
import { PostgresSubjectExport, ROWS } from './subject-export.ts';

let database: TestDatabase;
let pool: pg.Pool;
let exports: PostgresSubjectExport;

beforeAll(async () => {
  database = await embeddedDatabase();
  ({ pool } = database);
  exports = new PostgresSubjectExport(pool);
  const directory = new PostgresDirectory(pool, new SecretBox(randomBytes(32)));
  const span = { fromMs: 0, toMs: null };
  await directory.putSubscribers([
    profile({ subscriberId: 's-1', userName: 'ann', assignments: [{ planId: 'p', ...span }] }),
    profile({ subscriberId: 's-2', userName: 'bob', assignments: [{ planId: 'p', ...span }] }),
  ]);
});

afterAll(() => database.close());

async function copyOf(id: string) {
  const found: { of: string; row: Record<string, unknown> }[] = [];
  for await (const { of, row } of exports.rows(id, 'dpo'))
    found.push({ of, row: row as Record<string, unknown> });
  return found;
}

describe('a copy of what is stored of a person', () => {
  it('has every kind of row, and nobody else’s', async () => {
    const found = await copyOf('s-1');
    expect(found.map(({ of }) => of)).toEqual(['subscriber', 'account', 'credential', 'assignment']);
    expect(found.find(({ of }) => of === 'credential')?.row).toMatchObject({ user_name: 'ann' });
    expect(JSON.stringify(found)).not.toMatch(/s-2|bob/);
  });

  it('is noted in the audit, and the note is in the next one', async () => {
    await copyOf('s-1');
    const notes = (await copyOf('s-1')).filter(({ of }) => of === 'audit').map(({ row }) => row);
    expect(notes[0]).toMatchObject({ who: 'dpo', action: 'subscriber-export', subject: 's-1' });
  });

  it('is empty of whom nobody knows, and leaves no note', async () => {
    expect(await copyOf('s-9')).toEqual([]);
    const { rows } = await pool.query("select 1 from audit where subject = 's-9'");
    expect(rows).toEqual([]);
  });

  it('says where it was cut', async () => {
    const parts: unknown[] = [];
    for await (const part of new PostgresSubjectExport(pool, 1).rows('s-1', 'dpo')) parts.push(part);
    expect(parts).toContainEqual({ of: 'cut', row: { of: 'audit', rows: 1 } });
    expect((await copyOf('s-1')).map(({ of }) => of)).not.toContain('cut');
  });

  it('has what was kept of requests, imports and records that could not be metered', async () => {
    const answer = JSON.stringify({ value: { subscriberId: 's-2', credentials: ['bob'] } });
    await pool.query(
      `insert into idempotency (key_id, idempotency_key, route, request_hash, body) values ('k', 'i', 'r', '', $1)`,
      [answer],
    );
    await pool.query(
      `insert into dead_letter (topic, partition, "offset", appended_at, reason, detail, key, value)
       values ('t', 0, 0, now(), 'r', 'd', 's-2', 'bob')`,
    );
    await pool.query(
      `insert into import_job (import_id, kind, content_hash, dry_run, state, chunk_rows)
       values ('i', 'subscribers', '', false, 'done', 2)`,
    );
    await pool.query(
      `insert into import_line (import_id, line, content) values ('i', 1, '{"subscriberId":"s-2"}')`,
    );
    const found = await copyOf('s-2');
    expect(found.map(({ of }) => of)).toEqual(
      expect.arrayContaining(['import-line', 'kept-answer', 'dead-letter']),
    );
    expect(found.find(({ of }) => of === 'dead-letter')?.row).toMatchObject({ record: 'bob' });
    for (const [of, text] of ROWS) expect([of, await readWhole(pool, text, ['s-2', 10])]).toEqual([of, []]);
  });

  it('names every table that says whose its rows are', async () => {
    const { rows } = await pool.query<{ table_name: string }>(
      `select distinct table_name from information_schema.columns
       where table_schema = current_schema() and column_name in ('subscriber_id', 'subscriber_no')`,
    );
    expect(rows.map(({ table_name }) => table_name).sort()).toEqual([
      'action',
      'add_on_assignment',
      'assignment',
      'billing_item',
      'closed_cycle',
      'credential',
      'cycle',
      'hold',
      'pool_member',
      'shadow_decision',
      'subscriber',
      'top_up',
      'usage_adjustment',
    ]);
  });
});
