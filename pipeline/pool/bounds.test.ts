import { describe, expect, it } from 'vitest';
import { DAY, HOUR, MINUTE, NOON, plan, profile } from '../../tests/factories.ts';
import { encodeHot } from '../commit/subscriber-codec.ts';
import { NEWEST_BLOB_VERSION } from '../fold/slot-state.ts';
import { encodeControl } from '../decode/control-codec.ts';
import { member, pool, PoolRig } from './pool-rig.contract.ts';

const AUGUST = Date.UTC(2026, 7, 1);

describe('members of one partition that change their pool as a cycle begins', () => {
  it('leave more controls than one input has numbers for: the rest are looked at with the next ones', () => {
    const count = 1500;
    const rig = new PoolRig(1)
      .control({ kind: 'plan-version', plan: plan({ capBytes: null }) })
      .control({ kind: 'pool-profile', pool: pool({ poolId: 'a' }) })
      .control({ kind: 'pool-profile', pool: pool({ poolId: 'b' }) })
      .tick(NOON);
    const ids = Array.from({ length: count }, (_, i) => `m${i}`);
    for (const subscriberId of ids)
      rig.control({
        kind: 'subscriber-profile',
        profile: profile({
          subscriberId,
          poolMemberships: [
            { poolId: 'a', fromMs: NOON - DAY, toMs: AUGUST },
            { poolId: 'b', fromMs: AUGUST, toMs: null },
          ],
        }),
      });
    // Each has used something that it has not told its pool yet.
    for (const id of ids) {
      rig.record(id, { sessionId: id, eventTimeMs: NOON, sessionTimeSeconds: 60, outputOctets: 1_000_000 });
      rig.record(id, {
        sessionId: id,
        eventTimeMs: NOON + 1000,
        sessionTimeSeconds: 61,
        outputOctets: 1_000_001,
      });
    }
    rig.onTheRoad = [];
    const before = rig.sent.length;
    rig.tick(AUGUST);
    for (let i = 1; i <= 3; i += 1) rig.tick(AUGUST + i);
    expect(rig.sent.length - before).toBe(3 * count);
    expect(ids.filter((id) => rig.line(id).pool?.poolId !== 'b')).toEqual([]);
  });
});

describe('an allowance as great as there is', () => {
  it('is told with what was bought on top of it, and stored by the members', () => {
    const topUps = [{ id: 't', bytes: 5000, fromMs: NOON - DAY, expiresMs: NOON + DAY }];
    const rig = new PoolRig(1)
      .control({ kind: 'plan-version', plan: plan({ capBytes: null }) })
      .control({ kind: 'pool-profile', pool: pool({ allowanceBytes: Number.MAX_SAFE_INTEGER, topUps }) })
      .tick(NOON)
      .control(member('anna'))
      .deliver();
    const anna = rig.line('anna');
    expect(anna.pool?.told.allowanceBytes).toBe(Number.MAX_SAFE_INTEGER);
    for (const { control } of rig.sent) expect(() => encodeControl(control)).not.toThrow();
    expect(() => encodeHot(anna, NEWEST_BLOB_VERSION)).not.toThrow();
  });
});

describe('a member with shorter cycles than its pool', () => {
  it('has all of them that lie in the pool’s cycle', () => {
    const daily = { cycle: { kind: 'days', days: 1, from: '2026-07-01' } } as const;
    const rig = new PoolRig(1)
      .control({ kind: 'plan-version', plan: plan({ capBytes: null }) })
      .control({ kind: 'pool-profile', pool: pool({ allowanceBytes: 1_000_000 }) })
      .tick(NOON)
      .control({
        kind: 'subscriber-profile',
        profile: profile({ subscriberId: 'anna', poolId: 'family', ...daily }),
      });
    for (let day = 0; day < 6; day += 1) {
      const eventTimeMs = NOON + day * DAY;
      rig.record('anna', {
        sessionId: `s${day}`,
        eventTimeMs,
        sessionTimeSeconds: 60,
        outputOctets: 100_000,
      });
      rig.tick(eventTimeMs + MINUTE).deliver();
    }
    expect(rig.owner('family').pools.all.get('family')?.told?.usedBytes).toBe(600_000);
  });
});

describe('a correction of a pool’s anchor', () => {
  it('leaves what was used of its top-ups as it was', () => {
    const topUps = [{ id: 't', bytes: 100, fromMs: NOON - DAY, expiresMs: NOON + 90 * DAY }];
    const described = { allowanceBytes: 100, topUps };
    const rig = new PoolRig(1)
      .control({ kind: 'plan-version', plan: plan({ capBytes: null }) })
      .control({ kind: 'pool-profile', pool: pool(described) })
      .tick(NOON)
      .control(member('anna'))
      .record('anna', { eventTimeMs: NOON, sessionTimeSeconds: 60, outputOctets: 150 })
      .tick(NOON + HOUR)
      .deliver();
    const stored = rig.owner('family').pools.all.get('family');
    expect(stored?.topUpUses).toEqual([{ id: 't', beforeBytes: 0, usedBytes: 50 }]);
    rig.control({ kind: 'pool-profile', pool: pool({ ...described, anchorDay: 5 }) }).deliver();
    expect(stored?.topUpUses).toEqual([{ id: 't', beforeBytes: 0, usedBytes: 50 }]);
    expect(stored?.told?.allowanceBytes).toBe(200);
    rig.tick(Date.UTC(2026, 7, 5) + MINUTE).deliver();
    expect(stored?.topUpUses).toEqual([{ id: 't', beforeBytes: 50, usedBytes: 0 }]);
  });
});

describe('members who come before event time has begun at their pool', () => {
  it('are answered as it begins', () => {
    const contribution = { poolId: 'family', cycleStartMs: Date.UTC(2026, 6, 1), seq: 1, leaving: false };
    const rig = new PoolRig(1).control({ kind: 'pool-profile', pool: pool() }).control({
      kind: 'pool-contribution',
      contribution: { ...contribution, member: 'anna', countedBytes: 70 },
    });
    expect(rig.sent).toEqual([]);
    rig.tick(NOON);
    expect(rig.sent.map(({ control }) => control)).toMatchObject([
      { kind: 'pool-effect', effect: { member: 'anna', usedBytes: 70 } },
    ]);
  });
});
