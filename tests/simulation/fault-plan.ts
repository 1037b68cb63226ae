import type { Dice } from './dice.ts';

/**
 * What can go wrong, with its usual rate. The first group is rolled for every message, `torn` for every write inside a commit,
 * the last group for every step of the run.
 */
export const FAULT_RATES = {
  /** the server is not reached: nothing happened */
  refused: 0.02,
  /** the caller is told that it failed; the message arrives later, perhaps much later */
  delayed: 0.015,
  /** it happened, the answer is lost */
  lostAnswer: 0.02,
  /** it happened and happens once more, perhaps much later */
  duplicated: 0.02,
  /** kill -9 of the caller before the server sees the message, which may arrive all the same */
  crashBefore: 0.004,
  /** kill -9 of the caller after the effect, before it hears of it */
  crashAfter: 0.004,
  /** the store's write ends in the middle */
  torn: 0.012,
  /** an append to the log is stored in some partitions only, and fails */
  partialAppend: 0.1,

  /** an orderly change of a partition's owner */
  rebalance: 0.006,
  /** a partition gets another owner, and the old one goes on with what it has fetched */
  zombie: 0.006,
  /** SIGSTOP: the group gives its partitions away, then it goes on */
  stop: 0.002,
  /** the store is restarted with an older copy of one slot or of all */
  lostTail: 0.004,
  storeOutage: 0.002,
  ledgerOutage: 0.003,
  analyticsOutage: 0.004,
  logOutage: 0.003,
  /** a process's clock is set forward or back */
  clockJump: 0.003,
  /** the relay crashes between append and cursor: it appends its last controls again */
  relayRepeats: 0.004,
  /** retention deletes records that were not read yet: the partition must halt */
  deletedAhead: 0.002,
} as const;

export type FaultName = keyof typeof FAULT_RATES;
export const FAULT_NAMES = Object.keys(FAULT_RATES) as FaultName[];

/** Which faults one run has, and how often. */
export class FaultPlan {
  readonly rates: ReadonlyMap<FaultName, number>;
  #isOver = false;

  constructor(rates: ReadonlyMap<FaultName, number>) {
    this.rates = rates;
  }

  /**
   * Each run has some kinds of faults only, rare or frequent: where everything goes wrong all the time, nothing gets far
   * enough to go wrong in an interesting way (swarm testing). `only` leaves out all others and always has these.
   */
  static draw(dice: Dice, only: readonly FaultName[] | null): FaultPlan {
    const rates = new Map<FaultName, number>();
    const isQuiet = only === null && dice.chance(0.03);
    for (const name of FAULT_NAMES) {
      const has = only === null ? dice.chance(name === 'deletedAhead' ? 0.1 : 0.45) : only.includes(name);
      const factor = dice.weighted([
        [3, 1],
        [2, 0.3],
        [1, 3],
      ]);
      if (has && !isQuiet) rates.set(name, FAULT_RATES[name] * factor);
    }
    // A partition that halts for good is held to what it has reached: that must be one place.
    if (rates.has('deletedAhead')) for (const name of ['lostTail', 'torn'] as const) rates.delete(name);
    return new FaultPlan(rates);
  }

  /** From here on nothing fails any more. */
  end(): void {
    this.#isOver = true;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  rate(name: FaultName): number {
    return this.#isOver ? 0 : (this.rates.get(name) ?? 0);
  }
}
