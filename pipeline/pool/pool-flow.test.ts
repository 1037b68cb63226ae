import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY, HOUR, MINUTE, NOON, plan } from '../../tests/factories.ts';
import { partitionOfText } from '../../schemas/partitioning.ts';
import { encodePool, MAX_MEMBERS } from './pool.ts';
import { member, pool, poolPolicy, PoolRig } from './pool-rig.contract.ts';
import type { Sent } from './pool-rig.contract.ts';

const AUGUST = Date.UTC(2026, 7, 1);

/** Two members on different partitions, the pool's policy, a plan without a cap. */
function household(fields: Parameters<typeof pool>[0] = {}): PoolRig {
  const [anna, bob] = ['anna', 'bob'].map((name) => partitionOfText(name, 2));
  expect(anna).not.toBe(bob);
  return new PoolRig(2)
    .control({ kind: 'plan-version', plan: plan({ capBytes: null }) })
    .control({ kind: 'policy-version', policy: poolPolicy() })
    .control({ kind: 'pool-profile', pool: pool(fields) })
    .tick(NOON - HOUR)
    .control(member('anna'))
    .control(member('bob'))
    .deliver();
}

function uses(rig: PoolRig, subscriberId: string, bytes: number, atMs: number): PoolRig {
  const sessionTimeSeconds = (atMs - NOON + MINUTE) / 1000;
  return rig.record(subscriberId, { eventTimeMs: atMs, sessionTimeSeconds, outputOctets: bytes });
}

function throttled(rig: PoolRig): boolean[] {
  return ['anna', 'bob'].map((id) => rig.line(id).effect !== null);
}

describe('two members on two partitions', () => {
  it('are throttled together as their pool reaches its allowance, and restored as its cycle rolls', () => {
    const rig = household();
    uses(rig, 'anna', 6000, NOON).deliver();
    expect(throttled(rig)).toEqual([false, false]);
    uses(rig, 'bob', 4000, NOON + MINUTE).deliver();
    expect(throttled(rig)).toEqual([true, true]);
    expect(
      rig.intents.map(({ kind, subscriberId, policyId, rule }) => [kind, subscriberId, policyId, rule]),
    ).toEqual(
      expect.arrayContaining([
        ['throttle', 'anna', 'family-fup', 'slow'],
        ['throttle', 'bob', 'family-fup', 'slow'],
        ['notify', 'anna', 'family-fup', 'warn'],
      ]),
    );
    rig.tick(AUGUST).deliver();
    expect(throttled(rig)).toEqual([false, false]);
    expect(
      rig.intents
        .filter(({ kind }) => kind === 'restore')
        .map(({ subscriberId }) => subscriberId)
        .sort(),
    ).toEqual(['anna', 'bob']);
    expect(rig.intents.filter(({ kind }) => kind === 'notify')).toHaveLength(1);
  });

  it('are restored by a top-up of the pool with its control, and throttled again where it is used up or over', () => {
    const rig = household();
    uses(rig, 'anna', 6000, NOON - HOUR);
    uses(rig, 'bob', 4000, NOON - HOUR)
      .tick(NOON - 30 * MINUTE)
      .deliver();
    expect(throttled(rig)).toEqual([true, true]);
    // The control was appended at noon: what began by then is in force, though event time is not there yet.
    const topUps = [{ id: 't', bytes: 500, fromMs: NOON - MINUTE, expiresMs: NOON + 2 * HOUR }];
    rig.control({ kind: 'pool-profile', pool: pool({ topUps }) }).deliver();
    expect(throttled(rig)).toEqual([false, false]);
    expect(rig.line('bob').pool?.told).toMatchObject({ usedBytes: 10_000, allowanceBytes: 10_500 });
    uses(rig, 'anna', 6100, NOON + HOUR).deliver();
    expect(throttled(rig)).toEqual([false, false]);
    // What it covered stays covered, its rest is gone.
    rig.tick(NOON + 2 * HOUR).deliver();
    expect(throttled(rig)).toEqual([true, true]);
    expect(rig.line('bob').pool?.told).toMatchObject({ usedBytes: 10_100, allowanceBytes: 10_100 });
  });

  it('see what the pool has used to a point', () => {
    const rig = household();
    uses(rig, 'anna', 6000, NOON).deliver();
    for (const id of ['anna', 'bob'])
      expect(rig.line(id).pool?.told).toMatchObject({ usedBytes: 6000, allowanceBytes: 10_000 });
    // Half a point is told to the owner, not to the members.
    uses(rig, 'bob', 60, NOON + MINUTE).deliver();
    expect(rig.line('anna').pool?.told.usedBytes).toBe(6000);
    uses(rig, 'bob', 120, NOON + 2 * MINUTE).deliver();
    expect(rig.line('anna').pool?.told.usedBytes).toBe(6120);
  });

  it('tell very little only after an hour of event time', () => {
    const rig = household();
    uses(rig, 'anna', 6000, NOON).deliver();
    const before = rig.sent.length;
    uses(rig, 'anna', 6001, NOON + 10_000);
    rig.tick(NOON + HOUR - 2 * MINUTE);
    expect(rig.sent).toHaveLength(before);
    rig.tick(NOON + HOUR);
    expect(rig.sent.slice(before).map(({ control }) => control)).toMatchObject([
      { kind: 'pool-contribution', contribution: { member: 'anna', countedBytes: 6001 } },
    ]);
  });

  it('tell little only after ten minutes of event time', () => {
    const rig = household();
    uses(rig, 'anna', 6000, NOON).deliver();
    const before = rig.sent.length;
    uses(rig, 'anna', 6005, NOON + 10_000);
    uses(rig, 'anna', 6015, NOON + 20_000);
    rig.tick(NOON + 8 * MINUTE);
    expect(rig.sent.slice(before)).toEqual([]);
    rig.tick(NOON + 10 * MINUTE);
    expect(rig.sent.slice(before).map(({ control }) => control)).toMatchObject([
      { kind: 'pool-contribution', contribution: { member: 'anna', countedBytes: 6015, leaving: false } },
    ]);
    rig.tick(NOON + HOUR);
    expect(rig.sent).toHaveLength(before + 1);
  });

  it('tell the less at once the less is left', () => {
    const rig = household();
    uses(rig, 'anna', 6000, NOON).deliver();
    const before = rig.sent.length;
    uses(rig, 'anna', 6019, NOON + 10_000).deliver();
    expect(rig.sent).toHaveLength(before);
    uses(rig, 'anna', 9900, NOON + 20_000).deliver();
    const near = rig.sent.length;
    uses(rig, 'anna', 9901, NOON + 30_000);
    expect(rig.sent.slice(near).map(({ control }) => control)).toMatchObject([
      { kind: 'pool-contribution', contribution: { member: 'anna', countedBytes: 9901 } },
    ]);
  });

  it('charge each block once, to whoever pays', () => {
    const rule = {
      name: 'blocks',
      conditions: { all: [{ fact: 'poolUsedPercent', operator: 'greaterThan', value: 100 }] },
      event: {
        type: 'overage' as const,
        params: { blockBytes: 1000, blockPriceMinor: 200, currency: 'EUR', maxBlocks: 3 },
      },
    };
    const rig = household({ overageConsent: true }).control({
      kind: 'policy-version',
      policy: poolPolicy({ rules: [rule] }),
    });
    uses(rig, 'anna', 9000, NOON).deliver();
    uses(rig, 'bob', 2500, NOON + MINUTE).deliver();
    uses(rig, 'bob', 9000, NOON + 2 * MINUTE).deliver();
    const blocks = rig.intents.filter(({ kind }) => kind === 'overage');
    expect(blocks.map(({ subscriberId, overage }) => [subscriberId, overage?.block])).toEqual([
      ['anna', 1],
      ['anna', 2],
      ['anna', 3],
    ]);
    expect(new Set(blocks.map(({ id }) => id)).size).toBe(3);
  });

  it('who leaves is free at once, and what it used until then stays', () => {
    const rig = household();
    uses(rig, 'anna', 6000, NOON).deliver();
    uses(rig, 'bob', 4000, NOON + MINUTE).deliver();
    rig.control(member('bob', null)).deliver();
    expect(throttled(rig)).toEqual([true, false]);
    expect(rig.line('bob').pool).toBeNull();
    uses(rig, 'bob', 9000, NOON + 5 * MINUTE).deliver();
    expect(rig.owner('family').pools.all.get('family')?.told?.usedBytes).toBe(10_000);
    rig.control(member('bob')).deliver();
    expect(throttled(rig)).toEqual([true, true]);
    uses(rig, 'bob', 9500, NOON + 10 * MINUTE).deliver();
    expect(rig.owner('family').pools.all.get('family')?.told?.usedBytes).toBe(10_500);
  });

  it('what was used before joining is not the pool’s', () => {
    const rig = household();
    rig.control(member('carl', null));
    uses(rig, 'carl', 7000, NOON).control(member('carl')).deliver();
    uses(rig, 'carl', 7500, NOON + MINUTE).deliver();
    rig.tick(NOON + HOUR).deliver();
    expect(rig.owner('family').pools.all.get('family')?.told?.usedBytes).toBe(500);
  });

  it('a member whose cycle rolls before the pool’s keeps what it used in both', () => {
    const rig = household();
    uses(rig, 'anna', 6000, NOON).deliver();
    uses(rig, 'bob', 5000, NOON).deliver();
    const others = partitionOfText('family', 2);
    const ahead = ['anna', 'bob'].find((id) => partitionOfText(id, 2) !== others) ?? '';
    rig.tick(AUGUST + MINUTE, 1 - others);
    const next = { eventTimeMs: AUGUST + 10 * MINUTE, sessionTimeSeconds: 60, sessionId: 's2' };
    rig.record(ahead, { ...next, outputOctets: 700 }).deliver();
    expect(throttled(rig)).toEqual([true, true]);
    rig.tick(AUGUST + 20 * MINUTE).deliver();
    expect(rig.owner('family').pools.all.get('family')?.told?.usedBytes).toBe(700);
    expect(throttled(rig)).toEqual([false, false]);
  });

  it('a pool that is described after its members have come counts what they have told', () => {
    const rig = new PoolRig(2)
      .control({ kind: 'plan-version', plan: plan({ capBytes: null }) })
      .control({ kind: 'policy-version', policy: poolPolicy() })
      .tick(NOON - HOUR)
      .control(member('anna'))
      .control(member('bob'))
      .deliver();
    uses(rig, 'anna', 20_000_000, NOON).deliver();
    rig.control({ kind: 'pool-profile', pool: pool() }).deliver();
    expect(throttled(rig)).toEqual([true, true]);
  });

  it('an absurd claim of a member throttles nobody', () => {
    const rig = household();
    uses(rig, 'anna', 900_000_000_000, NOON).deliver();
    expect(rig.line('anna').suspended).toBe(true);
    expect(throttled(rig)).toEqual([false, false]);
    rig
      .control({ kind: 'operator', command: { type: 're-evaluate', subscriberId: 'anna', by: 'op' } })
      .deliver();
    expect(throttled(rig)).toEqual([true, true]);
  });

  it('withdrawing the policy restores all', () => {
    const rig = household();
    uses(rig, 'anna', 12_000, NOON).deliver();
    expect(throttled(rig)).toEqual([true, true]);
    rig.control({ kind: 'policy-withdrawn', policyId: 'family-fup' }).deliver();
    expect(throttled(rig)).toEqual([false, false]);
  });

  it('the stronger of the member’s own rules and the pool’s counts', () => {
    const own = poolPolicy({ subject: 'subscriber' });
    const blocking = {
      name: 'own',
      conditions: { all: [{ fact: 'poolUsedPercent', operator: 'greaterThanInclusive', value: 110 }] },
      event: { type: 'block' as const, params: { minHoldSeconds: 0 } },
    };
    const rig = household().control({
      kind: 'policy-version',
      policy: { ...own, policyId: 'own', file: { ...own.file, id: 'own', rules: [blocking] } },
    });
    uses(rig, 'anna', 10_500, NOON).deliver();
    expect(rig.line('bob').effect?.state).toBe('throttle');
    uses(rig, 'anna', 11_000, NOON + MINUTE).deliver();
    expect(rig.line('bob').effect?.state).toBe('block');
    rig.control(member('bob', null)).deliver();
    expect(rig.line('bob').effect).toBeNull();
  });
});

describe('a pool of many', () => {
  it('is told all round, a bounded number with each input', () => {
    const rig = new PoolRig(1)
      .control({ kind: 'plan-version', plan: plan({ capBytes: null }) })
      .control({ kind: 'policy-version', policy: poolPolicy() })
      .control({ kind: 'pool-profile', pool: pool() })
      .tick(NOON - HOUR);
    const ids = Array.from({ length: 250 }, (_, i) => `m${i}`);
    for (const id of ids) rig.control(member(id));
    rig.deliver();
    rig.record('m0', { eventTimeMs: NOON, sessionTimeSeconds: 60, outputOctets: 11_000 });
    for (let i = 1; i <= 8; i += 1) rig.deliver().tick(NOON + i);
    rig.deliver();
    expect(ids.filter((id) => rig.line(id).effect === null)).toEqual([]);
    expect(rig.slots[0]?.pools.hasWork(NOON)).toBe(false);
  });

  it('has room for so many and no more', () => {
    const rig = new PoolRig(1).tick(NOON);
    const contribution = {
      poolId: 'family',
      cycleStartMs: NOON - 9 * DAY,
      seq: 1,
      countedBytes: 1,
      leaving: false,
    };
    for (let i = 0; i <= MAX_MEMBERS; i += 1)
      rig.control({ kind: 'pool-contribution', contribution: { ...contribution, member: `m${i}` } });
    const stored = rig.owner('family').pools.all.get('family');
    expect(stored?.members.size).toBe(MAX_MEMBERS);
    expect(stored?.refused).toBe(1);
  });
});

describe('what is told between slots', () => {
  it('has a number of its own for each, which grows in each log', () => {
    const rig = household();
    uses(rig, 'anna', 12_000, NOON).deliver();
    rig.tick(AUGUST).deliver();
    const numbers = new Map<string, number>();
    for (const { id } of rig.sent) {
      expect(id.n).toBeGreaterThan(numbers.get(id.source) ?? 0);
      numbers.set(id.source, id.n);
    }
    expect(rig.sent.length).toBeGreaterThan(8);
  });

  it('may come again, and earlier ones late: the outcome is the same', () => {
    const amounts = fc.array(
      fc.tuple(fc.constantFrom('anna', 'bob', 'carl'), fc.integer({ min: 1, max: 3000 })),
      {
        minLength: 1,
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(amounts, fc.array(fc.nat(1000), { minLength: 20, maxLength: 20 }), (steps, dice) => {
        const run = (order?: (sent: Sent[]) => Sent[]): string => {
          const rig = household().control(member('carl')).deliver();
          const totals = new Map<string, number>();
          steps.forEach(([id, bytes], i) => {
            const total = (totals.get(id) ?? 0) + bytes;
            totals.set(id, total);
            uses(rig, id, total, NOON + i * 10_000);
            if ((dice[i] ?? 0) % 2 === 0) rig.deliver(order);
          });
          rig
            .tick(NOON + HOUR)
            .deliver(order)
            .tick(NOON + 2 * HOUR)
            .deliver();
          const pool_ = rig.owner('family').pools.all.get('family');
          const used = [...(pool_?.members ?? [])].map(([id, { totals: all }]) => [id, all]).sort();
          const lines = ['anna', 'bob', 'carl'].map((id) => [
            rig.line(id).effect,
            (rig.line(id).pool?.told.usedBytes ?? 0) >= 0,
          ]);
          return JSON.stringify([used, lines]);
        };
        let at = 0;
        const next = (): number => dice[(at += 1) % dice.length] ?? 0;
        const disturbed = (sent: Sent[]): Sent[] => {
          // Each source keeps its order, as the log gives it; sources interleave, and anything comes again.
          const bySource = new Map<string, Sent[]>();
          for (const one of sent) bySource.set(one.id.source, [...(bySource.get(one.id.source) ?? []), one]);
          const mixed: Sent[] = [];
          const queues = [...bySource.values()];
          while (queues.some((queue) => queue.length > 0)) {
            const queue = queues[next() % queues.length] ?? [];
            const [first] = queue;
            if (first === undefined) continue;
            mixed.push(first);
            if (next() % 3 === 0) mixed.push(first);
            if (next() % 2 === 0) queue.shift();
            if (mixed.length > 500) break;
          }
          for (const queue of queues) mixed.push(...queue);
          return [...mixed, ...sent.filter(() => next() % 4 === 0)];
        };
        expect(run(disturbed)).toBe(run());
      }),
      { numRuns: 60 },
    );
  });

  it('an older effect than the one that is known says nothing', () => {
    const rig = household();
    uses(rig, 'anna', 12_000, NOON).deliver();
    const old = { poolId: 'family', member: 'bob', seq: 1, usedBytes: 0, allowanceBytes: 10_000, rules: [] };
    rig.control({ kind: 'pool-effect', effect: old });
    expect(rig.line('bob').effect?.state).toBe('throttle');
    rig.control({ kind: 'pool-effect', effect: { ...old, seq: 1000, poolId: 'other' } });
    expect(rig.line('bob').effect?.state).toBe('throttle');
    rig.control({ kind: 'pool-effect', effect: { ...old, seq: 1000, member: 'nobody' } });
    expect(rig.slots.some(({ subscribers }) => subscribers.has('nobody'))).toBe(false);
  });

  it('a pool is stored and read as it was', async () => {
    const { decodePool } = await import('./pool.ts');
    const rig = household();
    uses(rig, 'anna', 12_000, NOON).deliver();
    const stored = rig.owner('family').pools.all.get('family');
    if (stored === undefined) throw new Error('no pool');
    const bytes = encodePool(stored);
    expect(Buffer.from(encodePool(decodePool(bytes)))).toEqual(Buffer.from(bytes));
  });
});
