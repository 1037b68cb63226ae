import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anIntent } from './action-factory.contract.ts';
import { ledgerLaws } from './ledger-laws.contract.ts';
import type { ActionLedger, SlotId, SlotMarks } from './ports.ts';

/** A ledger under test, and what a test needs around it. */
export interface LedgerFixture {
  ledger: ActionLedger;
  /** another dispatcher's access to the same actions */
  second: ActionLedger;
  marks: SlotMarks;
  /** the time that retryAtMs counts in */
  now(): number;
  /** lets leases and retries come nearer by so much, without waiting */
  passTime(ms: number): Promise<void>;
}

const SLOT: SlotId = { group: 'weir', topic: 'accounting', partition: 0 };
const LEASE_MS = 30_000;

/**
 * What every ActionLedger does.
 * @param open gives an empty ledger before each test
 * @param lawRuns random histories tried for the laws of ledger-laws
 */
export function ledgerContract(name: string, open: () => Promise<LedgerFixture>, lawRuns: number): void {
  describe(`ActionLedger: ${name}`, () => {
    let fixture: LedgerFixture;
    let ledger: ActionLedger;
    beforeEach(async () => {
      fixture = await open();
      ledger = fixture.ledger;
    });

    insertion(() => fixture);
    claims(() => fixture);
    settling(() => fixture);
    superseding(() => fixture);
    reading(() => fixture);
    exporting(() => fixture);
    ledgerLaws(() => open(), lawRuns);

    afterEach(async () => {
      const counts = await ledger.counts();
      expect(Object.values(counts).every((count) => Number.isSafeInteger(count) && count >= 0)).toBe(true);
    });
  });
}

function insertion(fixture: () => LedgerFixture): void {
  it('inserts an action once and returns only new ids, in order', async () => {
    const { ledger } = fixture();
    const [a, b, c] = ['a', 'b', 'c'].map((id) => anIntent({ id, subscriberId: `s-${id}` }));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three intents');
    expect(await ledger.insert(SLOT, 5, { intents: [b, a] })).toEqual(['b', 'a']);
    expect(await ledger.insert(SLOT, 6, { intents: [a, c, b, c] })).toEqual(['c']);
    expect((await ledger.counts()).pending).toBe(3);
  });

  it('does not bring back an action that is delivered', async () => {
    const { ledger } = fixture();
    await ledger.insert(SLOT, 1, { intents: [anIntent({ id: 'a' })] });
    await ledger.claim('me', 1, LEASE_MS);
    await ledger.settle('me', 'a', 'delivered', 'ACK');
    expect(await ledger.insert(SLOT, 1, { intents: [anIntent({ id: 'a' })] })).toEqual([]);
    expect(await ledger.claim('me', 1, LEASE_MS)).toEqual([]);
  });

  it('raises the slot mark with every insert, also an empty one, and never lowers it', async () => {
    const { ledger, marks } = fixture();
    expect(await marks.read(SLOT)).toBeNull();
    await ledger.insert(SLOT, 42, { intents: [anIntent({ id: 'a' })] });
    expect(await marks.read(SLOT)).toBe(42);
    await ledger.insert(SLOT, 50, { intents: [] });
    await ledger.insert(SLOT, 42, { intents: [anIntent({ id: 'b' })] });
    expect(await marks.read(SLOT)).toBe(50);
    expect(await marks.read({ ...SLOT, partition: 1 })).toBeNull();
  });

  it('keeps an intent as it was, with texts that databases dislike', async () => {
    const { ledger } = fixture();
    const intent = anIntent({
      id: 'odd',
      subscriberId: 's\u0000-1',
      userName: 'nul\u0000 quote\'" back\\ \u{1F600}',
      decidedAtMs: 1_736_640_000_123,
      offset: Number.MAX_SAFE_INTEGER,
    });
    await ledger.insert(SLOT, 1, { intents: [intent, anIntent({ id: 'next', subscriberId: 's-2' })] });
    const claimed = await ledger.claim('me', 10, LEASE_MS);
    expect(claimed.map((action) => action.intent.id)).toEqual(['odd', 'next']);
    expect(claimed[0]?.intent).toEqual(intent);
    expect((await ledger.ofSubscriber(intent.subscriberId, 5)).length).toBe(1);
  });

  it('takes thousands in one call', async () => {
    const { ledger } = fixture();
    const many = Array.from({ length: 5_000 }, (_, n) => anIntent({ id: `a-${n}`, subscriberId: `s-${n}` }));
    expect(await ledger.insert(SLOT, 1, { intents: many })).toHaveLength(5_000);
    expect((await ledger.counts()).pending).toBe(5_000);
  });
}

function claims(fixture: () => LedgerFixture): void {
  it('claims oldest first, up to the limit, raising attempts', async () => {
    const { ledger } = fixture();
    await ledger.insert(SLOT, 1, {
      intents: [1, 2, 3].map((n) => anIntent({ id: `a${n}`, subscriberId: `s${n}` })),
    });
    const first = await ledger.claim('me', 2, LEASE_MS);
    expect(first.map((action) => [action.intent.id, action.state, action.attempts])).toEqual([
      ['a1', 'sending', 1],
      ['a2', 'sending', 1],
    ]);
    expect((await ledger.claim('me', 2, LEASE_MS)).map((action) => action.intent.id)).toEqual(['a3']);
    expect(await ledger.claim('me', 2, LEASE_MS)).toEqual([]);
    expect(await ledger.claim('me', 0, LEASE_MS)).toEqual([]);
  });

  it('gives a subscriber only its oldest unfinished action', async () => {
    const { ledger, second } = fixture();
    await ledger.insert(SLOT, 1, {
      intents: [
        anIntent({ id: 'n1', kind: 'notify' }),
        anIntent({ id: 'n2', kind: 'notify' }),
        anIntent({ id: 'other', subscriberId: 's-2' }),
      ],
    });
    expect((await ledger.claim('me', 10, LEASE_MS)).map((action) => action.intent.id)).toEqual([
      'n1',
      'other',
    ]);
    expect(await second.claim('you', 10, LEASE_MS)).toEqual([]);
    await ledger.settle('me', 'other', 'delivered', '');
    await ledger.settle('me', 'n1', 'pending', 'later', fixture().now() + 60_000);
    expect(await second.claim('you', 10, LEASE_MS)).toEqual([]);
    await fixture().passTime(61_000);
    expect((await second.claim('you', 10, LEASE_MS)).map((action) => action.intent.id)).toEqual(['n1']);
    await second.settle('you', 'n1', 'delivered', '');
    expect((await ledger.claim('me', 10, LEASE_MS)).map((action) => action.intent.id)).toEqual(['n2']);
  });

  it('makes a claim whose lease ran out claimable again, and ignores the late answer of the first', async () => {
    const { ledger, second, passTime } = fixture();
    await ledger.insert(SLOT, 1, { intents: [anIntent({ id: 'a' })] });
    await ledger.claim('me', 1, LEASE_MS);
    await passTime(LEASE_MS - 5_000);
    expect(await second.claim('you', 1, LEASE_MS)).toEqual([]);
    await passTime(5_001);
    const again = await second.claim('you', 1, LEASE_MS);
    expect(again.map((action) => [action.intent.id, action.attempts])).toEqual([['a', 2]]);
    expect(await ledger.settle('me', 'a', 'delivered', 'too late')).toBe(false);
    expect((await ledger.counts()).sending).toBe(1);
    expect(await second.settle('you', 'a', 'delivered', 'ACK')).toBe(true);
  });

  it('never gives one action to two dispatchers that claim at once', async () => {
    const { ledger, second } = fixture();
    const intents = Array.from({ length: 300 }, (_, n) => anIntent({ id: `a${n}`, subscriberId: `s${n}` }));
    await ledger.insert(SLOT, 1, { intents });
    const claimed = await Promise.all(
      Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? ledger : second).claim(`d${n}`, 10, LEASE_MS)),
    );
    const ids = claimed.flat().map((action) => action.intent.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect((await ledger.counts()).sending).toBe(ids.length);
  });
}

function settling(fixture: () => LedgerFixture): void {
  it.each(['delivered', 'rejected', 'unknown', 'held', 'dead'] as const)(
    'ends a claim as %s',
    async (state) => {
      const { ledger, passTime } = fixture();
      await ledger.insert(SLOT, 1, { intents: [anIntent({ id: 'a' })] });
      await ledger.claim('me', 1, LEASE_MS);
      expect(await ledger.settle('me', 'a', state, 'why')).toBe(true);
      expect((await ledger.recent(1)).map((action) => [action.state, action.detail])).toEqual([
        [state, 'why'],
      ]);
      expect(await ledger.settle('me', 'a', 'delivered', 'again')).toBe(false);
      await passTime(10 * LEASE_MS);
      expect(await ledger.claim('me', 1, LEASE_MS)).toEqual([]);
    },
  );

  it.each(['pending', 'unknown'] as const)('gives %s back at its retry time, not before', async (state) => {
    const { ledger, now, passTime } = fixture();
    await ledger.insert(SLOT, 1, { intents: [anIntent({ id: 'a' })] });
    await ledger.claim('me', 1, LEASE_MS);
    await ledger.settle('me', 'a', state, 'no answer', now() + 60_000);
    await passTime(50_000);
    expect(await ledger.claim('me', 1, LEASE_MS)).toEqual([]);
    await passTime(10_001);
    expect((await ledger.claim('me', 1, LEASE_MS)).map((action) => [action.attempts, action.detail])).toEqual(
      [[2, 'no answer']],
    );
  });

  it('gives a pending one without a retry time back at once', async () => {
    const { ledger } = fixture();
    await ledger.insert(SLOT, 1, { intents: [anIntent({ id: 'a' })] });
    await ledger.claim('me', 1, LEASE_MS);
    await ledger.settle('me', 'a', 'pending', 'stopped');
    expect(await ledger.claim('you', 1, LEASE_MS)).toHaveLength(1);
  });

  it('ignores strangers, unknown ids and second answers, also when they come together', async () => {
    const { ledger } = fixture();
    await ledger.insert(SLOT, 1, {
      intents: [anIntent({ id: 'a' }), anIntent({ id: 'b', subscriberId: 's-2' })],
    });
    await ledger.claim('me', 2, LEASE_MS);
    const answers = await Promise.all([
      ledger.settle('you', 'a', 'dead', ''),
      ledger.settle('me', 'a', 'delivered', ''),
      ledger.settle('me', 'b', 'delivered', ''),
      ledger.settle('me', 'b', 'rejected', ''),
      ledger.settle('me', 'nobody', 'delivered', ''),
    ]);
    expect(answers[0]).toBe(false);
    expect(answers[1]).toBe(true);
    expect([answers[2], answers[3]].filter(Boolean)).toHaveLength(1);
    expect(answers[4]).toBe(false);
  });
}

function superseding(fixture: () => LedgerFixture): void {
  it('supersedes what was not sent when a newer desired state comes', async () => {
    const { ledger } = fixture();
    await ledger.insert(SLOT, 1, { intents: [anIntent({ id: 't' })] });
    await ledger.insert(SLOT, 2, { intents: [anIntent({ id: 'r', kind: 'restore' })] });
    expect((await ledger.claim('me', 10, LEASE_MS)).map((action) => action.intent.id)).toEqual(['r']);
    const [, older] = await ledger.recent(2);
    expect([older?.state, older?.detail]).toEqual(['superseded', 'superseded by r']);
  });

  it('does so within one insert as well, and leaves notices and other subscribers alone', async () => {
    const { ledger } = fixture();
    await ledger.insert(SLOT, 1, {
      intents: [
        anIntent({ id: 't1' }),
        anIntent({ id: 'note', kind: 'notify' }),
        anIntent({ id: 'other', subscriberId: 's-2' }),
        anIntent({ id: 'r1', kind: 'restore' }),
        anIntent({ id: 't2', ordinal: 2 }),
      ],
    });
    const states = (await ledger.recent(10)).map((action) => [action.intent.id, action.state]);
    expect(Object.fromEntries(states)).toEqual({
      t1: 'superseded',
      note: 'pending',
      other: 'pending',
      r1: 'superseded',
      t2: 'pending',
    });
  });

  it('supersedes by all that sets the line, and never what is paid for', async () => {
    const { ledger } = fixture();
    const kinds = ['throttle', 'overage', 'topup', 'redirect', 'hold', 'boost', 'block'] as const;
    await ledger.insert(SLOT, 1, { intents: kinds.map((kind) => anIntent({ id: kind, kind })) });
    const states = (await ledger.recent(10)).map((action) => [action.intent.id, action.state]);
    expect(Object.fromEntries(states)).toEqual({
      throttle: 'superseded',
      overage: 'pending',
      topup: 'pending',
      redirect: 'superseded',
      hold: 'superseded',
      boost: 'superseded',
      block: 'pending',
    });
  });

  it.each(['superseded', 'stale', 'on-hold'] as const)(
    'keeps what is only recorded (%s) and never gives it out',
    async (disposition) => {
      const { ledger } = fixture();
      const intents = [anIntent({ id: 'n', kind: 'notify', disposition })];
      expect(await ledger.insert(SLOT, 1, { intents })).toEqual(['n']);
      expect(await ledger.claim('me', 10, LEASE_MS)).toEqual([]);
      const [kept] = await ledger.recent(1);
      expect(kept?.state).toBe('superseded');
      expect(kept?.detail).toContain('recorded only');
    },
  );

  it('lets a notice neither supersede nor be superseded', async () => {
    const { ledger } = fixture();
    await ledger.insert(SLOT, 1, { intents: [anIntent({ id: 't' })] });
    await ledger.insert(SLOT, 2, { intents: [anIntent({ id: 'n', kind: 'notify' })] });
    await ledger.insert(SLOT, 3, { intents: [anIntent({ id: 'n2', kind: 'notify' })] });
    expect((await ledger.counts()).pending).toBe(3);
  });

  it.each([
    ['pending', 'superseded'],
    ['unknown', 'superseded'],
    ['held', 'superseded'],
    ['delivered', 'delivered'],
    ['rejected', 'rejected'],
    ['dead', 'dead'],
  ] as const)('turns one that ends as %s while a newer one waits into %s', async (answer, state) => {
    const { ledger, now } = fixture();
    await ledger.insert(SLOT, 1, { intents: [anIntent({ id: 't' })] });
    await ledger.claim('me', 1, LEASE_MS);
    await ledger.insert(SLOT, 2, { intents: [anIntent({ id: 'r', kind: 'restore' })] });
    expect(await ledger.claim('me', 1, LEASE_MS)).toEqual([]);
    expect(await ledger.settle('me', 't', answer, 'why', now() + 600_000)).toBe(true);
    expect((await ledger.recent(2)).map((action) => action.state)).toEqual(['pending', state]);
    expect((await ledger.claim('me', 1, LEASE_MS)).map((action) => action.intent.id)).toEqual(['r']);
  });

  it.each(['unknown', 'held'] as const)('supersedes what rests as %s', async (state) => {
    const { ledger } = fixture();
    await ledger.insert(SLOT, 1, { intents: [anIntent({ id: 't' })] });
    await ledger.claim('me', 1, LEASE_MS);
    await ledger.settle('me', 't', state, 'no answer');
    await ledger.insert(SLOT, 2, { intents: [anIntent({ id: 'r', kind: 'restore' })] });
    const older = (await ledger.recent(2))[1];
    expect([older?.state, older?.detail]).toEqual(['superseded', 'no answer; superseded by r']);
  });

  it('does not send again what was overtaken while its dispatcher died', async () => {
    const { ledger, passTime } = fixture();
    await ledger.insert(SLOT, 1, { intents: [anIntent({ id: 't' })] });
    await ledger.claim('dead', 1, LEASE_MS);
    await ledger.insert(SLOT, 2, { intents: [anIntent({ id: 'r', kind: 'restore' })] });
    await passTime(LEASE_MS + 1);
    const claimed = await ledger.claim('me', 10, LEASE_MS);
    expect(claimed.map((action) => action.intent.id)).toEqual(['r']);
    expect((await ledger.recent(2))[1]?.state).toBe('superseded');
  });
}

function reading(fixture: () => LedgerFixture): void {
  it('lists newest first, by subscriber and over all', async () => {
    const { ledger } = fixture();
    await ledger.insert(SLOT, 1, {
      intents: [
        anIntent({ id: 'a', kind: 'notify' }),
        anIntent({ id: 'b', kind: 'notify', subscriberId: 's-2' }),
        anIntent({ id: 'c', kind: 'notify' }),
      ],
    });
    expect((await ledger.recent(2)).map((action) => action.intent.id)).toEqual(['c', 'b']);
    expect((await ledger.ofSubscriber('s-1', 10)).map((action) => action.intent.id)).toEqual(['c', 'a']);
    expect((await ledger.ofSubscriber('s-1', 1)).map((action) => action.intent.id)).toEqual(['c']);
    expect(await ledger.ofSubscriber('nobody', 10)).toEqual([]);
  });

  it('stamps creation and the last change in ms', async () => {
    const { ledger, now } = fixture();
    await ledger.insert(SLOT, 1, { intents: [anIntent({ id: 'a' })] });
    const [action] = await ledger.recent(1);
    expect(action?.createdAtMs).toBeGreaterThan(now() - 60_000);
    expect(action?.createdAtMs).toBeLessThan(now() + 60_000);
    expect(action?.updatedAtMs).toBeGreaterThanOrEqual(action?.createdAtMs ?? 0);
  });

  it('counts every state, also those that are empty', async () => {
    const { ledger } = fixture();
    expect(await ledger.counts()).toEqual({
      pending: 0,
      sending: 0,
      delivered: 0,
      rejected: 0,
      unknown: 0,
      held: 0,
      superseded: 0,
      dead: 0,
    });
  });
}

function exporting(fixture: () => LedgerFixture): void {
  it('gives what analytics does not hold as it is, until it is marked, and again when it changes', async () => {
    const { ledger } = fixture();
    await ledger.insert(SLOT, 5, {
      intents: [anIntent({ id: 'a', subscriberId: 's-a' }), anIntent({ id: 'b', subscriberId: 's-b' })],
    });
    const fresh = await ledger.unexported(10);
    expect(fresh.map(({ intent }) => intent.id).sort()).toEqual(['a', 'b']);
    await ledger.markExported(fresh);
    await ledger.markExported(fresh);
    expect(await ledger.unexported(10)).toEqual([]);
    const [claimed] = await ledger.claim('d', 1, LEASE_MS);
    const [changed] = await ledger.unexported(10);
    expect(changed).toMatchObject({ state: 'sending', intent: { id: claimed?.intent.id } });
    await ledger.settle('d', claimed?.intent.id ?? '', 'delivered', 'ACK');
    // It changed after it was read: the mark for what was read does not hold for what it is now.
    await ledger.markExported(changed === undefined ? [] : [changed]);
    expect(await ledger.unexported(10)).toMatchObject([{ state: 'delivered' }]);
    expect(await ledger.unexported(0)).toEqual([]);
  });
}
