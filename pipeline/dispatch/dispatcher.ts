import type { ActionState } from '../../schemas/action.ts';
import { isAppError } from '../../schemas/errors.ts';
import type { LedgerAction } from '../../storage/ports.ts';
import { dispatchSettings, type DispatchSettings } from './dispatch-settings.ts';
import { backoffMs, type SendResult, type Settlement } from './settlement.ts';
import { SYSTEM_TIMERS, type DispatchTimers } from './timers.ts';
import type { DispatchWork } from './work.ts';

/** Longest part of the grace at stop that is kept for telling the ledger about what was cut off. */
const RELEASE_MS = 1_000;

/** What metrics and logs want to know. Called in between, so it must be quick and must not throw. */
export interface DispatchObserver<Item = LedgerAction> {
  /**
   * An attempt ended and the ledger has it. `state` 'pending' = to be tried again.
   * @param latencyMs of an action: from the append of the record that caused it until now
   */
  settled(item: Item, state: ActionState, latencyMs: number): void;
  /** The claim was somebody else's by then: its lease had run out. */
  stale(item: Item): void;
  /** The ledger or a sink failed; the dispatcher waits and goes on. */
  failed(during: 'claim' | 'send' | 'settle', error: unknown): void;
}

/** What a dispatcher is made of. */
export interface DispatcherParts<Item> {
  work: DispatchWork<Item>;
  /** unique among all processes at all times, e.g. with 128 random bits in it */
  name: string;
  observer?: DispatchObserver<Item>;
  settings?: Partial<DispatchSettings>;
  timers?: DispatchTimers;
  /** 0 <= random() < 1, for jitter */
  random?: () => number;
}

interface InFlight {
  cut: AbortController;
  done: Promise<void>;
}

const SILENT: DispatchObserver<unknown> = {
  settled: () => undefined,
  stale: () => undefined,
  failed: () => undefined,
};

/**
 * Carries out what a ledger holds. Several may work on one ledger.
 *
 * Guarantee: every item is sent at least once and ends in a state, whatever dies in between: a claim that is not
 * settled becomes claimable when its lease ends. Sending again is harmless: an action names an absolute state, and an
 * item of an invoice is asked for by its key first. What may be sent side by side is the ledger's to say: of one
 * subscriber's actions it gives one at a time. Cost: one claim per wake-up, one settle per attempt.
 */
export class Dispatcher<Item = LedgerAction> {
  readonly #work: DispatchWork<Item>;
  readonly #name: string;
  readonly #observer: DispatchObserver<Item>;
  readonly #settings: DispatchSettings;
  readonly #timers: DispatchTimers;
  readonly #random: () => number;
  readonly #inFlight = new Set<InFlight>();
  #claims = 0;
  #woken = false;
  #stopping = false;
  /** the grace is over: nothing is waited for any more */
  #abandoned = false;
  /** ends of the waits between attempts to settle */
  readonly #pauses = new Set<() => void>();
  #endWait: ((reason: 'woken' | 'stop') => void) | null = null;
  #loop: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;

  /** Throws AppError 'config-invalid' for contradicting settings. */
  constructor(parts: DispatcherParts<Item>) {
    this.#work = parts.work;
    this.#name = parts.name;
    this.#observer = parts.observer ?? SILENT;
    this.#settings = dispatchSettings(parts.settings);
    this.#timers = parts.timers ?? SYSTEM_TIMERS;
    this.#random = parts.random ?? Math.random;
  }

  /** Items being sent or settled by this dispatcher. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Begins. Idempotent; does nothing after stop. */
  start(): void {
    if (this.#loop === null && !this.#stopping) this.#loop = this.#run();
  }

  /** Something may be claimable: call it after each insert into the ledger. Cheap; calls that come together are one. */
  wake(): void {
    this.#woken = true;
    this.#endWait?.('woken');
  }

  /**
   * Claims nothing more and waits for what is being sent. What has no answer when the grace nears its end is cut off
   * and given back as pending; what cannot even be given back (ledger away) is claimable when its lease ends.
   * Idempotent; resolves after graceMs at the latest, and never rejects. The sink and the ledger stay open.
   */
  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#drain(graceMs);
    return this.#stopped;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopping) {
      const limit = this.#room();
      // Before the claim: what comes while it is under way may be too late for it.
      this.#woken = false;
      const claimed = limit === 0 ? 0 : await this.#claim(limit);
      failures = claimed === 'failed' ? failures + 1 : 0;
      if (claimed === 'failed') await this.#waitOut(this.#backoff(failures));
      else if (limit === 0 || claimed < limit) await this.#waitForWork(this.#settings.pollMs);
    }
  }

  #room(): number {
    const { claimBatch, maxInFlight } = this.#settings;
    const allowed = this.#work.mayClaim?.(this.#timers.now()) ?? claimBatch;
    return Math.max(0, Math.min(claimBatch, maxInFlight - this.#inFlight.size, allowed));
  }

  async #claim(limit: number): Promise<number | 'failed'> {
    // A name for each claim: a late answer of an expired one must not settle the next, ours or not.
    const owner = `${this.#name}/${++this.#claims}`;
    const leaseEndMs = this.#timers.now() + this.#settings.leaseMs;
    let claimed: Item[];
    try {
      claimed = await this.#work.claim(owner, limit, this.#settings.leaseMs);
    } catch (error) {
      // If it did go through, the lease brings these items back.
      this.#observer.failed('claim', error);
      return 'failed';
    }
    for (const item of claimed) this.#begin(owner, item, leaseEndMs);
    return claimed.length;
  }

  #begin(owner: string, item: Item, leaseEndMs: number): void {
    const cut = new AbortController();
    const entry: InFlight = { cut, done: Promise.resolve() };
    this.#inFlight.add(entry);
    if (this.#stopping) cut.abort();
    entry.done = this.#carryOut(owner, item, leaseEndMs, cut).finally(() => {
      this.#inFlight.delete(entry);
      // A place is free, and the subscriber's next action may be claimable.
      this.wake();
    });
  }

  /** Never rejects. */
  async #carryOut(owner: string, item: Item, leaseEndMs: number, cut: AbortController): Promise<void> {
    const settlement = await this.#attempt(item, leaseEndMs, cut);
    for (let failures = 1; !this.#abandoned; failures++) {
      try {
        const applied = await this.#work.settle(owner, item, settlement);
        this.#report(item, settlement, applied);
        return;
      } catch (error) {
        this.#observer.failed('settle', error);
      }
      // After the lease the item is anybody's, so there is nothing left to settle.
      if (this.#timers.now() >= leaseEndMs) return;
      await this.#pause(this.#backoff(failures));
    }
  }

  async #attempt(item: Item, leaseEndMs: number, cut: AbortController): Promise<Settlement> {
    const settings = this.#settings;
    const attempts = this.#work.attempts(item);
    if (this.#timers.now() > leaseEndMs - settings.sendTimeoutMs) {
      // The claim's answer came late, or the process stood still. Sent now it could arrive after what another process
      // sends when the lease ends, and after the action that follows: a NAS would keep the older speed.
      return { state: 'pending', detail: 'claimed too late to be sent', retryAtMs: this.#timers.now() };
    }
    if (attempts > settings.maxAttempts) {
      // Each claim before ended without a word: a dispatcher died of it, or with it, every time.
      return { state: 'dead', detail: `gave up: ${settings.maxAttempts} attempts ended without a result` };
    }
    const result = await this.#send(item, cut);
    const nowMs = this.#timers.now();
    const open = result.state === 'unknown' || result.state === 'retry';
    if (open && this.#stopping && cut.signal.aborted) {
      const kept = result.more === undefined ? {} : { more: result.more };
      return { state: 'pending', detail: result.detail, retryAtMs: nowMs, ...kept };
    }
    return this.#work.conclude(result, { attempts, nowMs, random: this.#random, settings });
  }

  /** The sink's answer, or unknown when the attempt is cut off; a sink that ignores its signal is not waited for. */
  #send(item: Item, cut: AbortController): Promise<SendResult> {
    if (cut.signal.aborted)
      return Promise.resolve({ state: 'retry', detail: 'stopped before sending', afterMs: 0 });
    return new Promise((resolve) => {
      const cancel = this.#timers.after(this.#settings.sendTimeoutMs, () => {
        cut.abort();
      });
      cut.signal.addEventListener('abort', () => {
        cancel();
        const why = this.#stopping ? 'stopped' : `${this.#settings.sendTimeoutMs} ms passed`;
        const detail = `${why} before ${this.#work.name} had an answer`;
        resolve({ state: 'unknown', detail, more: { askFirst: true } });
      });
      this.#sendOnce(item, cut.signal).then((result) => {
        cancel();
        resolve(result);
      }, resolve);
    });
  }

  /** Never rejects: a sink that throws is tried again like one that is away, and ends as dead. */
  async #sendOnce(item: Item, signal: AbortSignal): Promise<SendResult> {
    try {
      return await this.#work.send(item, signal);
    } catch (error) {
      this.#observer.failed('send', error);
      // Messages of other errors are not ours and may hold anything.
      const reason = isAppError(error) ? error.message : error instanceof Error ? error.name : 'no error';
      const detail = `${this.#work.name} failed: ${reason}`;
      return { state: 'retry', detail, afterMs: 0, more: { askFirst: true } };
    }
  }

  #report(item: Item, settlement: Settlement, applied: boolean): void {
    if (!applied) {
      this.#observer.stale(item);
      return;
    }
    const nowMs = this.#timers.now();
    const settled = this.#work.after(item, settlement, nowMs);
    this.#observer.settled(settled, settlement.state, nowMs - this.#work.sinceMs(item));
  }

  async #drain(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#endWait?.('stop');
    const releaseMs = Math.min(RELEASE_MS, graceMs / 2);
    await this.#within(graceMs - releaseMs, this.#idle());
    for (const entry of this.#inFlight) entry.cut.abort();
    await this.#within(releaseMs, this.#idle());
    this.#abandoned = true;
    for (const end of this.#pauses) end();
  }

  /** The loop has ended and nothing is in flight. */
  async #idle(): Promise<void> {
    await this.#loop;
    await Promise.all([...this.#inFlight].map((entry) => entry.done));
  }

  #within(ms: number, work: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#timers.after(ms, resolve);
      void work.then(() => {
        cancel();
        resolve();
      });
    });
  }

  #backoff(failures: number): number {
    return backoffMs(failures, { random: this.#random, settings: this.#settings });
  }

  /** Until something wakes us, or `ms`. */
  #waitForWork(ms: number): Promise<void> {
    return this.#woken || this.#stopping ? Promise.resolve() : this.#wait(ms, true);
  }

  /** All of `ms`, since pushes do not mend a ledger that is away; stop ends it. */
  #waitOut(ms: number): Promise<void> {
    return this.#stopping ? Promise.resolve() : this.#wait(ms, false);
  }

  #wait(ms: number, wakeable: boolean): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#endWait = null;
        resolve();
      };
      const cancel = this.#timers.after(ms, end);
      this.#endWait = (reason) => {
        if (wakeable || reason === 'stop') end();
      };
    });
  }

  /** Between attempts to settle; the end of the grace ends it, so that no timer outlives stop. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#pauses.delete(end);
        resolve();
      };
      const cancel = this.#timers.after(ms, end);
      this.#pauses.add(end);
    });
  }
}
