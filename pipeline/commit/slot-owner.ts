import { crossCheck } from '../../rules/compile/cross-check.ts';
import { confirmRule } from '../../rules/confirm.ts';
import type { CycleCalendar } from '../../rules/cycle.ts';
import { AppError, isAppError } from '../../schemas/errors.ts';
import type { OutboxRecord } from '../../schemas/outbox.ts';
import type { FeedQualityRow } from '../../storage/analytics-ports.ts';
import type {
  LogEntry,
  PartitionMarks,
  SlotCommit,
  SlotId,
  SlotLease,
  SlotMarks,
  StateStore,
} from '../../storage/ports.ts';
import { factsOf } from '../decide/facts-of.ts';
import { planOf } from '../decide/in-force.ts';
import type { Input } from '../decode/input.ts';
import type { Flusher } from '../flush/flusher.ts';
import { toAnalytics } from '../flush/to-analytics.ts';
import { toFeedRow } from '../feed/nas-feed.ts';
import type { NasFeed } from '../feed/nas-feed.ts';
import { noEffects } from '../fold/effects.ts';
import type { BatchEffects } from '../fold/effects.ts';
import { foldBatch } from '../fold/fold.ts';
import type { FoldAnswer, FoldRequest } from '../fold/requests.ts';
import type { FoldSettings, SlotState, Subscriber, WindowTotal } from '../fold/slot-state.ts';
import { buildCommit, versionOf } from './build-commit.ts';
import type { Retention } from './build-commit.ts';
import { nasProfileOf } from '../meter/nas-profile.ts';
import { checkPosition } from './check-position.ts';
import { deadLetter } from './dead-letter.ts';
import type { Egress } from './egress.ts';
import { IdleEviction, trimRows } from './eviction.ts';
import { loadAllWindows, loadSlot, loadUnflushed } from './load-slot.ts';
import { encodeOutbox, outboxNumber } from './outbox-codec.ts';
import { StoredValues } from './stored-values.ts';

/** What a slot's owner works with. */
export interface SlotDeps {
  store: StateStore;
  marks: SlotMarks;
  flusher: Pick<Flusher, 'submit' | 'forget'>;
  calendar: CycleCalendar;
  /** subscribers of a slot that stay in memory after a commit; asked each time, as slots come and go */
  cachedSubscribers: (state: SlotState) => number;
  /** unique id of a commit; 128 random bits */
  newCommitId: () => string;
  /** share of the subscribers that a batch touches whose rules json-rules-engine is asked about besides, 0 to 1 */
  crossCheckRate: number;
  /** json-rules-engine said otherwise than the compiled rule */
  diverged: (rule: string) => void;
}

/** Entries that are decoded at once. */
const SLICE = 256;

/**
 * Owns one slot: holds its state in memory, folds batches into it and commits each atomically.
 *
 *   open -> (apply)* -> close          any failure between fold and commit: the slot is dropped,
 *                                      the next open loads what is stored
 *
 * Calls must not overlap, but for `check` (heartbeat), which does nothing while a batch is in hand.
 */
export class SlotOwner {
  readonly slot: SlotId;
  readonly state: SlotState;
  readonly egress: Egress;
  private readonly deps: SlotDeps;
  private lease: SlotLease;
  private readonly retention: Retention;
  private readonly stored: StoredValues;
  private readonly eviction: IdleEviction;
  private outboxEntries = 0;
  /** subscribers to be cross-checked, and a rest */
  private checksDue = 0;
  private busy = false;
  private atWork: Promise<void> = Promise.resolve();
  private committed: number;

  private constructor(
    deps: SlotDeps,
    slot: SlotId,
    state: SlotState,
    lease: SlotLease,
    retention: Retention,
    egress: Egress,
  ) {
    this.deps = deps;
    this.slot = slot;
    this.state = state;
    this.lease = lease;
    this.retention = retention;
    this.egress = egress;
    this.committed = state.position;
    this.stored = new StoredValues(deps.store, slot, state);
    this.eviction = new IdleEviction(state);
  }

  /**
   * Acquires and loads the slot, checks its position against the log and the marks, sends what was left in the outbox
   * and what analytics may not have. Throws 'position-out-of-range', 'tail-lost', 'partition-count-changed', 'store-rejected'.
   */
  static async open(
    deps: SlotDeps,
    slot: SlotId,
    settings: FoldSettings,
    marks: PartitionMarks,
    egress: Egress,
    tailLost: (position: number, mark: number) => void,
  ): Promise<SlotOwner> {
    const head = await deps.store.acquire(slot);
    const loaded = await loadSlot(deps.store, slot, head, settings, marks);
    const { state } = loaded;
    const seen = Math.max((await deps.marks.read(slot)) ?? 0, marks.groupOffset ?? 0);
    checkPosition(slot, head.position, state.position, seen, marks);
    if (state.position < seen) {
      egress.holdUntil(seen);
      tailLost(state.position, seen);
    }
    if (!(await deps.store.holds(slot, head.lease))) {
      throw new AppError('store-rejected', `slot ${slot.partition} was taken while it was loaded`, {
        retriable: true,
      });
    }
    const { flushedThrough, oneShots } = loaded;
    const retention = { flushedThrough, committedFlushed: flushedThrough, oneShots };
    const owner = new SlotOwner(deps, slot, state, head.lease, retention, egress);
    await owner.submitUnflushed();
    egress.push(state.position, loaded.outbox);
    return owner;
  }

  /**
   * One batch -> one commit. Resolves when it is applied; `state.position` says up to where the batch was folded: one that
   * sets much event-time work free is taken in parts. On any error the owner must be dropped.
   * @param decode gives one input for each entry, in order
   */
  async apply(
    entries: readonly LogEntry[],
    decode: (entries: readonly LogEntry[]) => Input[],
  ): Promise<BatchEffects> {
    return this.alone(async () => {
      const effects = await this.foldAll(entries, decode);
      const ahead = effects.sawAhead ? await this.rowsAhead() : [];
      const outbox = this.outboxOf(effects, entries);
      for (const entry of effects.oneShots) this.retention.oneShots.push(entry);
      // More may reach analytics while the commit is under way: that is not written with it.
      const { flushedThrough } = this.retention;
      await this.commit(
        buildCommit(
          this.slot,
          this.lease,
          this.deps.newCommitId(),
          this.state,
          effects,
          this.retention,
          outbox.map(({ n, record }) => ({ n, bytes: encodeOutbox(record) })),
        ),
      );
      this.committed = this.state.position;
      this.retention.committedFlushed = flushedThrough;
      this.submit(effects, ahead);
      this.egress.push(this.state.position, outbox);
      trimRows(effects.crowded);
      await this.crossCheck(effects.hot);
      this.eviction.downTo(this.deps.cachedSubscribers(this.state));
      return effects;
    });
  }

  /** Has a snapshot written while nothing is committed: batches wait for it, and it for the batch in hand. */
  snapshot<T>(write: (slot: SlotId, lease: SlotLease, state: SlotState) => Promise<T>): Promise<T> {
    return this.alone(() => write(this.slot, this.lease, this.state));
  }

  /** One piece of work on the slot at a time, in the order asked for. */
  private async alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.atWork;
    let done = (): void => undefined;
    this.atWork = new Promise((resolve) => {
      done = resolve;
    });
    await before;
    this.busy = true;
    try {
      return await work();
    } finally {
      this.busy = false;
      done();
    }
  }

  /** Position of the last commit; that of `state` runs ahead of it while a batch is in hand. */
  get committedPosition(): number {
    return this.committed;
  }

  /** A batch is in hand. */
  get isBusy(): boolean {
    return this.busy;
  }

  /** Heartbeat: false when somebody else owns the slot now. Raises the slot mark. */
  async check(): Promise<boolean> {
    if (this.busy) return true;
    const lease = this.lease;
    const position = this.state.position;
    const held = await this.deps.store.holds(this.slot, lease);
    // A commit in the meantime proved ownership better than this answer, which is about an older seq.
    if (this.busy || this.lease !== lease) return true;
    if (held) await this.deps.marks.raise(this.slot, position);
    return held;
  }

  /** Analytics holds all rows with version <= through. */
  flushed(through: number): void {
    this.retention.flushedThrough = Math.max(this.retention.flushedThrough, through);
  }

  /** Nothing of the slot is used after this. Resolves when nothing of it is in flight. */
  async close(): Promise<void> {
    this.deps.flusher.forget(this.slot.partition);
    await this.egress.stop();
  }

  /** Entries of the outbox in order. */
  private outboxOf(
    effects: BatchEffects,
    entries: readonly LogEntry[],
  ): { n: number; record: OutboxRecord }[] {
    const records = [...effects.outbox];
    if (effects.dead.length > 0) {
      const raw = new Map(entries.map((entry) => [entry.offset, entry]));
      for (const dead of effects.dead) {
        records.push({ kind: 'dead-letter', letter: deadLetter(this.slot, dead, raw.get(dead.offset)) });
      }
    }
    return records.map((record) => {
      this.outboxEntries += 1;
      return { n: outboxNumber(this.lease.epoch, this.outboxEntries), record };
    });
  }

  /** Decoded and folded slice by slice: a record is folded while it is still near the processor, and is gone soon after. */
  private async foldAll(
    entries: readonly LogEntry[],
    decode: (entries: readonly LogEntry[]) => Input[],
  ): Promise<BatchEffects> {
    const { state } = this;
    const effects = noEffects();
    // A batch that is taken in parts comes again with each of them.
    const first = entries.findIndex(({ offset }) => offset >= state.position);
    if (first < 0) return effects;
    for (let from = first; from < entries.length; from += SLICE) {
      const slice = entries.slice(from, from + SLICE);
      const inputs = decode(slice);
      const nextOffset = (slice.at(-1)?.offset ?? 0) + 1;
      await this.fold(inputs, nextOffset, effects);
      // Cut: what comes after must not be folded before the rest of this one.
      if (state.position < nextOffset) break;
    }
    return effects;
  }

  private async fold(inputs: readonly Input[], nextOffset: number, effects: BatchEffects): Promise<void> {
    const folding = foldBatch(this.state, inputs, nextOffset, this.deps.calendar, effects);
    let step = folding.next({});
    let isRead = false;
    while (step.done !== true) {
      // Whoever is not in memory is seldom the only one: what the others will ask for is read with the first.
      if (step.value.kind === 'subscribers' && !isRead) {
        isRead = true;
        await this.stored.prefetch(inputs);
      }
      step = folding.next(await this.answer(step.value));
    }
  }

  private async answer(request: FoldRequest): Promise<FoldAnswer> {
    switch (request.kind) {
      case 'confirm': {
        const { rule, facts, holds } = request.confirmation;
        const confirmed = await confirmRule(rule.conditions, facts, rule.named);
        if (confirmed.holds !== holds) this.deps.diverged(rule.key);
        return { confirmed };
      }
      case 'subscribers':
        await this.stored.subscribers(request.ids);
        return {};
      case 'rows':
        await this.stored.rows(request.subscriber, request.keys);
        return {};
      case 'buckets':
        return { ids: await this.stored.buckets(request.buckets) };
    }
  }

  /** Asks json-rules-engine about a few of those whom nothing happened to: it only alarms. */
  private async crossCheck(touched: ReadonlySet<Subscriber>): Promise<void> {
    const { state } = this;
    this.checksDue += touched.size * this.deps.crossCheckRate;
    for (const subscriber of touched) {
      if (this.checksDue < 1) return;
      this.checksDue -= 1;
      if (subscriber.profile === null) continue;
      const facts = factsOf(state, subscriber, planOf(state, subscriber));
      for (const { key } of await crossCheck(state.compiled, facts, subscriber.id)) this.deps.diverged(key);
    }
  }

  /** Sends the commit; on an unknown outcome the same one once more, which its id makes safe. */
  private async commit(commit: SlotCommit): Promise<void> {
    const { store } = this.deps;
    let result;
    try {
      result = await store.commit(commit);
    } catch (error) {
      if (!isAppError(error, 'store-unknown-outcome')) throw error;
      result = await store.commit(commit);
    }
    if (result === 'rejected') {
      throw new AppError('store-rejected', `slot ${this.slot.partition} has another owner`, {
        retriable: true,
      });
    }
    this.lease = { ...this.lease, seq: commit.seq };
  }

  /**
   * Window rows that a torn commit left: the subscriber that is ahead is passed over, so nothing else would tell the slot that
   * they are there, or analytics what they hold. All rows are looked through; torn commits are rare.
   */
  private async rowsAhead(): Promise<WindowTotal[]> {
    const { windows } = this.state;
    const ahead: WindowTotal[] = [];
    for await (const totals of loadAllWindows(this.deps.store, this.slot)) {
      for (const total of totals) {
        if (total.version <= this.committed) continue;
        windows.set(total.startMs, Math.max(windows.get(total.startMs) ?? 0, total.version));
        ahead.push(total);
      }
    }
    return ahead;
  }

  private submit(effects: BatchEffects, ahead: readonly WindowTotal[]): void {
    const { partition } = this.slot;
    const rows = effects.oneShots.map(({ row }) => row);
    const feeds = feedRows(this.state, effects.feeds);
    const batch = toAnalytics(partition, [...ahead, ...effects.windows], rows, feeds);
    this.deps.flusher.submit(partition, batch, this.state.position);
  }

  /** What analytics may not have: chunk by chunk, and only with the last one that everything up to here was submitted. */
  private async submitUnflushed(): Promise<void> {
    const { flushedThrough, oneShots } = this.retention;
    const { partition } = this.slot;
    const { flusher, store } = this.deps;
    for await (const windows of loadUnflushed(store, this.slot, this.state, flushedThrough)) {
      if (windows.length > 0)
        flusher.submit(partition, toAnalytics(partition, windows, [], []), flushedThrough);
    }
    const rows = oneShots.map(({ row }) => row).filter((row) => versionOf(row) > flushedThrough);
    const feeds = [...this.state.feeds.all()].filter(({ version }) => version > flushedThrough);
    const batch = toAnalytics(partition, [], rows, feedRows(this.state, feeds));
    flusher.submit(partition, batch, this.state.position);
  }
}

function feedRows(state: SlotState, feeds: Iterable<NasFeed>): FeedQualityRow[] {
  return [...feeds].map((feed) => toFeedRow(state.partition, feed, nasProfileOf(state.nas, feed.nasId)));
}
