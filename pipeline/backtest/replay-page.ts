import type { SubscriberProfile } from '../../schemas/profile.ts';
import { LineReplay } from './replay-line.ts';
import { hashOf } from './samples.ts';
import { LineCounter } from './tally.ts';
import type { Tally } from './tally.ts';
import type { BacktestPage, BacktestTask } from './task.ts';

/** Replays pages of whole subscribers and counts what comes of it. Synchronous. */
export class PageReplay {
  readonly #task: BacktestTask;
  readonly #lines: LineReplay;
  readonly #counter: LineCounter;

  constructor(task: BacktestTask) {
    this.#task = task;
    this.#lines = new LineReplay(task);
    this.#counter = new LineCounter(task.samples);
  }

  get tally(): Tally {
    return this.#counter.tally;
  }

  /** Gives how many subscribers were replayed. Those without usage are, too: time alone may act on them. */
  replay(page: BacktestPage): number {
    const { profiles, usage } = page;
    const places = new Map(usage.subscriberIds.map((id, i) => [id, i]));
    const { hashBelow } = this.#task;
    let count = 0;
    for (const profile of JSON.parse(profiles) as SubscriberProfile[]) {
      const { subscriberId } = profile;
      const place = places.get(subscriberId);
      places.delete(subscriberId);
      if (hashBelow !== null && hashOf(subscriberId) >= hashBelow) continue;
      const range =
        place === undefined
          ? { from: 0, to: 0 }
          : { from: usage.starts[place] ?? 0, to: usage.starts[place + 1] ?? 0 };
      this.#counter.add(this.#lines.replay(profile, page, range));
      count += 1;
    }
    this.tally.strangers += places.size;
    return count;
  }
}
