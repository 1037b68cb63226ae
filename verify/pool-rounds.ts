import { STATE_KINDS } from '../schemas/action.ts';
import type { PoolContribution } from '../schemas/pool.ts';
import type { Moment } from './actions.ts';
import { decide, nextChangeMs } from './decisions.ts';
import type { DecisionWorld } from './decisions.ts';
import type { Expected } from './expected.ts';
import { add, coverPool, newPoolBook, poolFacts, restate, usedAt } from './pools.ts';
import type { PoolBook } from './pools.ts';
import { planNow } from './tariff.ts';

/** The pools of one partition: when each is looked at, and what comes of it. */
export class PoolRounds {
  readonly books = new Map<string, PoolBook>();
  readonly #world: DecisionWorld;
  readonly #expected: Expected;
  #isSweeping = false;

  constructor(world: DecisionWorld, expected: Expected) {
    this.#world = world;
    this.#expected = expected;
  }

  bookOf(poolId: string): PoolBook {
    const known = this.books.get(poolId);
    if (known !== undefined) return known;
    const made = newPoolBook(poolId, this.#world.calendar);
    this.books.set(poolId, made);
    return made;
  }

  startSweep(): void {
    this.#isSweeping = true;
  }

  contribute(contribution: PoolContribution, moment: Moment): void {
    const book = this.bookOf(contribution.poolId);
    if (add(book, contribution)) this.look(contribution.poolId, moment);
  }

  /** Those whose time has come, all of them where policies changed. */
  lookAround(moment: Moment): void {
    for (const [poolId, { dueMs }] of this.books)
      if (this.#isSweeping || (dueMs !== null && dueMs <= moment.nowMs)) this.look(poolId, moment);
    this.#isSweeping = false;
  }

  look(poolId: string, moment: Moment): void {
    const book = this.bookOf(poolId);
    const { profile, line } = book;
    const { nowMs } = moment;
    if (profile === null || nowMs <= 0) {
      // The first event time there is looks at it again.
      book.dueMs = profile === null ? null : 1;
      return;
    }
    const { bases, candidates, provider, calendar, offPeak, defaultZone, plans, tariffs } = this.#world;
    const world: DecisionWorld = {
      ...{ bases, candidates, provider, calendar, offPeak, defaultZone },
      ...{ plans, tariffs, throttlesOnly: false, subject: 'pool' },
    };
    const used = usedAt(book, nowMs, world);
    const coverage = coverPool(book, used, nowMs);
    const plan = planNow(line, plans, nowMs);
    const facts = poolFacts(book, used, coverage);
    const { actions, shadows } = decide(line, world, plan, moment, facts);
    for (const action of actions) {
      if (STATE_KINDS.some((kind) => kind === action.kind)) continue;
      this.#expected.actions.push({ ...action, subscriberId: profile.billTo });
    }
    for (const shadow of shadows) this.#expected.shadows.push({ ...shadow, subscriberId: profile.billTo });
    const versionOf = (id: string): ReturnType<DecisionWorld['bases']['get']> =>
      [world.bases.get(id), world.candidates.get(id)].find((policy) => policy?.file.subject === 'pool');
    // Blocks that were sold cover what a top-up did.
    if (restate(book, used, coverPool(book, used, nowMs), versionOf)) {
      const { usedBytes, allowanceBytes, rules } = book.standing ?? {};
      const content = JSON.stringify([usedBytes, allowanceBytes, rules]);
      this.#expected.poolEffects.set(JSON.stringify([poolId, book.seq]), content);
    }
    book.dueMs = nextChangeMs(line, world, plan, nowMs);
  }
}
