import { AppError } from '../schemas/errors.ts';
import { comparePools } from './compare-pools.ts';
import type { LogEntry } from '../storage/ports.ts';
import { Findings } from './check.ts';
import type { Part, Scope } from './check.ts';
import {
  compareActionRows,
  compareLate,
  compareSessionRows,
  compareWindow,
  compareWindows,
} from './compare-analytics.ts';
import {
  addAction,
  addAdjustment,
  addClosing,
  addOutbox,
  compareActions,
  compareAdjustments,
  compareClosings,
  compareLetters,
  compareNasEvents,
  nothingLeft,
} from './compare-ledger.ts';
import type { Left } from './compare-ledger.ts';
import { compareHead, compareLine } from './compare-state.ts';
import { NOTHING } from './difference.ts';
import type { Difference } from './difference.ts';
import type { Settings } from './entry.ts';
import { adoptCatalogue, adoptHead, adoptWindow, lineOf } from './origin.ts';
import type { Readers, StoredHead, StoredLine } from './readers.ts';
import { Recomputation } from './recompute.ts';

const MINUTE = 60_000;
/** Stamps may be as far ahead of their append time. */
const MOST_AHEAD_MS = 5 * MINUTE;
/** Before stored data is read the log is followed until so few entries are left, or so often. */
const FEW_ENTRIES = 1000;
const MOST_ROUNDS = 5;

/** How far it has come. */
export type Progress =
  | { stage: 'log'; done: number; total: number }
  | { stage: 'state' | 'analytics' | 'ledger'; partition?: number }
  /** rows that are not flushed yet, or the like; looked at again until the wait is over */
  | { stage: 'waiting'; things: number };

export interface VerifyOptions {
  readers: Readers;
  scope: Scope;
  policyFault: Settings['policyFault'];
  /** how long what is not stored yet is waited for */
  waitMs: number;
  /** ms since 1970 UTC */
  now: () => number;
  pause: (ms: number) => Promise<void>;
  /** dead letters are kept for so long */
  lettersKeptMs: number;
  onProgress: (progress: Progress) => void;
}

/** What came of it. */
export interface Verification {
  differences: Difference[];
  /** one line a partition that was not recomputed from the beginning of its log: from where, and what that leaves out */
  notes: string[];
  entries: number;
  compared: number;
}

/**
 * Recomputes the log up to where the slots are, and holds state, analytics and ledger against it. Works beside a running
 * Weir: what others change meanwhile is followed in the log, what is not stored yet is waited for.
 *
 * @throws AppError of what is read, 'not-found' where nothing was committed yet
 */
export async function verifyLog(options: VerifyOptions): Promise<Verification> {
  const examination = new Examination(options);
  await examination.begin();
  await examination.examineState();
  await examination.examineStored();
  return examination.result();
}

class Examination {
  readonly #options: VerifyOptions;
  readonly #parts = new Map<number, Part>();
  readonly #notes: string[] = [];
  readonly #differences: Difference[] = [];
  #entries = 0;
  #compared = 0;

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  result(): Verification {
    const { onlySubscriber } = this.#options.scope;
    const differences =
      onlySubscriber === null ? this.#differences : this.#differences.filter(({ kind }) => kind !== 'slot');
    return {
      differences,
      notes: this.#notes,
      entries: this.#entries,
      compared: this.#compared,
    };
  }

  /** Finds where to begin, and recomputes until little of the log is left. */
  async begin(): Promise<void> {
    const { log, slots } = this.#options.readers;
    for (const [partition, { low }] of [...(await log.marks())].sort(([a], [b]) => a - b)) {
      const head = await slots.head(partition);
      if (head !== null) await this.#open(partition, low, head);
    }
    if (this.#parts.size === 0)
      throw new AppError('not-found', 'no partition has any state: nothing to verify');
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const read = await this.#follow(await this.#positions());
      if (read < FEW_ENTRIES) return;
    }
  }

  /** The state of each slot, everybody as of the moment at which he was read. */
  async examineState(): Promise<void> {
    const { slots } = this.#options.readers;
    for (const part of this.#parts.values()) {
      const { partition, run } = part;
      this.#options.onProgress({ stage: 'state', partition });
      const head = await slots.head(partition);
      if (head === null) throw new AppError('not-found', `partition ${partition} lost its state meanwhile`);
      await this.#follow(new Map([[partition, head.position]]));
      part.settled = run.position;
      run.expected.versions = new Map();
      if (run.settings.unknownBeforeMs === null) this.#differences.push(...compareHead(run, head, partition));
      const ahead = await this.#compareLines(part);
      const windows = [];
      for await (const rows of slots.windows(partition)) windows.push(...rows);
      const until = (await slots.head(partition))?.position ?? run.position;
      await this.#follow(new Map([[partition, until]]), (offset) => {
        for (const stored of ahead.get(offset) ?? []) this.#compareLine(part, stored);
        ahead.delete(offset);
      });
      for (const stored of [...ahead.values()].flat()) this.#compareLine(part, stored);
      const findings = new Findings();
      for (const row of windows) compareWindow(part, row, this.#options.scope, 'held-window', findings);
      this.#compared += findings.compared;
      // A row that is older than the log gives is no fault of the store: it is dropped when analytics has it.
      this.#differences.push(...findings.wrong);
    }
  }

  /** Analytics and ledger, again and again while something is only on its way. */
  async examineStored(): Promise<void> {
    const { waitMs, now, pause, onProgress } = this.#options;
    const deadlineMs = now() + waitMs;
    for (;;) {
      const findings = await this.#compareStored();
      const positions = await this.#positions();
      // Beyond where the slot itself has come: its state lost a tail, or somebody else's rows are here.
      for (const { difference, offset } of findings.ahead)
        if (offset >= (positions.get(difference.partition) ?? 0)) findings.waiting.push(difference);
      if (findings.waiting.length === 0 || now() >= deadlineMs) {
        this.#compared += findings.compared;
        this.#differences.push(...findings.wrong, ...findings.waiting);
        return;
      }
      onProgress({ stage: 'waiting', things: findings.waiting.length });
      await pause(Math.min(1000, Math.max(1, deadlineMs - now())));
      await this.#follow(positions);
    }
  }

  async #open(partition: number, low: number, head: StoredHead): Promise<void> {
    const { readers, scope, policyFault } = this.#options;
    const origin = await readers.origin(partition, scope.sinceMs === 0 ? null : scope.sinceMs);
    const fromLog = origin === null || (low === 0 && scope.sinceMs === 0);
    const base = { partition, policyFault, onlySubscriber: scope.onlySubscriber, unknownBeforeMs: null };
    const open = (settings: Settings, position: number): Recomputation => {
      const run = new Recomputation(settings);
      run.position = position;
      this.#parts.set(partition, { partition, run, fromOffset: position, settled: position });
      return run;
    };
    if (!fromLog && origin.head.position >= low) {
      const run = open({ ...base, ...origin.head.settings }, origin.head.position);
      adoptHead(run, origin.head);
      for await (const lines of origin.lines())
        for (const line of lines)
          if (scope.onlySubscriber === null || scope.onlySubscriber === line.id)
            run.adopt(lineOf(line, run.calendar));
      for await (const rows of origin.windows()) for (const row of rows) adoptWindow(run, row);
      this.#notes.push(
        `partition ${partition}: recomputed from ${origin.name}, offset ${origin.head.position}; what came before is taken from it`,
      );
    } else if (low === 0) open({ ...base, ...head.settings }, 0).world.assumeLayout(head.blobVersion);
    else
      await this.#openPartial(partition, low, head, (unknownBeforeMs) =>
        open({ ...base, ...head.settings, unknownBeforeMs }, low),
      );
  }

  /** The log lost its beginning and there is no snapshot: who subscribers are is taken from the state as it is now. */
  async #openPartial(
    partition: number,
    low: number,
    head: StoredHead,
    open: (unknownBeforeMs: number) => Recomputation,
  ): Promise<void> {
    const { log, slots } = this.#options.readers;
    let first: LogEntry | undefined;
    for await (const { entries } of log.read(new Map([[partition, { from: low, to: low + 1 }]])))
      first ??= entries[0];
    const run = open((first?.appendTimeMs ?? 0) + MOST_AHEAD_MS);
    adoptCatalogue(run, head);
    for await (const lines of slots.lines(partition, this.#options.scope.onlySubscriber))
      for (const { id, profile } of lines) if (profile !== null) run.introduce(id, profile);
    this.#notes.push(
      `partition ${partition}: the log begins at offset ${low} and there is no snapshot: only usage after ` +
        `${new Date(run.settings.unknownBeforeMs ?? 0).toISOString()} is compared, sessions begun before are taken as they come, ` +
        'and actions, counters by outcome and cycles begun before are not',
    );
  }

  async #positions(): Promise<Map<number, number>> {
    const positions = new Map<number, number>();
    for (const partition of this.#parts.keys()) {
      const head = await this.#options.readers.slots.head(partition);
      if (head !== null) positions.set(partition, head.position);
    }
    return positions;
  }

  /** Recomputes up to these positions. Returns the entries that were read. */
  async #follow(to: ReadonlyMap<number, number>, after?: (offset: number) => void): Promise<number> {
    const { readers, onProgress } = this.#options;
    const ranges = new Map<number, { from: number; to: number }>();
    let total = 0;
    for (const [partition, end] of to) {
      const from = this.#parts.get(partition)?.run.position ?? end;
      if (from < end) ranges.set(partition, { from, to: end });
      total += Math.max(0, end - from);
    }
    if (ranges.size === 0) return 0;
    let done = 0;
    for await (const { partition, entries } of readers.log.read(ranges)) {
      const run = this.#parts.get(partition)?.run;
      if (run === undefined) continue;
      for (const entry of await readers.decode(partition, entries)) {
        run.take(entry);
        after?.(entry.offset);
      }
      done += entries.length;
      onProgress({ stage: 'log', done, total });
    }
    for (const [partition, end] of to) this.#parts.get(partition)?.run.reach(end);
    this.#entries += done;
    return done;
  }

  /** Compares everybody whom the slot holds as of what was recomputed; those that are ahead of it by their offset. */
  async #compareLines(part: Part): Promise<Map<number, StoredLine[]>> {
    const { readers, scope } = this.#options;
    const { partition, run } = part;
    const ahead = new Map<number, StoredLine[]>();
    const unseen = new Set(run.lines.keys());
    for await (const lines of readers.slots.lines(partition, scope.onlySubscriber)) {
      for (const stored of lines) {
        unseen.delete(stored.id);
        if (stored.mark >= run.position) ahead.set(stored.mark, [...(ahead.get(stored.mark) ?? []), stored]);
        else this.#compareLine(part, stored);
      }
    }
    for (const id of unseen)
      this.#differences.push({
        kind: 'subscriber',
        partition,
        key: id,
        expected: 'a subscriber',
        found: NOTHING,
      });
    return ahead;
  }

  #compareLine(part: Part, stored: StoredLine): void {
    const { run, partition } = part;
    const line = run.lines.get(stored.id);
    this.#compared += 1;
    // Without the beginning of the log nobody knows whom it had.
    if (line === undefined && run.settings.unknownBeforeMs !== null) return;
    const { knowsPolicyFacts: policyFacts, tariffs } = run.world;
    const compares = { sinceMs: this.#options.scope.sinceMs, policyFacts, tariffs: policyFacts && tariffs };
    this.#differences.push(...compareLine(line, stored, partition, compares));
  }

  async #compareStored(): Promise<Findings> {
    const { readers, scope, onProgress, now, lettersKeptMs } = this.#options;
    const parts = this.#parts;
    const findings = new Findings();
    onProgress({ stage: 'ledger' });
    const left = await this.#readLeft();
    onProgress({ stage: 'analytics' });
    await compareWindows(parts, readers.analytics, scope, findings);
    await compareLate(parts, readers.analytics, scope, findings);
    await compareSessionRows(parts, readers.analytics, scope, findings);
    compareActions(parts, left, scope, findings);
    await compareActionRows(parts, readers.analytics, left.actions, scope, findings);
    compareAdjustments(parts, left, scope, findings);
    compareClosings(parts, left, scope, findings);
    if (scope.onlySubscriber === null) {
      compareLetters(parts, left, now() - lettersKeptMs, findings);
      compareNasEvents(parts, findings);
      comparePools(parts, findings);
    }
    return findings;
  }

  /** The outboxes first: what leaves one meanwhile is in the ledger then. */
  async #readLeft(): Promise<Left> {
    const { readers, scope } = this.#options;
    const left = nothingLeft();
    const waiting = [];
    for (const partition of this.#parts.keys()) waiting.push(await readers.slots.outbox(partition));
    for await (const rows of readers.actions(scope.onlySubscriber))
      for (const row of rows) addAction(left, row);
    for await (const rows of readers.records.allAdjustments())
      for (const row of rows) addAdjustment(left, row);
    for await (const rows of readers.records.allClosedCycles()) for (const row of rows) addClosing(left, row);
    for (let before: string | null = null; ;) {
      const page = await readers.letters.list(ANY_LETTER, 1000, before);
      for (const { partition, offset, reason } of page) left.letters.set(`${partition}:${offset}`, reason);
      before = page.at(-1)?.id ?? null;
      if (before === null) break;
    }
    for (const records of waiting) addOutbox(left, records);
    return left;
  }
}

const ANY_LETTER = { reason: null, partition: null, nasId: null, fromMs: null, toMs: null, replayed: null };
