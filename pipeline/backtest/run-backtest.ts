import { CycleCalendar } from '../../rules/cycle.ts';
import { AppError } from '../../schemas/errors.ts';
import type { PolicyInForce } from '../../schemas/policy.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import type { UsageExtent, UsageReplay } from '../../storage/analytics-ports.ts';
import type { ProfilePage, ProfilePages } from '../../storage/profile-pages.ts';
import { factsAskedBy, gridOf, offsetsOf, readFromMs, windowFactsAskedBy } from './demand.ts';
import { ReplayThreads } from './replay-threads.ts';
import type { BacktestPage, BacktestTask, Resolution, SideName } from './task.ts';
import type { Tally } from './tally.ts';

/** What a backtest is asked for. */
export interface BacktestRequest {
  fromMs: number;
  toMs: number;
  /** null = an hour, or 5 minutes where a policy asks about 5-minute windows */
  resolution: Resolution | null;
  draft: ReadonlyMap<string, PolicyInForce>;
  against: ReadonlyMap<string, PolicyInForce>;
  provider: Readonly<Record<SideName, ProviderSettings>>;
  /** of subscribers whose profile has none that is known */
  defaultZone: string;
  /** about how many subscribers are looked at; null = all */
  sample: number | null;
  /** subscribers of each kind of difference of whom all is told */
  explained: number;
  threads: number;
  onProgress: (progress: BacktestProgress) => void;
}

/** Subscribers that were read, of all. */
export interface BacktestProgress {
  done: number;
  total: number;
}

/** Where subscribers and their usage come from. */
export interface BacktestSources {
  profiles: ProfilePages;
  usage: UsageReplay;
  /** pages that may be read at once: chDB inside the process takes one statement at a time */
  reads: number;
}

/** The figures, and what they are of. */
export interface BacktestResult {
  task: BacktestTask;
  tally: Tally;
  /** subscribers that the directory knows */
  known: number;
}

/** Rows of a page, about: some 10 MB. */
const PAGE_ROWS = 400_000;
const PAGE_SUBSCRIBERS = { least: 20, most: 4_000 };
/** A cycle, and the days before that facts look back on. */
const MOST_BACK_MS = 62 * 24 * 3_600_000;
const HASHES = 0x8000_0000;

/**
 * Replays stored usage under two sets of policies. Reads pages of whole subscribers, two for each thread at most, and
 * never holds more.
 *
 * @throws AppError 'invalid-input' (the range or the resolution cannot be), 'not-found' (no usage is stored in the range, or
 *   there are no subscribers), 'unreachable', 'analytics-failed'
 */
export async function runBacktest(
  request: BacktestRequest,
  sources: BacktestSources,
): Promise<BacktestResult> {
  const { fromMs, toMs } = request;
  assertRange(fromMs, toMs);
  const known = await sources.profiles.count();
  if (known === 0) throw new AppError('not-found', 'there are no subscribers to look at');
  await assertUsage(sources.usage, fromMs, toMs);
  const extent = await sources.usage.usageExtent(fromMs - MOST_BACK_MS, toMs);
  const task = await taskOf(request, sources.profiles, known);
  const threads = new ReplayThreads(task, request.threads);
  try {
    const feeder = new Feeder(task, extent, sources, threads, request.onProgress, known);
    await feeder.run();
    return { task, known, tally: await threads.finish() };
  } finally {
    await threads.stop();
  }
}

/** @throws AppError 'invalid-input' where a range is empty or runs backwards */
export function assertRange(fromMs: number, toMs: number): void {
  if (fromMs < toMs) return;
  throw new AppError('invalid-input', `--from (${text(fromMs)}) must lie before --to (${text(toMs)})`);
}

async function assertUsage(usage: UsageReplay, fromMs: number, toMs: number): Promise<void> {
  const within = await usage.usageExtent(fromMs, toMs);
  if (within.firstMs !== null) return;
  const all = await usage.usageExtent(0, 0xffff_ffff * 1000);
  const range = `between ${text(fromMs)} and ${text(toMs)}`;
  throw new AppError(
    'not-found',
    all.firstMs === null || all.lastMs === null
      ? `no usage is stored ${range}, nor at any other time`
      : `no usage is stored ${range}: it reaches from ${text(all.firstMs)} to ${text(all.lastMs)}`,
  );
}

async function taskOf(
  request: BacktestRequest,
  profiles: ProfilePages,
  known: number,
): Promise<BacktestTask> {
  const { fromMs, toMs, draft, against, provider, defaultZone, explained, sample } = request;
  return {
    fromMs,
    toMs,
    resolution: resolutionOf(request),
    draft,
    against,
    facts: factsAskedBy([
      { policies: draft, provider: provider.draft },
      { policies: against, provider: provider.against },
    ]),
    provider,
    plans: await profiles.plans(),
    defaultZone,
    samples: explained,
    hashBelow: sample === null || sample >= known ? null : Math.ceil((HASHES * sample) / known),
  };
}

function resolutionOf({ resolution, draft, against }: BacktestRequest): Resolution {
  const windowFacts = windowFactsAskedBy([draft, against]);
  if (resolution === null) return windowFacts.length > 0 ? '5m' : '1h';
  if (resolution === '5m' || windowFacts.length === 0) return resolution;
  throw new AppError(
    'invalid-input',
    `${windowFacts.join(' and ')} can be seen with --resolution 5m only: a policy asks about 5-minute windows`,
  );
}

function text(ms: number): string {
  return new Date(ms).toISOString();
}

/** Brings pages to threads, as many at once as these take. */
class Feeder {
  readonly #task: BacktestTask;
  readonly #extent: UsageExtent;
  readonly #sources: BacktestSources;
  readonly #threads: ReplayThreads;
  readonly #onProgress: (progress: BacktestProgress) => void;
  readonly #total: number;
  readonly #calendar = new CycleCalendar();
  readonly #offsets = new Map<string, number[]>();
  readonly #reads: Promise<unknown>[];
  #done = 0;

  constructor(
    task: BacktestTask,
    extent: UsageExtent,
    sources: BacktestSources,
    threads: ReplayThreads,
    onProgress: (progress: BacktestProgress) => void,
    total: number,
  ) {
    this.#task = task;
    this.#extent = extent;
    this.#sources = sources;
    this.#threads = threads;
    this.#onProgress = onProgress;
    this.#total = total;
    this.#reads = Array.from({ length: sources.reads }, () => Promise.resolve());
  }

  async run(): Promise<void> {
    const underWay = new Set<Promise<void>>();
    let failure: { error: unknown } | null = null;
    let afterId: string | null = null;
    this.#onProgress({ done: 0, total: this.#total });
    for await (const page of this.#sources.profiles.pages(this.#pageSize())) {
      const work: Promise<void> = this.#replay(page, afterId).then(
        () => void underWay.delete(work),
        (error: unknown) => {
          failure ??= { error };
          underWay.delete(work);
        },
      );
      underWay.add(work);
      afterId = page.lastId;
      while (underWay.size >= this.#threads.capacity) await Promise.race(underWay);
      if (failure !== null) break;
    }
    await Promise.all(underWay);
    // An assignment in a callback is not seen by the compiler.
    const failed = failure as { error: unknown } | null;
    if (failed !== null) throw failed.error;
  }

  async #replay(page: ProfilePage, afterId: string | null): Promise<void> {
    const ready = await this.#inTurn(() => this.#read(page, afterId));
    await this.#threads.replay(ready);
    this.#done = Math.min(this.#done + page.count, this.#total);
    this.#onProgress({ done: this.#done, total: this.#total });
  }

  async #read(page: ProfilePage, afterId: string | null): Promise<BacktestPage> {
    const { fromMs, toMs, facts, resolution, provider, hashBelow } = this.#task;
    const readFrom = readFromMs(facts, page.rules, this.#calendar, fromMs);
    const offsets = page.rules.flatMap(({ zone }) => this.#offsetsOf(zone));
    const gridMs = gridOf(resolution, [provider.draft.offPeak, provider.against.offPeak], offsets);
    const usage = await this.#sources.usage.usageSteps({
      afterId,
      throughId: page.lastId,
      fromMs: readFrom,
      toMs,
      stepMs: gridMs,
      extent: this.#extent,
      hashBelow,
    });
    return { profiles: page.json, usage, gridMs };
  }

  /** One reading at a time in each of the lanes. */
  #inTurn<T>(read: () => Promise<T>): Promise<T> {
    const lane = this.#reads.shift() ?? Promise.resolve();
    const turn = lane.then(read);
    // The next in line waits for the end of this one, whatever it is; who asked gets the failure.
    this.#reads.push(turn.catch(() => undefined));
    return turn;
  }

  #offsetsOf(zone: string): number[] {
    const { fromMs, toMs } = this.#task;
    const known = this.#offsets.get(zone) ?? offsetsOf(this.#calendar, zone, fromMs - MOST_BACK_MS, toMs);
    this.#offsets.set(zone, known);
    return known;
  }

  #pageSize(): number {
    const { fromMs, toMs, hashBelow, resolution } = this.#task;
    const stepMs = resolution === '5m' ? 300_000 : 3_600_000;
    // Usage since the cycle's beginning is read besides: half a cycle, as a rule.
    const steps = (toMs - fromMs + 15 * 24 * 3_600_000) / stepMs;
    const share = hashBelow === null ? 1 : hashBelow / HASHES;
    const { least, most } = PAGE_SUBSCRIBERS;
    return Math.round(Math.min(most, Math.max(least, PAGE_ROWS / (steps * share))));
  }
}
