import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAppError } from '../../schemas/errors.ts';
import { Recorder, numbered, recordSourceContract, textEntry, until } from '../record-source.contract.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { APPEND } from './record-log-statements.ts';
import type { PostgresRecordLogOptions } from './record-log.ts';
import { PostgresRecordLog } from './record-log.ts';

const log = (): undefined => undefined;

describe.each([
  ['Postgres', () => realDatabase('record_log'), true],
  ['PGlite', embeddedDatabase, false],
] as const)('%s', (name, openDatabase, interleaves) => {
  let database: TestDatabase;
  let pool: pg.Pool;

  beforeAll(async () => {
    database = await openDatabase();
    pool = database.pool;
  });
  afterAll(() => database.close());

  async function emptyLog(options: Partial<PostgresRecordLogOptions> = {}): Promise<PostgresRecordLog> {
    await pool.query('truncate log_partition, log_entry, log_position');
    const subject = new PostgresRecordLog(pool, {
      topic: 'accounting',
      partitions: 2,
      simulatedTime: false,
      log,
      ...options,
    });
    await subject.prepare();
    return subject;
  }

  recordSourceContract(name, async (options) => {
    const subject = await emptyLog(options);
    return {
      writer: subject,
      source: (groupId: string) => subject.source(groupId, { retryMs: 1, pollMs: 20 }),
      close: () => subject.close(),
    };
  });

  /** Appends texts in a transaction that the test ends. */
  async function insert(client: pg.PoolClient, texts: string[]): Promise<void> {
    const values = texts.map((text) => Buffer.from(text));
    const ones = texts.map(() => 1);
    await client.query(APPEND, [
      0,
      texts.length,
      values,
      ones,
      values,
      texts.map(() => null),
      texts.map(() => -1),
    ]);
  }

  async function stored(): Promise<{ offset: number; text: string }[]> {
    const { rows } = await pool.query<{ offset: number; text: string }>(
      `select "offset", convert_from(value, 'UTF8') as text from log_entry where partition = 0 order by "offset"`,
    );
    return rows;
  }

  // PGlite runs one transaction at a time: there is nothing to interleave.
  if (interleaves) {
    it('two interleaved writers, one of which rolls back: dense, in order, nothing visible early', async () => {
      const subject = await emptyLog();
      const handler = new Recorder();
      const source = subject.source('readers', { pollMs: 10 });
      await source.start(handler);
      const first = await pool.connect();
      const second = await pool.connect();
      await first.query('begin');
      await second.query('begin');
      await insert(first, ['a0', 'a1']);
      // Waits for the first writer's row lock, so that its offsets can not be known before the first one ends.
      const waiting = insert(second, ['b0']);
      await until(async () => {
        const { rows } = await pool.query<{ n: number }>(
          `select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and query like '%log_partition%'`,
        );
        return (rows[0]?.n ?? 0) === 1;
      });
      expect(await stored()).toEqual([]);
      await first.query('rollback');
      await waiting;
      expect(await stored()).toEqual([]);
      await second.query('commit');
      first.release();
      second.release();
      await subject.append([textEntry(0, 'c0')]);
      await until(() => handler.texts(0).length >= 2);
      await source.stop();
      expect(await stored()).toEqual([
        { offset: 0, text: 'b0' },
        { offset: 1, text: 'c0' },
      ]);
      expect(handler.texts(0)).toEqual(['b0', 'c0']);
    });

    it('many writers at once: every entry once, dense, each writer in its order, times ascending', async () => {
      const subject = await emptyLog();
      const handler = new Recorder();
      const source = subject.source('readers', { pollMs: 5 });
      await source.start(handler);
      const writers = numbered('w', 4).map((writer) => ({
        writer,
        log: new PostgresRecordLog(pool, { topic: 'accounting', partitions: 2, simulatedTime: false, log }),
      }));
      await Promise.all(
        writers.map(async (one) => {
          for (let i = 0; i < 30; i++) {
            await one.log.append([textEntry(1, `${one.writer}:${i}`), textEntry(0, `${one.writer}:${i}`)]);
          }
        }),
      );
      await until(() => handler.texts(0).length >= 120 && handler.texts(1).length >= 120);
      await source.stop();
      const entries = handler.entries(0);
      expect(entries.map((entry) => entry.offset)).toEqual(entries.map((_, index) => index));
      const times = entries.map((entry) => entry.appendTimeMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      for (const { writer } of writers) {
        const own = handler.texts(0).filter((text) => text.startsWith(`${writer}:`));
        expect(own).toEqual(numbered(`${writer}:`, 30));
      }
    });
  }

  it('gives the offsets of a failed append back', async () => {
    const subject = await emptyLog();
    const client = await pool.connect();
    await client.query('begin');
    await insert(client, ['lost']);
    await client.query('rollback');
    client.release();
    await subject.append([textEntry(0, 'kept')]);
    expect(await stored()).toEqual([{ offset: 0, text: 'kept' }]);
  });

  it('an append to a partition that is not there changes nothing', async () => {
    const subject = await emptyLog();
    const failure = subject.append([textEntry(0, 'a'), textEntry(9, 'b')]).catch((error: unknown) => error);
    expect(isAppError(await failure, 'log-append-failed')).toBe(true);
    expect(await stored()).toEqual([]);
    await subject.append([textEntry(0, 'next')]);
    expect(await stored()).toEqual([{ offset: 0, text: 'next' }]);
  });

  it('pins the number of partitions', async () => {
    await emptyLog();
    const other = new PostgresRecordLog(pool, {
      topic: 'accounting',
      partitions: 3,
      simulatedTime: false,
      log,
    });
    const failure = await other.prepare().catch((error: unknown) => error);
    expect(isAppError(failure, 'partition-count-changed')).toBe(true);
  });

  it('trims what is old and read by every group, and readers below the low mark are told', async () => {
    const subject = await emptyLog({ simulatedTime: true });
    const day = (n: number): number => Date.UTC(2025, 0, n);
    await subject.append([1, 2, 3, 4].map((n) => textEntry(0, `day${n}`, { timeMs: day(n) })));
    expect(await subject.trim(day(3))).toBe(0);
    await subject.savePosition('slow', 0, 1);
    await subject.savePosition('fast', 0, 4);
    expect(await subject.trim(day(3))).toBe(1);
    await subject.savePosition('slow', 0, 4);
    expect(await subject.trim(day(3))).toBe(1);
    expect(await subject.trim(day(3))).toBe(0);
    expect(await subject.marks(0, 'slow')).toEqual({ low: 2, high: 4, groupOffset: 4 });

    const handler = new Recorder();
    handler.start.set(0, 1);
    const source = subject.source('slow');
    await source.start(handler);
    await until(() => handler.opened.length === 2);
    await subject.append([
      textEntry(0, 'unread', { timeMs: day(5) }),
      textEntry(1, 'read', { timeMs: day(5) }),
    ]);
    await until(() => handler.texts(1).length === 1);
    await source.stop();
    expect(handler.texts(0)).toEqual([]);
  });
});
