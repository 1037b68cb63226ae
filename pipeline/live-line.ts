import type { OverviewView } from '../schemas/views.ts';

/** Where the program can be reached, for people. */
export interface LiveAddresses {
  /** `http://127.0.0.1:8080`; null = this process has no API */
  api: string | null;
  /** `http://127.0.0.1:9464/metrics` */
  metrics: string | null;
}

/**
 * One line on what is going on: rate, population, lag, actions by state (those that are not 0), what is wrong, addresses.
 * Pure. Longer than a terminal is wide where there is much to say: the writer cuts it.
 */
export function formatLiveLine(view: OverviewView, addresses: LiveAddresses): string {
  const parts = [
    `${count(view.recordsPerSecond)} rec/s`,
    `${count(view.subscribers)} subscribers`,
    `${count(view.openSessions)} sessions`,
    `${count(view.throttledSubscribers)} throttled`,
    `lag ${count(view.lag)}`,
    `actions ${actions(view)}`,
    ...trouble(view),
  ];
  if (addresses.api !== null) parts.push(`api ${addresses.api}`);
  if (addresses.metrics !== null) parts.push(`metrics ${addresses.metrics}`);
  return parts.join(' | ');
}

function actions(view: OverviewView): string {
  const some = Object.entries(view.actions).filter(([, number]) => number > 0);
  return some.length === 0 ? 'none' : some.map(([state, number]) => `${count(number)} ${state}`).join(', ');
}

function trouble({ partitions, flush }: OverviewView): string[] {
  const halted = partitions.filter(({ status }) => status === 'halted').length;
  const held = partitions.filter(({ status }) => status === 'egress-held').length;
  return [
    ...(halted > 0 ? [`${halted} HALTED`] : []),
    ...(held > 0 ? [`${held} HELD`] : []),
    // A second or two is how the flusher gathers rows; more is analytics being behind.
    ...(flush.lagSeconds >= 5 ? [`analytics ${Math.round(flush.lagSeconds)} s behind`] : []),
  ];
}

/** 999, 1.2 k, 34 k, 5.6 M. */
function count(value: number): string {
  if (value < 1000) return String(Math.round(value));
  // Rounding to 1,000 k would hide that it is a million.
  const [scaled, unit] = value < 999_500 ? [value / 1000, 'k'] : [value / 1_000_000, 'M'];
  return `${scaled < 9.95 ? scaled.toFixed(1) : String(Math.round(scaled))} ${unit}`;
}

/** What a live line is written to. */
export interface LiveTerminal {
  readonly isTTY: boolean;
  /** of the window; 0 or undefined = unknown */
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/**
 * Keeps the last line of a terminal up to date, with log lines scrolling above it. On what is no terminal it keeps
 * nothing: `show` does nothing there, and log lines pass through.
 */
export class LiveScreen {
  readonly #out: LiveTerminal;
  #shown = '';
  #closed = false;

  constructor(out: LiveTerminal) {
    this.#out = out;
  }

  /** Replaces the live line. */
  show(line: string): void {
    if (!this.#out.isTTY || this.#closed) return;
    const width = (this.#out.columns ?? 0) > 0 ? (this.#out.columns ?? 0) - 1 : line.length;
    this.#shown = line.length > width ? `${line.slice(0, Math.max(0, width - 1))}…` : line;
    this.#out.write(CLEAR + this.#shown);
  }

  /** A log line, with its line break, above the live line. */
  log(line: string): void {
    if (this.#closed) return;
    this.#out.write(this.#shown === '' ? line : CLEAR + line + this.#shown);
  }

  /** Leaves the last live line standing and goes below it. Idempotent. */
  end(): void {
    if (this.#shown !== '' && !this.#closed) this.#out.write('\n');
    this.#shown = '';
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Nobody reads any more: nothing is written from now on. */
  close(): void {
    this.#closed = true;
  }
}

/** Carriage return, and erase to the end of the line. */
const CLEAR = '\r\u001b[K';

export const LIVE_LINE_EVERY_MS = 1_000;
export const LIVE_LOG_EVERY_MS = 10_000;

export interface LiveReportOptions {
  screen: LiveScreen;
  isTTY: boolean;
  overview: () => Promise<OverviewView>;
  addresses: LiveAddresses;
  /** where there is no terminal: one log line with the figures as fields */
  log: { info(fields: object, message: string): void; debug(fields: object, message: string): void };
}

/** Reports each second on a terminal, else every 10 s as a log line, beginning at once. Returns how to end it. */
export function startLiveReport(options: LiveReportOptions): () => void {
  const { screen, isTTY, overview, addresses, log } = options;
  let ended = false;
  let busy = false;
  const report = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    try {
      const view = await overview();
      if (ended) return;
      if (isTTY) screen.show(formatLiveLine(view, addresses));
      else log.info({ live: liveFields(view) }, formatLiveLine(view, addresses));
    } catch (error) {
      // Where the ledger is away the overview is too; those who wait for the ledger say so at a higher level.
      log.debug({ err: error }, 'no overview at the moment');
    } finally {
      busy = false;
    }
  };
  void report();
  const timer = setInterval(() => void report(), isTTY ? LIVE_LINE_EVERY_MS : LIVE_LOG_EVERY_MS);
  timer.unref();
  return () => {
    ended = true;
    clearInterval(timer);
    screen.end();
  };
}

function liveFields(view: OverviewView): object {
  const { recordsPerSecond, subscribers, openSessions, throttledSubscribers, lag, actions: states } = view;
  return { recordsPerSecond, subscribers, openSessions, throttledSubscribers, lag, actions: states };
}
