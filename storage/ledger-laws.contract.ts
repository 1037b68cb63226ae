import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ActionKind } from '../schemas/action.ts';
import { anIntent } from './action-factory.contract.ts';
import type { LedgerFixture } from './ledger.contract.ts';
import type { LedgerAction } from './ports.ts';

const SLOT = { group: 'weir', topic: 'accounting', partition: 0 };
const LEASE_MS = 30_000;
const RETRY_MS = 7_000;
const FINAL = new Set(['delivered', 'rejected', 'dead', 'superseded']);

type Step =
  | { do: 'insert'; batch: { kind: ActionKind; subscriber: number }[] }
  | { do: 'claim'; limit: number; byOther: boolean }
  | { do: 'settle'; which: number; as: 'delivered' | 'rejected' | 'pending' | 'unknown' | 'dead' }
  | { do: 'pass'; ms: number };

const kind = fc.constantFrom<ActionKind>('throttle', 'restore', 'notify');
const steps = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('insert' as const),
      batch: fc.array(fc.record({ kind, subscriber: fc.nat(2) }), { minLength: 1, maxLength: 4 }),
    }),
    fc.record({
      do: fc.constant('claim' as const),
      limit: fc.integer({ min: 1, max: 3 }),
      byOther: fc.boolean(),
    }),
    fc.record({
      do: fc.constant('settle' as const),
      which: fc.nat(5),
      as: fc.constantFrom('delivered', 'rejected', 'pending', 'unknown', 'dead' as const),
    }),
    fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(1, RETRY_MS + 1_000, LEASE_MS + 1_000),
    }),
  ),
  { maxLength: 40 },
);

interface Claim {
  owner: string;
  action: LedgerAction;
  live: boolean;
}

/** One random history: what was inserted and who claimed what, with the laws checked at every claim. */
class History {
  readonly fixture: LedgerFixture;
  readonly inserted: string[] = [];
  readonly claims: Claim[] = [];
  #claimNumber = 0;

  constructor(fixture: LedgerFixture) {
    this.fixture = fixture;
  }

  async run(step: Step): Promise<void> {
    if (step.do === 'insert') await this.#insert(step.batch);
    else if (step.do === 'claim') await this.claim(step.limit, step.byOther);
    else if (step.do === 'settle') await this.#settle(step.which, step.as);
    else await this.fixture.passTime(step.ms);
  }

  async #insert(batch: { kind: ActionKind; subscriber: number }[]): Promise<void> {
    const intents = batch.map(({ kind, subscriber }, index) =>
      anIntent({ id: `a${this.inserted.length + index}`, kind, subscriberId: `s${subscriber}` }),
    );
    // Twice, as after a lost acknowledgement.
    expect(await this.fixture.ledger.insert(SLOT, 1, { intents })).toEqual(
      intents.map((intent) => intent.id),
    );
    expect(await this.fixture.second.insert(SLOT, 1, { intents })).toEqual([]);
    this.inserted.push(...intents.map((intent) => intent.id));
  }

  async claim(limit: number, byOther: boolean): Promise<Claim[]> {
    const owner = `claim-${this.#claimNumber++}`;
    const ledger = byOther ? this.fixture.second : this.fixture.ledger;
    const claimed = (await ledger.claim(owner, limit, LEASE_MS)).map((action) => ({
      owner,
      action,
      live: true,
    }));
    const subscribers = claimed.map(({ action }) => action.intent.subscriberId);
    expect(new Set(subscribers).size).toBe(subscribers.length);
    for (const { action } of claimed) await this.#assertOldest(action);
    this.claims.push(...claimed);
    return claimed;
  }

  /** Everything older of the subscriber is finished, and no newer desired state makes this one useless. */
  async #assertOldest(action: LedgerAction): Promise<void> {
    const all = await this.fixture.ledger.ofSubscriber(action.intent.subscriberId, 1_000);
    const at = all.findIndex((other) => other.intent.id === action.intent.id);
    const older = all.slice(at + 1).map((other) => other.state);
    expect(older.filter((state) => state === 'pending' || state === 'sending')).toEqual([]);
    if (action.intent.kind === 'notify') return;
    expect(all.slice(0, at).filter((other) => other.intent.kind !== 'notify')).toEqual([]);
  }

  async #settle(which: number, as: 'delivered' | 'rejected' | 'pending' | 'unknown' | 'dead'): Promise<void> {
    const claim = this.claims.at(-1 - which);
    if (claim === undefined) return;
    const applied = await this.fixture.ledger.settle(
      claim.owner,
      claim.action.intent.id,
      as,
      as,
      this.fixture.now() + RETRY_MS,
    );
    if (!claim.live) expect(applied).toBe(false);
    if (applied) claim.live = false;
  }

  /** Answers everything until nothing is left to do; bounded by what was inserted. */
  async finish(): Promise<void> {
    for (let round = 0; round <= 2 * this.inserted.length; round++) {
      await this.fixture.passTime(LEASE_MS + RETRY_MS);
      const claimed = await this.claim(100, false);
      for (const { owner, action } of claimed) {
        expect(await this.fixture.ledger.settle(owner, action.intent.id, 'delivered', 'ACK')).toBe(true);
      }
      if (claimed.length === 0) return;
    }
    throw new Error('actions are claimable for ever');
  }
}

/** Laws that hold for every history of inserts, claims, answers and lost dispatchers. */
export function ledgerLaws(open: () => Promise<LedgerFixture>, runs: number): void {
  it('loses nothing, keeps the order of a subscriber and ends on its newest desired state', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        const run = new History(await open());
        for (const step of history) await run.run(step);
        await run.finish();
        const all = await run.fixture.ledger.recent(1_000);
        expect(all.map((action) => action.intent.id).reverse()).toEqual(run.inserted);
        expect(all.filter((action) => !FINAL.has(action.state))).toEqual([]);
        assertNewestWasSent(all);
      }),
      { numRuns: runs },
    );
  });
}

function assertNewestWasSent(newestFirst: readonly LedgerAction[]): void {
  const seen = new Set<string>();
  for (const { intent, state, attempts } of newestFirst) {
    if (intent.kind === 'notify') expect(state).not.toBe('superseded');
    else if (!seen.has(intent.subscriberId)) {
      seen.add(intent.subscriberId);
      expect(state).not.toBe('superseded');
      expect(attempts).toBeGreaterThan(0);
    }
  }
}
