import { beforeEach, describe, expect, it } from 'vitest';
import type { CycleRule } from '../../schemas/profile.ts';
import type { Account, Span } from '../../schemas/tariff.ts';
import { AppError } from '../../schemas/errors.ts';
import type { PeerAccount, PeerAnswer } from '../../storage/billing-ports.ts';
import { MemoryReconciliations } from '../../storage/memory/reconciliations.ts';
import type { ChangeContext, TariffReads, TariffStore } from '../../storage/tariff-ports.ts';
import type { AccountSides } from './sync-accounts.ts';
import { syncAccounts } from './sync-accounts.ts';

const NOW = Date.UTC(2025, 5, 15);
const CYCLE: Span = { startMs: Date.UTC(2025, 5, 1), endMs: Date.UTC(2025, 6, 1) };
const MONTHLY: CycleRule = { kind: 'month', anchorDay: 1 };

function account(id: string, over: Partial<Account> = {}): Account {
  return {
    ...{ accountId: id, currency: 'EUR', taxClass: 'standard', cycle: MONTHLY, cycleChanges: [] },
    ...{ billingStatus: 'current', billingRef: `B-${id}`, revision: 3 },
    ...over,
  };
}

/** Accounts here and there, with one service each, and everything that was asked of either side. */
class Sides {
  readonly log: string[] = [];
  readonly contexts: ChangeContext[] = [];
  accounts: Account[] = [account('a')];
  theirs = new Map<string, PeerAccount>();
  holds: { id: string; kind: 'non-payment'; source: 'api' | 'billing'; toMs?: number }[] = [];
  refuses: AppError | null = null;
  answer: PeerAnswer = { kind: 'accepted', remoteId: '' };
  fails = (_ref: string): AppError | null => null;
  setsHolds = true;
  readonly store = new MemoryReconciliations(() => NOW);

  constructor() {
    this.billing('a', {});
  }

  billing(id: string, over: Partial<PeerAccount>): void {
    const usual = { ref: `B-${id}`, currency: 'EUR', cycle: MONTHLY, status: 'current' } as const;
    this.theirs.set(`B-${id}`, { ...usual, cycleStartMs: CYCLE.startMs, ...over });
  }

  #change(what: string, context: ChangeContext): void {
    if (this.refuses !== null) throw this.refuses;
    this.log.push(what);
    this.contexts.push(context);
  }

  sides(): AccountSides {
    const page = <T>(items: T[]) => Promise.resolve({ items, next: null });
    const reads = {
      accounts: (_: unknown, limit: number, after: string | null) => {
        const from = after === null ? 0 : Number(after);
        const next = from + limit < this.accounts.length ? String(from + limit) : null;
        return Promise.resolve({ items: this.accounts.slice(from, from + limit), next });
      },
      list: ({ accountId }: { accountId: string | null }) =>
        page([{ subscriberId: `s-${accountId ?? ''}`, status: 'active' }]),
      rows: () => Promise.resolve({ holds: this.holds.map((hold) => ({ fromMs: 1, toMs: null, ...hold })) }),
      cycles: () => page([{ ...CYCLE, status: 'open' }]),
    } as unknown as Pick<TariffReads, 'accounts' | 'list' | 'rows' | 'cycles'>;
    const tariffs = {
      changeCycle: (id: string, cycle: CycleRule, context: ChangeContext) => {
        this.#change(`cycle ${id} ${JSON.stringify(cycle)}`, context);
        return Promise.resolve({});
      },
      putAccount: (given: Account, context: ChangeContext) => {
        this.#change(`status ${given.accountId} ${given.billingStatus}`, context);
        return Promise.resolve({ value: account(given.accountId, { ...given, revision: 4 }) });
      },
      hold: (id: string, kind: string, _: unknown, context: ChangeContext) => {
        this.#change(`hold ${id} ${kind}`, context);
        return Promise.resolve({});
      },
      endHold: (id: string, holdId: string, context: ChangeContext) => {
        this.#change(`end ${id} ${holdId}`, context);
        return Promise.resolve({});
      },
    } as unknown as Pick<TariffStore, 'changeCycle' | 'putAccount' | 'hold' | 'endHold'>;
    const peer: AccountSides['peer'] = {
      account: (ref) => {
        const error = this.fails(ref);
        return error === null ? Promise.resolve(this.theirs.get(ref) ?? null) : Promise.reject(error);
      },
      putCycle: (ref, cycle) => {
        this.log.push(`told ${ref} ${new Date(cycle.startMs).toISOString()}`);
        return Promise.resolve(this.answer);
      },
    };
    return { reads, tariffs, peer, store: this.store, setsHolds: this.setsHolds };
  }

  async sync() {
    const summary = await syncAccounts(this.sides(), NOW, new AbortController().signal);
    const { items } = await this.store.differences('1', 10_000, null);
    return { summary, found: items.map((one) => `${one.class} ${one.subject}`), items };
  }
}

let sides: Sides;
beforeEach(() => {
  sides = new Sides();
});

it('changes nothing where both agree', async () => {
  const { summary, found } = await sides.sync();
  expect([found, sides.log]).toEqual([[], []]);
  expect(summary).toMatchObject({ ours: 1, theirs: 1, failure: null });
});

it('leaves accounts alone that the billing system has no id of its own for', async () => {
  sides.accounts = [account('a', { billingRef: null })];
  const { summary, found } = await sides.sync();
  expect([found, sides.log, summary.ours]).toEqual([[], [], 0]);
});

describe('the cycle', () => {
  it('is theirs from the end of ours on, and the difference is reported', async () => {
    sides.billing('a', { cycle: { kind: 'month', anchorDay: 15 } });
    const { found, items } = await sides.sync();
    expect(found).toEqual(['anchor a']);
    expect(items[0]).toMatchObject({ ours: MONTHLY, theirs: { kind: 'month', anchorDay: 15 } });
    expect(sides.log).toEqual(['cycle a {"kind":"month","anchorDay":15}']);
    expect(sides.contexts[0]).toMatchObject({ by: 'billing', source: 'billing', atMs: NOW, revision: 3 });
  });

  it('is not changed again while the change waits for its time', async () => {
    const cycle: CycleRule = { kind: 'month', anchorDay: 15 };
    sides.accounts = [account('a', { cycleChanges: [{ fromMs: CYCLE.endMs, cycle, source: 'billing' }] })];
    sides.billing('a', { cycle });
    expect((await sides.sync()).found).toEqual([]);
  });

  it.each<[CycleRule, CycleRule, boolean]>([
    [{ kind: 'days', days: 10, from: '2025-01-01' }, { kind: 'days', days: 10, from: '2024-12-22' }, true],
    [{ kind: 'days', days: 10, from: '2025-01-01' }, { kind: 'days', days: 10, from: '2025-01-02' }, false],
    [{ kind: 'days', days: 7, from: '2025-01-01' }, { kind: 'days', days: 14, from: '2025-01-01' }, false],
    [{ kind: 'week', weekday: 1 }, { kind: 'week', weekday: 1 }, true],
    [{ kind: 'week', weekday: 1 }, { kind: 'week', weekday: 2 }, false],
    [{ kind: 'week', weekday: 1 }, { kind: 'month', anchorDay: 1 }, false],
    [{ kind: 'days', days: 7, from: '2025-01-01' }, { kind: 'week', weekday: 3 }, false],
  ])('%j and %j are the same: %s', async (ours, theirs, same) => {
    sides.accounts = [account('a', { cycle: ours })];
    sides.billing('a', { cycle: theirs });
    expect((await sides.sync()).found).toEqual(same ? [] : ['anchor a']);
  });

  it('stays ours where the store refuses the change, and the report says so', async () => {
    sides.refuses = new AppError('conflict', 'run weir upgrade-state 5 first');
    sides.billing('a', { cycle: { kind: 'week', weekday: 1 } });
    const { items, summary } = await sides.sync();
    expect(items.map(({ ours }) => ours)).toEqual([MONTHLY, { notTaken: 'run weir upgrade-state 5 first' }]);
    expect(summary.failure).toBe(null);
  });

  it.each([null, CYCLE.startMs - 86_400_000])('is told where theirs began at %s', async (cycleStartMs) => {
    sides.billing('a', { cycleStartMs });
    await sides.sync();
    expect(sides.log).toEqual(['told B-a 2025-06-01T00:00:00.000Z']);
  });

  it('that they refuse is reported', async () => {
    sides.billing('a', { cycleStartMs: null });
    sides.answer = { kind: 'refused', detail: 'status 422' };
    expect((await sides.sync()).found).toEqual(['anchor a']);
  });
});

describe('status', () => {
  it('is theirs; a suspended account gets a hold on each service first', async () => {
    sides.billing('a', { status: 'suspended' });
    expect((await sides.sync()).found).toEqual(['status a']);
    expect(sides.log).toEqual(['hold s-a non-payment', 'status a suspended']);
  });

  it('gets no second hold where there is one', async () => {
    sides.holds = [{ id: '7', kind: 'non-payment', source: 'api' }];
    sides.billing('a', { status: 'suspended' });
    await sides.sync();
    expect(sides.log).toEqual(['status a suspended']);
  });

  it('gets none while one that has an end is on, and one when that is over', async () => {
    sides.holds = [{ id: '7', kind: 'non-payment', source: 'api', toMs: NOW + 1 }];
    sides.billing('a', { status: 'suspended' });
    await sides.sync();
    expect(sides.log).toEqual(['status a suspended']);
    sides.holds = [{ id: '7', kind: 'non-payment', source: 'api', toMs: NOW }];
    await sides.sync();
    expect(sides.log.slice(1)).toEqual(['hold s-a non-payment', 'status a suspended']);
  });

  it('that a service cannot be held for is reported, and the other accounts go on', async () => {
    sides.accounts = [account('a'), account('b')];
    for (const id of ['a', 'b']) sides.billing(id, { status: 'suspended' });
    sides.refuses = new AppError('conflict', 'overlap: another hold begins later');
    const { found, summary } = await sides.sync();
    expect(found).toEqual(
      ['a', 'b'].flatMap((id) => [`account-failed ${id}`, `status ${id}`, `status ${id}`]),
    );
    expect(summary.failure).toBe(null);
  });

  it('ends the hold that it gave, and no other', async () => {
    sides.accounts = [account('a', { billingStatus: 'suspended' })];
    sides.holds = [
      { id: '7', kind: 'non-payment', source: 'api' },
      { id: '8', kind: 'non-payment', source: 'billing' },
    ];
    await sides.sync();
    expect(sides.log).toEqual(['end s-a 8', 'status a current']);
  });

  it('sets no holds unless it is told to', async () => {
    sides.setsHolds = false;
    sides.billing('a', { status: 'suspended' });
    await sides.sync();
    expect(sides.log).toEqual(['status a suspended']);
  });
});

it('reports another currency, and an account that is not there, and changes neither', async () => {
  sides.accounts = [account('a'), account('b')];
  sides.billing('a', { currency: 'USD' });
  const { found } = await sides.sync();
  expect(found).toEqual(['currency-of-account a', 'missing-there b']);
  expect(sides.log).toEqual([]);
});

it('looks at every account, page by page', async () => {
  sides.accounts = Array.from({ length: 450 }, (_, n) => account(`n${n}`));
  const { summary } = await sides.sync();
  expect(summary).toMatchObject({ ours: 450, differences: { 'missing-there': 450 } });
});

describe('an account that fails', () => {
  const IDS = Array.from({ length: 100 }, (_, n) => `n${String(n + 100)}`);
  beforeEach(() => {
    sides.accounts = IDS.map((id) => account(id));
    for (const id of IDS) sides.billing(id, {});
  });

  it.each([
    ['store-corrupt', 'an account of the billing system is not as the contract has it'],
    ['unreachable', 'the billing system: status 500'],
  ] as const)('with %s is reported, and all others are looked at', async (code, why) => {
    sides.fails = (ref) => (Number(ref.slice(3)) % 7 === 0 ? new AppError(code, why) : null);
    const { found, summary, items } = await sides.sync();
    expect(summary).toMatchObject({ ours: 100, theirs: 86, failure: null });
    expect(found).toHaveLength(14);
    expect(items[0]).toMatchObject({ class: 'account-failed', subject: 'n105', theirs: { why } });
  });

  it('as 15 before it did ends the sync: nobody is there', async () => {
    sides.fails = () => new AppError('unreachable', 'the billing system: cut', { retriable: true });
    const { summary } = await sides.sync();
    expect(summary).toMatchObject({ ours: 16, failure: 'the billing system: cut' });
  });

  it('as the billing system refuses us ends the sync at once', async () => {
    sides.fails = () => new AppError('unauthorised', 'the billing system: status 401');
    expect((await sides.sync()).summary).toMatchObject({
      ours: 0,
      failure: 'the billing system: status 401',
    });
  });

  it.each<PeerAnswer>([
    { kind: 'unknown', detail: 'cut' },
    { kind: 'not-sent', detail: 'refused' },
  ])('as it was told its cycle, %j, is reported', async (answer) => {
    sides.billing('n105', { cycleStartMs: null });
    sides.answer = answer;
    expect((await sides.sync()).found).toEqual(['account-failed n105']);
  });

  it('is none where nobody takes cycles: the first are told of it, and the others not', async () => {
    for (const id of IDS) sides.billing(id, { cycleStartMs: null });
    sides.answer = { kind: 'stop', detail: 'status 405', isUnknownThere: true };
    const { summary, found } = await sides.sync();
    expect(summary).toMatchObject({ ours: 100, failure: null });
    expect(found.every((one) => one.startsWith('anchor'))).toBe(true);
    expect(sides.log.length).toBeLessThanOrEqual(8);
  });

  it.each<PeerAnswer>([
    { kind: 'stop', detail: 'status 403' },
    { kind: 'not-there', detail: 'status 404' },
  ])('whose cycle is not taken, %j, is one of its own: the others are told theirs', async (answer) => {
    for (const id of IDS) sides.billing(id, { cycleStartMs: null });
    sides.answer = answer;
    const { summary, found } = await sides.sync();
    expect(summary).toMatchObject({ ours: 100, failure: null });
    expect(found).toHaveLength(100);
    expect(sides.log).toHaveLength(100);
  });
});
