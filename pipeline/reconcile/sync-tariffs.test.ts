import { beforeEach, expect, it } from 'vitest';
import type { PeerAccount } from '../../storage/billing-ports.ts';
import { MemoryReconciliations } from '../../storage/memory/reconciliations.ts';
import { MemoryTariffs } from '../../storage/memory/tariffs.ts';
import type { ChangeContext } from '../../storage/tariff-ports.ts';
import { given, terms } from '../../storage/tariff-given.contract.ts';
import { syncAccounts } from './sync-accounts.ts';

const DAY = 86_400_000;
const T = Date.UTC(2026, 0, 15);
const CYCLE_END = Date.UTC(2026, 1, 1);
const by: ChangeContext = { by: 'ann', atMs: T, reason: '' };

let tariffs: MemoryTariffs;
let there: PeerAccount;
beforeEach(async () => {
  tariffs = new MemoryTariffs();
  await tariffs.store.putPlanVersion(terms('home'), by);
  await tariffs.store.putAccount(
    {
      ...{ accountId: 'a', currency: 'EUR', taxClass: 'standard', billingStatus: 'current' },
      ...{ cycle: { kind: 'month', anchorDay: 1 }, billingRef: 'B-a' },
    },
    by,
  );
  for (const id of ['s1', 's2']) {
    await tariffs.store.putSubscriber(given(id, { accountId: 'a' }), by);
    await tariffs.store.assign(id, 'home', { at: 'now' }, false, by);
  }
  there = {
    ...{ ref: 'B-a', currency: 'EUR', status: 'current', cycleStartMs: null },
    cycle: { kind: 'month', anchorDay: 1 },
  };
});

async function sync(atMs: number) {
  const store = new MemoryReconciliations();
  const peer = {
    account: () => Promise.resolve(there),
    putCycle: () => Promise.resolve({ kind: 'accepted', remoteId: '' } as const),
  };
  const { store: changes, reads } = tariffs;
  const sides = { reads, tariffs: changes, peer, store, setsHolds: true };
  const summary = await syncAccounts(sides, atMs, new AbortController().signal);
  return summary.failure ?? summary.differences;
}

async function holds(): Promise<string[]> {
  const rows = await Promise.all(['s1', 's2'].map((id) => tariffs.reads.rows(id)));
  return rows.flatMap((one) =>
    (one?.holds ?? []).map(({ kind, source, toMs }) => `${one?.subscriberId} ${kind} ${source} ${toMs}`),
  );
}

it('holds the services of a suspended account, and lets them go with the suspension', async () => {
  there.status = 'suspended';
  expect(await sync(T + DAY)).toEqual({ status: 1 });
  expect(await holds()).toEqual(['s1 non-payment billing null', 's2 non-payment billing null']);
  expect((await tariffs.reads.account('a'))?.billingStatus).toBe('suspended');
  expect(await sync(T + 2 * DAY)).toEqual({});
  expect(await holds()).toHaveLength(2);
  there.status = 'current';
  expect(await sync(T + 3 * DAY)).toEqual({ status: 1 });
  const ended = T + 3 * DAY;
  expect(await holds()).toEqual([`s1 non-payment billing ${ended}`, `s2 non-payment billing ${ended}`]);
  expect(await sync(T + 4 * DAY)).toEqual({});
});

it('takes a cycle over from the end of the running one on, once, and notes whose it is', async () => {
  there.cycle = { kind: 'month', anchorDay: 20 };
  expect(await sync(T)).toEqual({ anchor: 1 });
  const changes = [{ fromMs: CYCLE_END, cycle: there.cycle, source: 'billing' }];
  expect((await tariffs.reads.account('a'))?.cycleChanges).toEqual(changes);
  expect(await sync(T + DAY)).toEqual({});
  expect((await tariffs.reads.account('a'))?.cycleChanges).toEqual(changes);
});

it('takes status and cycle over together', async () => {
  there.status = 'overdue';
  there.cycle = { kind: 'week', weekday: 3 };
  expect(await sync(T)).toEqual({ status: 1, anchor: 1 });
  const account = await tariffs.reads.account('a');
  expect(account).toMatchObject({ billingStatus: 'overdue', cycleChanges: [{ cycle: there.cycle }] });
});
