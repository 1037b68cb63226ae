/** What an exchange told about the billing system as a whole. */
export type GateWord =
  /** it works on requests of ours */
  | { kind: 'heard' }
  /** it refuses us: wrong key, wrong address */
  | { kind: 'stop'; detail: string }
  /** no connection came about */
  | { kind: 'not-sent' }
  /** not before that time has passed */
  | { kind: 'later'; afterMs: number };

const STOP_MS = 60_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/**
 * Whether anything may be sent to the billing system at all. One that refuses us or is away would refuse every item: while it
 * is, one item at a time is tried, after a wait, and all others stay where they are, unclaimed. Times are ms since 1970 UTC.
 */
export class SendGate {
  readonly #onStop: (detail: string | null) => void;
  #closedUntilMs = 0;
  #failures = 0;
  #underWay = 0;
  #stopped: string | null = null;

  /** @param onStop the sink is stopped, and why; null = it works again */
  constructor(onStop: (detail: string | null) => void = () => undefined) {
    this.#onStop = onStop;
  }

  /** How many items may be claimed. */
  mayClaim(nowMs: number): number {
    if (nowMs < this.#closedUntilMs) return 0;
    if (this.#failures === 0) return Number.MAX_SAFE_INTEGER;
    return this.#underWay === 0 ? 1 : 0;
  }

  /** One is being sent; `ended` follows. */
  began(): void {
    this.#underWay += 1;
  }

  ended(): void {
    this.#underWay -= 1;
  }

  /**
   * What was learnt.
   *
   * @returns how long to wait, ms; 0 for what says nothing against sending
   */
  tell(word: GateWord, nowMs: number): number {
    const isOpen = nowMs >= this.#closedUntilMs;
    if (word.kind === 'heard') {
      // Of the crowd that was under way as it closed: that one was heard says nothing about now.
      if (isOpen) this.#reopen();
      return 0;
    }
    if (word.kind === 'later') this.#close(nowMs + word.afterMs);
    else if (isOpen) {
      // One step for the whole crowd that fails together.
      this.#failures += 1;
      this.#close(nowMs + (word.kind === 'stop' ? STOP_MS : doubled(this.#failures)));
    }
    if (word.kind === 'stop') this.#stop(word.detail);
    return Math.max(0, this.#closedUntilMs - nowMs);
  }

  #close(untilMs: number): void {
    this.#closedUntilMs = Math.max(this.#closedUntilMs, untilMs);
  }

  #stop(detail: string): void {
    if (this.#stopped === null) this.#onStop(detail);
    this.#stopped = detail;
  }

  #reopen(): void {
    this.#failures = 0;
    if (this.#stopped !== null) this.#onStop(null);
    this.#stopped = null;
  }
}

function doubled(failures: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(20, failures - 1));
}
