import { expect, it } from 'vitest';
import { AppError } from '../schemas/errors.ts';
import type { PlanTerms } from '../schemas/tariff.ts';
import type { NasAccess } from '../storage/ports.ts';
import { createProvider } from './provider.ts';
import { seedDirectory, seedTerms } from './seed-directory.ts';

it('puts plans, NAS with their access, and all subscribers, in this order', async () => {
  const provider = createProvider({ seed: 1, subscribers: 2_500, startMs: Date.UTC(2026, 0, 1) });
  const access: NasAccess = {
    nasId: 'nas-02',
    address: '127.0.0.1',
    coaPort: 1,
    secret: 's',
    vendor: 'wispr',
  };
  const calls: [string, readonly unknown[]][] = [];
  const note =
    (name: string) =>
    (rows: readonly unknown[]): Promise<void> => {
      calls.push([name, rows]);
      return Promise.resolve();
    };
  const directory = { putPlans: note('plans'), putNas: note('nas'), putSubscribers: note('subscribers') };
  await seedDirectory(directory, provider, [access]);
  expect(calls.map(([name, rows]) => [name, rows.length])).toEqual([
    ['plans', 4],
    ['nas', 4],
    ['subscribers', 1_000],
    ['subscribers', 1_000],
    ['subscribers', 500],
  ]);
  expect(calls.slice(2).flatMap(([, rows]) => rows)).toEqual(
    provider.subscribers.map(({ profile }) => profile),
  );
  expect(calls[1]?.[1][1]).toEqual({ profile: provider.nas[1]?.profile, access });
  expect(calls[1]?.[1][0]).toEqual({ profile: provider.nas[0]?.profile, access: null });
});

it('puts what plans cost, and leaves a plan that is there as it is', async () => {
  const put: PlanTerms[] = [];
  const putPlanVersion = (terms: PlanTerms): Promise<never> => {
    put.push(terms);
    return Promise.reject(new AppError('conflict', 'version 1 of the plan is there already'));
  };
  await seedTerms({ putPlanVersion }, 0);
  const provider = createProvider({ seed: 1, subscribers: 1, startMs: Date.UTC(2026, 0, 1) });
  expect(put.map(({ planId, version, metering }) => ({ planId, version, ...metering }))).toEqual(
    provider.plans,
  );
  const fault = new AppError('unreachable', 'no answer');
  await expect(seedTerms({ putPlanVersion: () => Promise.reject(fault) }, 0)).rejects.toBe(fault);
});
