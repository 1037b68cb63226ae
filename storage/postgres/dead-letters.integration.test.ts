import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Control, ReplayControl } from '../../schemas/control.ts';
import type { DeadLetter } from '../../schemas/outcome.ts';
import { deadLettersContract } from '../dead-letters.contract.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresDeadLetters } from './dead-letters.ts';
import { PostgresActionLedger } from './ledger.ts';

const SLOT = { group: 'weir', topic: 'accounting', partition: 3 };
const LETTER: DeadLetter = {
  topic: 'accounting',
  partition: 3,
  offset: 7,
  appendTimeMs: Date.UTC(2026, 4, 14),
  reason: 'undecodable',
  detail: 'odd \0 bytes',
  nasId: 'n\0',
  key: null,
  value: null,
};
const REPLAY = {
  kind: 'replay',
  letter: { partition: 3, offset: 7 },
  appendTimeMs: LETTER.appendTimeMs,
  event: { subscriberId: 's-1', userName: 'private@example.net' },
  by: 'ann\0',
} as unknown as ReplayControl;

describe.each([
  ['Postgres', () => realDatabase('dead_letters')],
  ['PGlite', embeddedDatabase],
] as const)('%s', (name, openDatabase) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());

  async function emptied(onChange?: () => void): Promise<PostgresDeadLetters> {
    await database.pool.query('truncate dead_letter, control_outbox, audit');
    return new PostgresDeadLetters(database.pool, 'accounting', onChange);
  }

  deadLettersContract(name, async () => ({
    letters: await emptied(),
    ledger: new PostgresActionLedger(database.pool),
    async controls() {
      const found = await database.pool.query<{ control: Control }>(
        'select control from control_outbox order by xid, id',
      );
      return found.rows.map((row) => row.control);
    },
    async passTime(ms) {
      await database.pool.query(`update dead_letter set put_at = put_at - $1 * interval '1 millisecond'`, [
        ms,
      ]);
    },
  }));

  it('keeps letters whose keys are longer than an ordinary index takes', async () => {
    const letters = await emptied();
    const deadLetters = [9_000, 16_384].map((bytes, i) => ({
      ...LETTER,
      offset: i,
      key: randomBytes(bytes),
    }));
    await new PostgresActionLedger(database.pool).insert(SLOT, 1, { deadLetters });
    for (const { offset, key } of deadLetters) expect((await letters.get(`3:${offset}`))?.key).toEqual(key);
  });

  it('notes who replayed which letter, and nothing of the subscriber', async () => {
    let woken = 0;
    const letters = await emptied(() => (woken += 1));
    await new PostgresActionLedger(database.pool).insert(SLOT, 1, { deadLetters: [LETTER] });
    await letters.replay([REPLAY]);
    await letters.replay([REPLAY]);
    const audit = await database.pool.query('select who, action, subject, content from audit order by id');
    expect(audit.rows).toEqual([
      { who: 'ann\uFFFD', action: 'replay', subject: '3:7', content: { topic: 'accounting' } },
    ]);
    expect(woken).toBe(2);
    expect(await letters.get('3:7')).toMatchObject({ detail: 'odd \\0 bytes', nasId: 'n\uFFFD' });
  });

  it('shows the letters of its topic only', async () => {
    const letters = await emptied();
    await new PostgresActionLedger(database.pool).insert(SLOT, 1, {
      deadLetters: [{ ...LETTER, topic: 'other' }],
    });
    expect(await letters.get('3:7')).toBeNull();
    expect(await letters.counts()).toEqual([]);
    expect(await letters.replay([REPLAY])).toEqual([]);
  });

  it('marks nothing when the controls can not be written', async () => {
    const letters = await emptied();
    await new PostgresActionLedger(database.pool).insert(SLOT, 1, { deadLetters: [LETTER] });
    await database.pool.query('alter table control_outbox add constraint refuse check (false)');
    try {
      await expect(letters.replay([REPLAY])).rejects.toMatchObject({ code: 'invalid-input' });
    } finally {
      await database.pool.query('alter table control_outbox drop constraint refuse');
    }
    expect((await letters.get('3:7'))?.replayedAtMs).toBeNull();
    expect(await letters.replay([REPLAY])).toEqual(['3:7']);
  });
});
