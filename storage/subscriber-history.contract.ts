import { beforeEach, describe, expect, it } from 'vitest';
import type { ShadowDecision } from '../schemas/action.ts';
import type { PolicyVersion } from '../schemas/policy.ts';
import type { UsageAdjustment } from '../schemas/usage-record.ts';
import { anIntent } from './action-factory.contract.ts';
import type { HistorySpan, SubscriberHistory } from './history-ports.ts';
import type { PolicyChange } from './policy-ports.ts';

const NOON = Date.UTC(2026, 6, 10, 12);
const ALL: HistorySpan = { fromMs: 0, throughMs: Number.MAX_SAFE_INTEGER, limit: 100 };
const ODD = 'nul\u0000 "decidedAtMs":7 \ud800';

/** A history with what fills it; times of adjustments, audit and changes are given, whatever the clock says. */
export interface HistoryUnderTest {
  history: SubscriberHistory;
  putIntents(intents: readonly ReturnType<typeof anIntent>[]): Promise<void>;
  putShadows(shadows: readonly ShadowDecision[]): Promise<void>;
  putAdjustments(rows: readonly { atMs: number; adjustment: UsageAdjustment }[]): Promise<void>;
  putAudit(
    rows: readonly { atMs: number; who: string | null; action: string; subject: string }[],
  ): Promise<void>;
  putPolicies(versions: readonly PolicyVersion[], changes: readonly PolicyChange[]): Promise<void>;
}

function aShadow(id: string, over: Partial<ShadowDecision> = {}): ShadowDecision {
  return {
    id,
    subscriberId: 's-1',
    policyId: 'home-fup',
    policyVersion: 'v2',
    rule: 'slow-at-cap',
    cycleStartMs: NOON,
    ordinal: 1,
    began: true,
    event: 'throttle',
    liveEffect: null,
    decidedAtMs: NOON,
    partition: 0,
    offset: 1,
    explanation: [],
    ...over,
  };
}

function anAdjustment(id: string, subscriberId = 's-1'): UsageAdjustment {
  return {
    id,
    subscriberId,
    cycleStartMs: NOON,
    cycleEndMs: NOON + 1,
    serviceClass: '',
    downBytes: -5,
    upBytes: 0,
    reason: 'operator',
    detail: 'credit',
    partition: 0,
    offset: 1,
  };
}

function aVersion(policyId: string, version: string): PolicyVersion {
  return { policyId, version, file: { id: policyId, description: version, mode: 'enforce', rules: [] } };
}

function aChange(policyId: string, atMs: number, over: Partial<PolicyChange> = {}): PolicyChange {
  return {
    policyId,
    kind: 'publish',
    base: 'v1',
    candidate: null,
    atMs,
    by: 'anna',
    source: 'api',
    comment: '',
    ...over,
  };
}

/**
 * What every SubscriberHistory shows of what is stored.
 * @param open gives an empty one before each test
 */
export function subscriberHistoryContract(name: string, open: () => Promise<HistoryUnderTest>): void {
  describe(`SubscriberHistory: ${name}`, () => {
    let given: HistoryUnderTest;
    let history: SubscriberHistory;
    beforeEach(async () => {
      given = await open();
      ({ history } = given);
    });

    it('gives actions by the time of their decision, bounds included, of one ms the last stored first', async () => {
      const at = (id: string, decidedAtMs: number) => anIntent({ id, decidedAtMs });
      await given.putIntents([at('a', NOON), at('b', NOON + 1), at('c', NOON + 1), at('d', NOON + 2)]);
      await given.putIntents([anIntent({ id: 'other', subscriberId: 's-2', decidedAtMs: NOON })]);
      const ids = async (span: Partial<HistorySpan>) =>
        (await history.actions('s-1', { ...ALL, ...span })).map(({ intent }) => intent.id);
      expect(await ids({})).toEqual(['d', 'c', 'b', 'a']);
      expect(await ids({ fromMs: NOON + 1, throughMs: NOON + 1 })).toEqual(['c', 'b']);
      expect(await ids({ throughMs: NOON + 1, limit: 2 })).toEqual(['c', 'b']);
      expect(await ids({ fromMs: NOON + 3 })).toEqual([]);
    });

    it('gives an action with its state, and texts that databases dislike', async () => {
      const intent = anIntent({ id: 'a', subscriberId: ODD, userName: ODD, decidedAtMs: NOON });
      await given.putIntents([intent]);
      const [action] = await history.actions(ODD, { ...ALL, fromMs: NOON });
      expect(action).toMatchObject({ intent, state: 'pending', attempts: 0 });
      expect(action?.createdAtMs).toBeGreaterThan(0);
    });

    it('gives shadow decisions likewise', async () => {
      await given.putShadows([aShadow('a'), aShadow('b', { decidedAtMs: NOON + 5 }), aShadow('c')]);
      await given.putShadows([aShadow('d', { subscriberId: 's-2' })]);
      const ids = async (span: Partial<HistorySpan>) =>
        (await history.shadowDecisions('s-1', { ...ALL, ...span })).map(({ id }) => id);
      expect(await ids({})).toEqual(['b', 'c', 'a']);
      expect(await ids({ throughMs: NOON, limit: 1 })).toEqual(['c']);
      expect((await history.shadowDecisions('s-2', ALL))[0]).toEqual(aShadow('d', { subscriberId: 's-2' }));
    });

    it('gives adjustments by the time at which they were stored', async () => {
      const rows = ['a', 'b', 'c'].map((id, i) => ({ atMs: NOON + i, adjustment: anAdjustment(id) }));
      await given.putAdjustments([...rows, { atMs: NOON, adjustment: anAdjustment('x', 's-2') }]);
      expect(await history.adjustments('s-1', { ...ALL, fromMs: NOON + 1 })).toEqual([rows[2], rows[1]]);
      expect(await history.adjustments('s-1', { ...ALL, limit: 1 })).toEqual([rows[2]]);
    });

    it('gives the audit of one subject and the actions asked for', async () => {
      const row = (atMs: number, action: string, subject: string) => ({ atMs, who: 'anna', action, subject });
      await given.putAudit([
        row(NOON, 'adjust', 's-1'),
        row(NOON + 1, 'close-session', 's-1'),
        row(NOON + 2, 'nas-profile', 's-1'),
        row(NOON + 3, 'adjust', 's-2'),
        { ...row(NOON + 4, 'adjust', 's-1'), who: null },
      ]);
      const found = await history.of('s-1', ['adjust', 'close-session'], ALL);
      expect(found.map(({ atMs, who, action }) => [atMs - NOON, who, action])).toEqual([
        [4, null, 'adjust'],
        [1, 'anna', 'close-session'],
        [0, 'anna', 'adjust'],
      ]);
      expect(await history.of('s-1', ['adjust'], { ...ALL, throughMs: NOON + 3, limit: 5 })).toHaveLength(1);
      expect(await history.of('s-3', ['adjust'], ALL)).toEqual([]);
    });

    it('gives changes of policies, and what was in force at an instant', async () => {
      const changes = [
        aChange('a', NOON),
        aChange('b', NOON + 1),
        aChange('a', NOON + 2, { candidate: 'v2' }),
        aChange('b', NOON + 3, { kind: 'withdraw', base: null }),
      ];
      const versions = [aVersion('a', 'v1'), aVersion('a', 'v2'), aVersion('b', 'v1')];
      await given.putPolicies(versions, changes);
      expect(await history.policyChanges(['a'], ALL)).toEqual([changes[2], changes[0]]);
      expect(await history.policyChanges(['a', 'b'], { ...ALL, limit: 1 })).toEqual([changes[3]]);
      expect(await history.policyChanges([], ALL)).toEqual([]);
      const versionsAt = async (atMs: number) =>
        [...(await history.policiesAt(atMs))].map(([id, { base, candidate }]) => [
          id,
          base?.version ?? null,
          candidate?.version ?? null,
        ]);
      expect(await versionsAt(NOON - 1)).toEqual([]);
      expect(await versionsAt(NOON + 1)).toEqual([
        ['a', 'v1', null],
        ['b', 'v1', null],
      ]);
      expect(await versionsAt(NOON + 3)).toEqual([['a', 'v1', 'v2']]);
      expect((await history.policiesAt(NOON)).get('a')?.base).toEqual(versions[0]);
    });
  });
}
