import { describe, expect, it } from 'vitest';
import { aPolicy } from '../../storage/policy-store.contract.ts';
import type { PartitionPolicies } from '../../storage/policy-ports.ts';
import { NEWEST_BLOB_VERSION } from '../fold/slot-state.ts';
import { policiesOf, PolicyReporter } from './report-policies.ts';
import type { ReportedSlot } from './report-policies.ts';

function slot(partition: number, base: string | null, candidate: string | null): ReportedSlot {
  return {
    partition,
    position: 7,
    blobVersion: NEWEST_BLOB_VERSION,
    policies: new Map(base === null ? [] : [['fup', aPolicy(base)]]),
    candidates: new Map(candidate === null ? [] : [['fup', aPolicy(candidate, 'shadow')]]),
  };
}

it('reports base and candidate of each policy, by partition', () => {
  expect(
    policiesOf([slot(1, null, 'b'), slot(0, 'a', 'b'), slot(2, 'a', null), slot(3, null, null)]),
  ).toEqual([
    {
      partition: 0,
      position: 7,
      layout: NEWEST_BLOB_VERSION,
      policies: { fup: { base: 'a-enforce', candidate: 'b-shadow' } },
    },
    {
      partition: 1,
      position: 7,
      layout: NEWEST_BLOB_VERSION,
      policies: { fup: { base: null, candidate: 'b-shadow' } },
    },
    {
      partition: 2,
      position: 7,
      layout: NEWEST_BLOB_VERSION,
      policies: { fup: { base: 'a-enforce', candidate: null } },
    },
    { partition: 3, position: 7, layout: NEWEST_BLOB_VERSION, policies: {} },
  ]);
});

it('says where rules wait for a newer layout', () => {
  const block = { name: 'stop', conditions: { all: [] }, event: { type: 'block' as const, params: {} } };
  const policy = aPolicy('a');
  const blocks = { ...policy, file: { ...policy.file, rules: [block] } };
  const waiting = { ...slot(0, null, null), policies: new Map([['fup', blocks]]) };
  const told = (blobVersion: number): unknown => policiesOf([{ ...waiting, blobVersion }])[0]?.policies;
  expect(told(NEWEST_BLOB_VERSION)).toEqual({ fup: { base: 'a-enforce', candidate: null } });
  expect(told(3)).toEqual({ fup: { base: 'a-enforce', candidate: null, waits: true } });
});

describe('PolicyReporter', () => {
  function rig() {
    const told: (readonly PartitionPolicies[])[] = [];
    const state = { slots: [slot(0, 'a', null)], nowMs: 1000, down: false };
    const reports = {
      report: async (_reporter: string, partitions: readonly PartitionPolicies[]): Promise<void> => {
        if (state.down) throw new Error('away');
        told.push(partitions);
      },
    };
    const reporter = new PolicyReporter(
      reports,
      'me',
      () => state.slots,
      () => state.nowMs,
    );
    return { told, state, reporter };
  }

  it('tells at once what changed, and everything again after 30 s', async () => {
    const { told, state, reporter } = rig();
    await reporter.beat();
    await reporter.beat();
    expect(told).toHaveLength(1);
    state.slots = [slot(0, 'b', null)];
    await reporter.beat();
    expect(told[1]?.[0]?.policies).toEqual({ fup: { base: 'b-enforce', candidate: null } });
    state.nowMs += 29_999;
    await reporter.beat();
    expect(told).toHaveLength(2);
    state.nowMs += 1;
    await reporter.beat();
    expect(told).toHaveLength(3);
  });

  it('tells at once of another layout', async () => {
    const { told, state, reporter } = rig();
    await reporter.beat();
    state.slots = [{ ...slot(0, 'a', null), blobVersion: NEWEST_BLOB_VERSION + 1 }];
    await reporter.beat();
    expect(told.map((partitions) => partitions[0]?.layout)).toEqual([
      NEWEST_BLOB_VERSION,
      NEWEST_BLOB_VERSION + 1,
    ]);
  });

  it('does not tell of positions alone', async () => {
    const { told, state, reporter } = rig();
    await reporter.beat();
    state.slots = [{ ...slot(0, 'a', null), position: 8 }];
    await reporter.beat();
    expect(told).toHaveLength(1);
  });

  it('tries again what failed, and takes everything back at the end', async () => {
    const { told, state, reporter } = rig();
    state.down = true;
    await expect(reporter.beat()).rejects.toThrow('away');
    state.down = false;
    await reporter.beat();
    await reporter.end();
    expect(told.map((partitions) => partitions.length)).toEqual([1, 0]);
  });
});
