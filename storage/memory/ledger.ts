import { ACTION_STATES, STATE_KINDS } from '../../schemas/action.ts';
import type { ActionIntent, ActionState, ShadowDecision } from '../../schemas/action.ts';
import { AppError } from '../../schemas/errors.ts';
import type { ClosedCycle, UsageAdjustment } from '../../schemas/usage-record.ts';
import type { ActionLedger, LedgerAction, LedgerBatch, SlotId, SlotMarks } from '../ports.ts';
import { recordedOnly } from '../recorded-only.ts';
import { MemoryDeadLetters } from './dead-letters.ts';
import { MemoryUsageRecords } from './usage-records.ts';

interface Row {
  seq: number;
  intent: ActionIntent;
  state: ActionState;
  detail: string;
  attempts: number;
  createdAtMs: number;
  updatedAtMs: number;
  /** when it may be claimed; null = closed to dispatchers */
  dueMs: number | null;
  owner: string | null;
  supersededBy: string | null;
  /** what analytics holds of it, null = nothing */
  exported: string | null;
}

/** What the memory ledger needs from outside; all optional. */
export interface MemoryLedgerOptions {
  /** raised with every insert, as the Postgres ledger does in its transaction */
  marks?: SlotMarks;
  /** take what the batches hold besides intents; default new ones */
  records?: MemoryUsageRecords;
  deadLetters?: MemoryDeadLetters;
  /** makes the items of closed cycles; default nobody does */
  money?: MoneyInMemory;
  /** ms since 1970 UTC; default the system's clock */
  now?: () => number;
}

/** Who makes the items of closed cycles, as storage/postgres/cycle-close.ts does. Never throws. */
export interface MoneyInMemory {
  /** @param asked blocks that the ledger was ever asked for, of one subscriber */
  settleClosed(
    cycles: readonly ClosedCycle[],
    adjustments: readonly UsageAdjustment[],
    records: MemoryUsageRecords,
    asked: (subscriberId: string) => ActionIntent[],
  ): void;
}

/** The ledger in memory, for simulation and unit tests. Same contract suite as the Postgres one; nothing survives. */
export class MemoryActionLedger implements ActionLedger {
  readonly records: MemoryUsageRecords;
  readonly deadLetters: MemoryDeadLetters;
  /** by id, in the order in which they were stored */
  readonly shadows = new Map<string, ShadowDecision>();
  readonly #marks: SlotMarks | undefined;
  readonly #money: MoneyInMemory | undefined;
  readonly #now: () => number;
  readonly #rows = new Map<string, Row>();
  readonly #ofSubscriber = new Map<string, Row[]>();
  /** rows with a due time, in order of insertion */
  readonly #open = new Set<Row>();

  constructor(options: MemoryLedgerOptions = {}) {
    this.#marks = options.marks;
    this.#money = options.money;
    this.#now = options.now ?? Date.now;
    this.records = options.records ?? new MemoryUsageRecords();
    this.deadLetters = options.deadLetters ?? new MemoryDeadLetters(this.#now);
  }

  async insert(slot: SlotId, position: number, batch: Partial<LedgerBatch>): Promise<string[]> {
    const ids: string[] = [];
    const added = this.records.add(batch.adjustments ?? [], batch.closedCycles ?? []);
    this.deadLetters.put(batch.deadLetters ?? []);
    for (const decision of batch.shadows ?? []) {
      if (!this.shadows.has(decision.id)) this.shadows.set(decision.id, structuredClone(decision));
    }
    for (const intent of batch.intents ?? []) if (this.#add(intent)) ids.push(intent.id);
    this.#money?.settleClosed(added.closedCycles, added.adjustments, this.records, (id) =>
      this.#blocksOf(id),
    );
    await this.#marks?.raise(slot, position);
    return ids;
  }

  claim(owner: string, limit: number, leaseMs: number): Promise<LedgerAction[]> {
    const now = this.#now();
    const claimable = this.#claimable(now);
    const overtaken = claimable.filter((row) => row.supersededBy !== null);
    for (const row of overtaken) {
      this.#set(row, 'superseded', withSuccessor(row.detail, row.supersededBy ?? ''), null);
    }
    const claimed = (overtaken.length === 0 ? claimable : this.#claimable(now)).slice(0, Math.max(0, limit));
    for (const row of claimed) {
      row.attempts += 1;
      this.#set(row, 'sending', row.detail, now + leaseMs);
      row.owner = owner;
    }
    return Promise.resolve(claimed.map(toAction));
  }

  settle(
    owner: string,
    id: string,
    state: ActionState,
    detail: string,
    retryAtMs?: number,
  ): Promise<boolean> {
    if (state === 'sending') throw new AppError('invalid-input', 'an action cannot be settled as sending');
    const row = this.#rows.get(id);
    if (row === undefined || row.state !== 'sending' || row.owner !== owner) return Promise.resolve(false);
    if (row.supersededBy !== null && (state === 'pending' || state === 'unknown' || state === 'held')) {
      this.#set(row, 'superseded', withSuccessor(detail, row.supersededBy), null);
    } else {
      const due =
        state === 'pending' ? (retryAtMs ?? this.#now()) : state === 'unknown' ? (retryAtMs ?? null) : null;
      this.#set(row, state, detail, due);
    }
    return Promise.resolve(true);
  }

  counts(): Promise<Record<ActionState, number>> {
    const counts = Object.fromEntries(ACTION_STATES.map((state) => [state, 0])) as Record<
      ActionState,
      number
    >;
    for (const row of this.#rows.values()) counts[row.state] += 1;
    return Promise.resolve(counts);
  }

  ofSubscriber(subscriberId: string, limit: number): Promise<LedgerAction[]> {
    return Promise.resolve(newest(this.#ofSubscriber.get(subscriberId) ?? [], limit));
  }

  recent(limit: number): Promise<LedgerAction[]> {
    return Promise.resolve(newest([...this.#rows.values()], limit));
  }

  unexported(limit: number): Promise<LedgerAction[]> {
    const changed = [...this.#rows.values()].filter((row) => row.exported !== versionOf(row));
    changed.sort((a, b) => a.updatedAtMs - b.updatedAtMs);
    return Promise.resolve(changed.slice(0, limit).map(toAction));
  }

  markExported(actions: readonly LedgerAction[]): Promise<void> {
    for (const action of actions) {
      const row = this.#rows.get(action.intent.id);
      if (row !== undefined && versionOf(row) === versionOf(action)) row.exported = versionOf(row);
    }
    return Promise.resolve();
  }

  #blocksOf(subscriberId: string): ActionIntent[] {
    const own = this.#ofSubscriber.get(subscriberId) ?? [];
    return own.filter(({ intent }) => intent.kind === 'overage').map(({ intent }) => structuredClone(intent));
  }

  #add(intent: ActionIntent): boolean {
    if (this.#rows.has(intent.id)) return false;
    const now = this.#now();
    const recorded = recordedOnly(intent.disposition);
    const row: Row = {
      seq: this.#rows.size,
      intent: structuredClone(intent),
      state: recorded === null ? 'pending' : 'superseded',
      detail: recorded ?? '',
      attempts: 0,
      createdAtMs: now,
      updatedAtMs: now,
      dueMs: recorded === null ? now : null,
      owner: null,
      supersededBy: null,
      exported: null,
    };
    const siblings = this.#ofSubscriber.get(intent.subscriberId) ?? [];
    if (setsState(intent)) for (const older of siblings) this.#supersede(older, intent.id);
    siblings.push(row);
    this.#ofSubscriber.set(intent.subscriberId, siblings);
    this.#rows.set(intent.id, row);
    if (row.dueMs !== null) this.#open.add(row);
    return true;
  }

  /** What is being sent is only marked: how it ended is not known yet. */
  #supersede(row: Row, by: string): void {
    if (!setsState(row.intent)) return;
    if (row.state === 'sending') row.supersededBy = by;
    if (row.state !== 'pending' && row.state !== 'unknown' && row.state !== 'held') return;
    row.supersededBy = by;
    this.#set(row, 'superseded', withSuccessor(row.detail, by), null);
  }

  #claimable(now: number): Row[] {
    const oldest = new Map<string, Row>();
    for (const row of this.#open) {
      const known = oldest.get(row.intent.subscriberId);
      if (known === undefined || row.seq < known.seq) oldest.set(row.intent.subscriberId, row);
    }
    return [...oldest.values()]
      .filter((row) => row.dueMs !== null && row.dueMs <= now)
      .sort((a, b) => (a.dueMs ?? 0) - (b.dueMs ?? 0) || a.seq - b.seq);
  }

  #set(row: Row, state: ActionState, detail: string, dueMs: number | null): void {
    row.state = state;
    row.detail = detail;
    row.dueMs = dueMs;
    row.owner = null;
    row.updatedAtMs = this.#now();
    if (dueMs === null) this.#open.delete(row);
    else this.#open.add(row);
  }
}

function setsState({ kind }: ActionIntent): boolean {
  return STATE_KINDS.some((one) => one === kind);
}

function versionOf({
  state,
  attempts,
  updatedAtMs,
}: Pick<LedgerAction, 'state' | 'attempts' | 'updatedAtMs'>): string {
  return `${updatedAtMs} ${state} ${attempts}`;
}

function withSuccessor(detail: string, by: string): string {
  return `${detail === '' ? '' : `${detail}; `}superseded by ${by}`;
}

function newest(rows: readonly Row[], limit: number): LedgerAction[] {
  return rows.slice(-limit).reverse().map(toAction);
}

function toAction(row: Row): LedgerAction {
  const { intent, state, detail, attempts, createdAtMs, updatedAtMs } = row;
  return { intent: structuredClone(intent), state, detail, attempts, createdAtMs, updatedAtMs };
}
