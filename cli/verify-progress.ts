import type { Progress } from '../verify/verify-log.ts';

const BAR_WIDTH = 30;
/** On a terminal the bar is drawn at every hundredth, elsewhere a line is printed at every tenth. */
const STEPS = { bar: 100, lines: 10 };

/** Shows how far a verification has come: a bar on a terminal, plain lines elsewhere. */
export class VerifyProgress {
  readonly #write: (text: string) => void;
  readonly #isTTY: boolean;
  #last = '';
  #drawn = false;

  constructor(write: (text: string) => void, isTTY: boolean) {
    this.#write = write;
    this.#isTTY = isTTY;
  }

  show(progress: Progress): void {
    const text = this.#textOf(progress);
    if (text === this.#last) return;
    this.#last = text;
    if (this.#isTTY) {
      this.#write(`\r\u001b[K${text}`);
      this.#drawn = true;
    } else this.#write(`${text}\n`);
  }

  /** Takes the bar away. */
  end(): void {
    if (this.#drawn) this.#write('\r\u001b[K');
    this.#drawn = false;
  }

  #textOf(progress: Progress): string {
    if (progress.stage === 'waiting') return `waiting for ${progress.things} things that are not stored yet`;
    if (progress.stage === 'state') return `comparing the state of partition ${progress.partition ?? 0}`;
    if (progress.stage !== 'log') return `comparing ${progress.stage}`;
    const { done, total } = progress;
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const steps = this.#isTTY ? STEPS.bar : STEPS.lines;
    const percent = Math.floor(share * steps) * (100 / steps);
    if (!this.#isTTY) return `recomputing the log: ${percent} %`;
    const filled = Math.floor(share * BAR_WIDTH);
    return `recomputing the log [${'#'.repeat(filled).padEnd(BAR_WIDTH)}] ${percent} %`;
  }
}
