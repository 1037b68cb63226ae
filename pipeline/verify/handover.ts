import { AppError } from '../../schemas/errors.ts';

/** How often a consumer beats while its batch is not taken. */
const BEAT_EVERY_MS = 1000;

/** Hands items from somebody who is called to somebody who asks; the giver waits until its item is taken. */
export class Handover<T> {
  readonly #waiting: { item: T; taken: () => void }[] = [];
  #wake: (() => void) | null = null;
  #failure: unknown = null;
  #ended = false;

  /** Resolves when the item was taken, or nobody takes any more. */
  async give(item: T, heartbeat: () => Promise<void>): Promise<void> {
    if (this.#ended) return;
    const beating = setInterval(() => {
      // What fails for good shows as a crash of the consumer, or as silence.
      heartbeat().catch(() => undefined);
    }, BEAT_EVERY_MS);
    try {
      await new Promise<void>((taken) => {
        this.#waiting.push({ item, taken });
        this.#wake?.();
      });
    } finally {
      clearInterval(beating);
    }
  }

  /** Whoever takes next gets this error. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  /** The next item. @throws AppError 'unreachable' after so much silence, and what `fail` was given */
  async take(silenceMs: number): Promise<T> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#wake?.();
    }, silenceMs);
    try {
      for (;;) {
        const next = this.#waiting.shift();
        if (next !== undefined) {
          next.taken();
          return next.item;
        }
        if (this.#failure !== null) throw this.#failure;
        if (isLate) {
          const message = `nothing came for ${silenceMs / 1000} s`;
          throw new AppError('unreachable', message, { retriable: true });
        }
        await new Promise<void>((wake) => (this.#wake = wake));
      }
    } finally {
      clearTimeout(timer);
      this.#wake = null;
    }
  }

  /** Nothing is taken any more: who waits is let go. */
  end(): void {
    this.#ended = true;
    for (const { taken } of this.#waiting.splice(0)) taken();
  }
}
