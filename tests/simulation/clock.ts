/** Who waits: the timers of a dead process never fire, those of a stopped one fire when it goes on. */
export interface TimerOwner {
  readonly alive: boolean;
  readonly stopped: boolean;
}

interface Timer {
  owner: TimerOwner;
  atMs: number;
  n: number;
  call: () => void;
}

/** The only clock of a run. It moves when it is told to. */
export class SimulatedClock {
  #nowMs: number;
  #armed = 0;
  #timers: Timer[] = [];

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  advanceTo(ms: number): void {
    this.#nowMs = Math.max(this.#nowMs, ms);
  }

  /** Calls once when the clock has moved by `ms` and the run says so; returns what cancels it. */
  after(owner: TimerOwner, ms: number, call: () => void): () => void {
    const timer = { owner, atMs: this.#nowMs + ms, n: (this.#armed += 1), call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** When the next timer is due that may fire; null without one. */
  get nextMs(): number | null {
    return this.#first(Infinity)?.atMs ?? null;
  }

  /** Fires the first timer that is due; false where none is. */
  fire(): boolean {
    const timer = this.#first(this.#nowMs);
    if (timer === null) return false;
    this.#timers = this.#timers.filter((other) => other !== timer);
    timer.call();
    return true;
  }

  #first(untilMs: number): Timer | null {
    let first: Timer | null = null;
    for (const timer of this.#timers) {
      if (!timer.owner.alive || timer.owner.stopped || timer.atMs > untilMs) continue;
      if (first === null || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.n < first.n)) {
        first = timer;
      }
    }
    return first;
  }
}
