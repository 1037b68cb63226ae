import type { BacktestProgress } from '../pipeline/backtest/run-backtest.ts';

const BAR_WIDTH = 30;
/** On a terminal the bar is drawn at every hundredth, elsewhere a line is printed at every tenth. */
const STEPS = { bar: 100, lines: 10 };

/** Shows how far a backtest has come: a bar with the time that is left on a terminal, plain lines elsewhere. */
export class BacktestBar {
  readonly #write: (text: string) => void;
  readonly #isTTY: boolean;
  readonly #now: () => number;
  #last = -1;
  #drawn = false;
  #startedMs: number | null = null;

  /** @param now processing time, ms */
  constructor(write: (text: string) => void, isTTY: boolean, now: () => number) {
    this.#write = write;
    this.#isTTY = isTTY;
    this.#now = now;
  }

  show({ done, total }: BacktestProgress): void {
    this.#startedMs ??= this.#now();
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const step = Math.floor(share * (this.#isTTY ? STEPS.bar : STEPS.lines));
    if (step === this.#last) return;
    this.#last = step;
    if (!this.#isTTY) {
      this.#write(`replaying ${String(total)} subscribers: ${String(step * 10)} %\n`);
      return;
    }
    const bar = '#'.repeat(Math.floor(share * BAR_WIDTH)).padEnd(BAR_WIDTH);
    this.#write(
      `\r\u001b[Kreplaying ${String(total)} subscribers [${bar}] ${String(step)} %${this.#left(share)}`,
    );
    this.#drawn = true;
  }

  /** Takes the bar away. */
  end(): void {
    if (this.#drawn) this.#write('\r\u001b[K');
    this.#drawn = false;
  }

  #left(share: number): string {
    if (share < 0.05 || share === 1 || this.#startedMs === null) return '';
    const seconds = ((this.#now() - this.#startedMs) / 1000) * (1 / share - 1);
    return `, ${String(Math.ceil(seconds))} s left`;
  }
}
