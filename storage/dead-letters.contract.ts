import { beforeEach, describe, expect, it } from 'vitest';
import type { UsageEvent } from '../schemas/accounting-record.ts';
import type { Control, ReplayControl } from '../schemas/control.ts';
import type { DeadLetter } from '../schemas/outcome.ts';
import type { DeadLetterFilter, DeadLetters } from './people-ports.ts';
import type { ActionLedger, SlotId } from './ports.ts';

/** Dead letters under test, and what a test needs around them. */
export interface DeadLettersFixture {
  letters: DeadLetters;
  /** puts letters */
  ledger: ActionLedger;
  /** controls that wait for the log, in order */
  controls(): Promise<Control[]>;
  /** makes what was put so far that much older */
  passTime(ms: number): Promise<void>;
}

const SLOT: SlotId = { group: 'weir', topic: 'accounting', partition: 3 };
const NOON = Date.UTC(2026, 4, 14, 12);
const ANY: DeadLetterFilter = {
  reason: null,
  partition: null,
  nasId: null,
  fromMs: null,
  toMs: null,
  replayed: null,
};

function aLetter(offset: number, over: Partial<DeadLetter> = {}): DeadLetter {
  return {
    topic: 'accounting',
    partition: 3,
    offset,
    appendTimeMs: NOON + offset,
    reason: 'undecodable',
    detail: 'odd bytes',
    nasId: 'nas-1',
    key: null,
    value: Buffer.from([0, 255, 92, 34]),
    ...over,
  };
}

function aReplay(offset: number, partition = 3): ReplayControl {
  const event: UsageEvent = {
    feedId: 'core',
    statusType: 'STOP',
    subscriberId: 's-1',
    userName: 'nul\u0000 \ud800',
    sessionId: 'A1',
    multiSessionId: null,
    parentSessionId: null,
    nasId: 'nas-1',
    nasIp: null,
    framedIp: null,
    serviceName: null,
    serviceClass: null,
    radiusClass: null,
    eventTimeMs: NOON,
    receivedAtMs: null,
    acctDelaySeconds: 0,
    inputOctets: 1,
    outputOctets: Number.MAX_SAFE_INTEGER,
    ipv6InputOctets: null,
    ipv6OutputOctets: null,
    sessionTimeSeconds: 60,
    terminateCause: null,
  };
  return { kind: 'replay', letter: { partition, offset }, appendTimeMs: NOON + offset, event, by: 'ann' };
}

/**
 * What every DeadLetters does.
 * @param open gives an empty one before each test
 */
export function deadLettersContract(name: string, open: () => Promise<DeadLettersFixture>): void {
  describe(`DeadLetters: ${name}`, () => {
    let fixture: DeadLettersFixture;
    let letters: DeadLetters;
    const put = (...deadLetters: DeadLetter[]) => fixture.ledger.insert(SLOT, 1, { deadLetters });
    const ids = async (filter: Partial<DeadLetterFilter> = {}) =>
      (await letters.list({ ...ANY, ...filter }, 100, null)).map(({ id }) => id);
    /** with its bytes as test data has them, whichever array holds them */
    const read = async (id: string) => {
      const letter = await letters.get(id);
      if (letter === null) throw new Error(`no letter ${id}`);
      const { key, value } = letter;
      return { ...letter, key: key && Buffer.from(key), value: value && Buffer.from(value) };
    };
    beforeEach(async () => {
      fixture = await open();
      letters = fixture.letters;
    });

    it('keeps a letter once, with its bytes', async () => {
      const other = aLetter(8, { key: Buffer.from('k'), value: null, nasId: null });
      await put(aLetter(7), other);
      await put(aLetter(7, { reason: 'empty' }));
      expect(await read('3:7')).toEqual({ ...aLetter(7), id: '3:7', replayedAtMs: null });
      expect(await read('3:8')).toEqual({ ...other, id: '3:8', replayedAtMs: null });
      expect(await ids()).toEqual(['3:8', '3:7']);
    });

    it('keeps an empty key and value apart from none', async () => {
      await put(aLetter(1, { key: Buffer.alloc(0), value: Buffer.alloc(0) }));
      const letter = await letters.get('3:1');
      expect([letter?.key?.length, letter?.value?.length]).toEqual([0, 0]);
    });

    it.each(['', '3', '3:', ':7', '3:7:1', '3:-7', '3:99999999999999999999', 'x:y', '4:7'])(
      'knows no letter %j',
      async (id) => {
        await put(aLetter(7));
        expect(await letters.get(id)).toBeNull();
        expect(await letters.list(ANY, 10, id)).toEqual([]);
      },
    );

    it('lists newest first, and pages go on where the one before ended', async () => {
      const same = { appendTimeMs: NOON };
      await put(aLetter(1, same), aLetter(2, same), aLetter(1, { ...same, partition: 4 }), aLetter(0));
      await put(...Array.from({ length: 20 }, (_, n) => aLetter(n + 10)));
      const expected = [...Array.from({ length: 20 }, (_, n) => `3:${29 - n}`), '4:1', '3:2', '3:1', '3:0'];
      const found: string[] = [];
      for (let before: string | null = null; ;) {
        const page = await letters.list(ANY, 7, before);
        found.push(...page.map(({ id }) => id));
        const last = page.at(-1);
        if (last === undefined) break;
        before = last.id;
      }
      expect(found).toEqual(expected);
    });

    it('filters by reason, partition, NAS, time and replay, and by all at once', async () => {
      await put(
        aLetter(1),
        aLetter(2, { reason: 'empty' }),
        aLetter(3, { nasId: null }),
        aLetter(4, { nasId: 'nas-2' }),
        aLetter(5, { partition: 5 }),
      );
      await letters.replay([aReplay(1)]);
      expect(await ids({ reason: 'empty' })).toEqual(['3:2']);
      expect(await ids({ partition: 5 })).toEqual(['5:5']);
      expect(await ids({ nasId: 'nas-2' })).toEqual(['3:4']);
      expect(await ids({ fromMs: NOON + 2, toMs: NOON + 4 })).toEqual(['3:3', '3:2']);
      expect(await ids({ replayed: true })).toEqual(['3:1']);
      expect(await ids({ replayed: false })).toEqual(['5:5', '3:4', '3:3', '3:2']);
      const all = {
        reason: 'undecodable',
        partition: 3,
        nasId: 'nas-1',
        fromMs: NOON,
        toMs: NOON + 9,
      } as const;
      expect(await ids({ ...all, replayed: true })).toEqual(['3:1']);
      expect(await ids({ ...all, replayed: false })).toEqual([]);
      expect(await letters.list({ ...ANY, nasId: 'nas-1' }, 1, '3:2')).toMatchObject([{ id: '3:1' }]);
    });

    it('counts by reason, the most frequent first', async () => {
      expect(await letters.counts()).toEqual([]);
      await put(aLetter(1, { reason: 'misrouted' }), aLetter(2), aLetter(3), aLetter(4, { reason: 'empty' }));
      expect(await letters.counts()).toEqual([
        { reason: 'undecodable', letters: 2 },
        { reason: 'empty', letters: 1 },
        { reason: 'misrouted', letters: 1 },
      ]);
    });

    it('replays a letter once, with its control as it was, in the order asked', async () => {
      await put(aLetter(1), aLetter(2), aLetter(3));
      expect(await letters.replay([])).toEqual([]);
      expect(await letters.replay([aReplay(2), aReplay(1), aReplay(2), aReplay(99)])).toEqual(['3:2', '3:1']);
      expect(await letters.replay([aReplay(1), aReplay(3)])).toEqual(['3:3']);
      expect(await fixture.controls()).toEqual([aReplay(2), aReplay(1), aReplay(3)]);
      expect((await letters.get('3:2'))?.replayedAtMs).toBeGreaterThan(0);
    });

    it('does not forget a replay when the letter comes again', async () => {
      await put(aLetter(1));
      await letters.replay([aReplay(1)]);
      await put(aLetter(1));
      expect(await letters.replay([aReplay(1)])).toEqual([]);
      expect(await fixture.controls()).toHaveLength(1);
    });

    it('gives one letter to one of several replays at once', async () => {
      await put(aLetter(1), aLetter(2));
      const answers = await Promise.all(
        Array.from({ length: 6 }, () => letters.replay([aReplay(1), aReplay(2)])),
      );
      expect(answers.flat().sort()).toEqual(['3:1', '3:2']);
      expect(await fixture.controls()).toHaveLength(2);
    });

    it('trims what was kept for too long and what is too much, the oldest first', async () => {
      await put(aLetter(1), aLetter(2));
      await fixture.passTime(60_000);
      await put(aLetter(3));
      await fixture.passTime(1_000);
      await put(aLetter(4));
      await fixture.passTime(1_000);
      expect(await letters.trim(600_000, 10)).toBe(0);
      expect(await letters.trim(50_000, 10)).toBe(2);
      expect(await ids()).toEqual(['3:4', '3:3']);
      expect(await letters.trim(600_000, 1)).toBe(1);
      expect(await letters.trim(600_000, 1)).toBe(0);
      expect(await ids()).toEqual(['3:4']);
    });
  });
}
