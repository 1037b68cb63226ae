import { describe, expect, it } from 'vitest';
import { HOUR, LogBuilder, NOON, plan, profile } from '../../tests/factories.ts';
import { readCycleStanding } from './cycle-standing.ts';
import { readPoolUsage } from './pool-usage.ts';
import { readSubscriber } from './subscriber-view.ts';
import { readTopUpUse } from './top-up-use.ts';
import { viewRig } from './view-rig.contract.ts';

const MEMBER = profile({ zone: 'UTC', poolId: 'family' });

/** 300 GB of a cap of 500 GB. */
function metered(): LogBuilder {
  const log = new LogBuilder();
  log.control({ kind: 'plan-version', plan: plan({ capBytes: 500e9 }) });
  log.control({ kind: 'plan-version', plan: plan({ planId: 'large', capBytes: 900e9, counted: 'down' }) });
  log.control({ kind: 'subscriber-profile', profile: MEMBER });
  log.record({ statusType: 'START', eventTimeMs: NOON - HOUR });
  log.record({ eventTimeMs: NOON, outputOctets: 290e9, inputOctets: 10e9 });
  return log;
}

describe('a cycle before and after a change', () => {
  it('is what was metered, by the rules of the plan before and of the plan after', async () => {
    const { reader } = await viewRig(metered().inputs, NOON + HOUR);
    const [before] = MEMBER.assignments;
    if (before === undefined) throw new Error('the profile has a plan');
    const change = NOON - HOUR / 2;
    const changed = {
      ...MEMBER,
      assignments: [
        { ...before, toMs: change },
        { planId: 'large', fromMs: change, toMs: null },
      ],
    };
    expect(await readCycleStanding(reader, MEMBER)).toEqual({
      before: { allowanceBytes: 500e9, countedBytes: 300e9 },
      after: { allowanceBytes: 500e9, countedBytes: 300e9 },
    });
    const seen = await readCycleStanding(reader, changed);
    expect(seen?.before).toEqual({ allowanceBytes: 500e9, countedBytes: 300e9 });
    expect(seen?.after.allowanceBytes).toBe(900e9);
    // Nothing was stored by looking.
    expect((await readCycleStanding(reader, MEMBER))?.after).toEqual(seen?.before);
  });

  it('is another cycle where the change makes it one', async () => {
    const log = metered().tick(Date.UTC(2026, 6, 31));
    const { reader } = await viewRig(log.inputs, NOON + HOUR);
    expect(await readCycleStanding(reader, { ...MEMBER, anchorDay: 20 })).toEqual({
      before: { allowanceBytes: 500e9, countedBytes: 300e9 },
      after: { allowanceBytes: 500e9, countedBytes: 0 },
    });
  });

  it('is not known of whom nobody metered', async () => {
    const { reader } = await viewRig(metered().inputs, NOON + HOUR);
    expect(await readCycleStanding(reader, profile({ subscriberId: 'nobody' }))).toBeNull();
  });
});

describe('a pool', () => {
  const POOL = {
    ...{ poolId: 'family', allowanceBytes: 1000, zone: 'UTC', anchorDay: 1, segment: '', planId: null },
    ...{ overageConsent: false, billTo: 'sub-1' },
  };

  it('is what its members used of the cycle, each of it, and how much is left', async () => {
    const log = metered();
    log.control({ kind: 'pool-profile', pool: POOL });
    for (const [member, countedBytes] of [
      ['b', 300],
      ['a', 200],
    ] as const)
      log.control({
        kind: 'pool-contribution',
        contribution: {
          ...{ poolId: 'family', member, countedBytes, seq: 1, leaving: false },
          cycleStartMs: Date.UTC(2026, 6, 1),
        },
      });
    const { reader } = await viewRig(log.inputs, NOON + HOUR);
    expect(await readPoolUsage(reader, 'family')).toEqual({
      cycle: { start: '2026-07-01T00:00:00.000Z', end: '2026-08-01T00:00:00.000Z' },
      ...{ usedBytes: '500', allowanceBytes: '1000', usedPercent: 50, rules: [] },
      members: [
        { subscriberId: 'a', usedBytes: '200', left: false },
        { subscriberId: 'b', usedBytes: '300', left: false },
      ],
    });
  });

  it('is not known where its worker has not heard of it', async () => {
    const { reader } = await viewRig(metered().inputs, NOON + HOUR);
    expect(await readPoolUsage(reader, 'family')).toBeNull();
  });
});

describe('a top-up', () => {
  const topUp = (id: string, bytes: number) => ({ id, bytes, fromMs: 0, expiresMs: NOON + 24 * HOUR });
  /** 300 GB of a cap of 200 GB. */
  const over = (): LogBuilder => {
    const log = new LogBuilder();
    log.control({ kind: 'plan-version', plan: plan({ capBytes: 200e9 }) });
    const topUps = [topUp('first', 150e9), { ...topUp('second', 5e9), expiresMs: NOON + 48 * HOUR }];
    log.control({ kind: 'subscriber-profile', profile: { ...MEMBER, topUps } });
    log.record({ statusType: 'START', eventTimeMs: NOON - HOUR });
    log.record({ eventTimeMs: NOON, outputOctets: 290e9, inputOctets: 10e9 });
    return log;
  };

  it('is used as far as the cap does not reach', async () => {
    const { reader } = await viewRig(over().inputs, NOON + HOUR);
    const owner = { subscriberId: MEMBER.subscriberId };
    expect(await readTopUpUse(reader, owner, 'first')).toBe(100e9);
    expect(await readTopUpUse(reader, owner, 'second')).toBe(0);
  });

  it('is not known before the log has come to it, nor of whom nobody metered', async () => {
    const { reader } = await viewRig(over().inputs, NOON + HOUR);
    expect(await readTopUpUse(reader, { subscriberId: MEMBER.subscriberId }, 'third')).toBeNull();
    expect(await readTopUpUse(reader, { subscriberId: 'nobody' }, 'first')).toBeNull();
    expect(await readTopUpUse(reader, { poolId: 'nobody' }, 'first')).toBeNull();
  });

  it('of a pool is what its members used of it', async () => {
    const log = metered();
    const topUps = [topUp('used', 400), { ...topUp('new', 5), expiresMs: NOON + 48 * HOUR }];
    const pool = {
      poolId: 'family',
      allowanceBytes: 100,
      zone: 'UTC',
      anchorDay: 1,
      segment: '',
      planId: null,
    };
    log.control({ kind: 'pool-profile', pool: { ...pool, overageConsent: false, billTo: 'sub-1', topUps } });
    const contribution = { poolId: 'family', member: 'a', countedBytes: 300, seq: 1, leaving: false };
    log.control({
      kind: 'pool-contribution',
      contribution: { ...contribution, cycleStartMs: Date.UTC(2026, 6, 1) },
    });
    const { reader } = await viewRig(log.inputs, NOON + HOUR);
    expect(await readTopUpUse(reader, { poolId: 'family' }, 'used')).toBe(200);
    expect(await readTopUpUse(reader, { poolId: 'family' }, 'new')).toBe(0);
  });
});

describe('a subscriber', () => {
  it('has the allowance of its running cycle, and its parts where its plan changed', async () => {
    const log = new LogBuilder();
    log.control({ kind: 'plan-version', plan: plan({ capBytes: 500e9 }) });
    log.control({ kind: 'plan-version', plan: plan({ planId: 'large', capBytes: 900e9 }) });
    const [first] = MEMBER.assignments;
    if (first === undefined) throw new Error('the profile has a plan');
    const change = NOON - HOUR / 2;
    const assignments = [
      { ...first, toMs: change },
      { planId: 'large', fromMs: change, toMs: null },
    ];
    const topUps = [{ id: 'more', bytes: 5e9, fromMs: 0, expiresMs: NOON + 24 * HOUR }];
    log.control({ kind: 'subscriber-profile', profile: { ...MEMBER, assignments, topUps } });
    log.record({ statusType: 'START', eventTimeMs: NOON - HOUR });
    log.record({ eventTimeMs: NOON, outputOctets: 290e9, inputOctets: 10e9 });
    const { reader } = await viewRig(log.inputs, NOON + HOUR);
    const view = await readSubscriber(
      { ...reader, ledger: { ofSubscriber: () => Promise.resolve([]) } },
      MEMBER.subscriberId,
    );
    expect(view?.cycle).toMatchObject({ allowanceBytes: '905000000000', topUpRemainingBytes: '5000000000' });
    expect(view?.cycle?.parts).toMatchObject([
      { planId: first.planId, to: new Date(change).toISOString(), unlimited: false },
      { planId: 'large', from: new Date(change).toISOString() },
    ]);
    const down = view?.cycle?.parts.map((part) => Number(part.downBytes)) ?? [];
    expect(down.reduce((sum, bytes) => sum + bytes, 0)).toBe(Number(view?.cycle?.downBytes));
    expect(down.every((bytes) => bytes > 0)).toBe(true);
  });
});
