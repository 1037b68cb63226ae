import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { recordEncoder } from '../pipeline/decode/encode.ts';
import type { RecordInput } from '../pipeline/decode/encode.ts';
import { encodeControl } from '../pipeline/decode/control-codec.ts';
import type { Input } from '../pipeline/decode/input.ts';
import { compileWriterSchema } from '../pipeline/decode/writer-schema.ts';
import { decodeOutbox } from '../pipeline/commit/outbox-codec.ts';
import { Worker } from '../pipeline/commit/worker.ts';
import { ACCOUNTING_SCHEMA_TEXT } from '../pipeline/source/accounting-schema.ts';
import { CycleCalendar } from '../rules/cycle.ts';
import type { UsageEvent } from '../schemas/accounting-record.ts';
import { formatControlId } from '../schemas/control.ts';
import { AppError, isAppError } from '../schemas/errors.ts';
import type { OutboxRecord } from '../schemas/outbox.ts';
import { MemoryActionLedger } from '../storage/memory/ledger.ts';
import { MemorySlotMarks } from '../storage/memory/slot-marks.ts';
import { MemoryStateStore } from '../storage/memory/state-store.ts';
import type { MemoryStateStoreOptions } from '../storage/memory/state-store.ts';
import type { AnalyticsBatch } from '../storage/analytics-ports.ts';
import type { LogEntry } from '../storage/ports.ts';
import { SETTINGS } from './factories.ts';

const encodeRecord = recordEncoder(ACCOUNTING_SCHEMA_TEXT, 'bare');
const BARE = compileWriterSchema(ACCOUNTING_SCHEMA_TEXT, ACCOUNTING_SCHEMA_TEXT);
export const SLOT = { group: 'weir', topic: 'accounting', partition: 0 };

/** What a feeder would send for this event. */
export function recordOf(event: UsageEvent): RecordInput {
  return {
    record_id: 'r',
    feed_id: event.feedId,
    multi_session_id: event.multiSessionId,
    parent_session_id: event.parentSessionId,
    class: event.radiusClass,
    ipv6_input_octets: event.ipv6InputOctets,
    ipv6_output_octets: event.ipv6OutputOctets,
    status_type: event.statusType,
    subscriber_id: event.subscriberId,
    user_name: event.userName,
    session_id: event.sessionId,
    nas_id: event.nasId,
    nas_ip: event.nasIp,
    framed_ip: event.framedIp,
    service_name: event.serviceName,
    service_class: event.serviceClass,
    event_time: event.eventTimeMs,
    received_at: event.receivedAtMs,
    acct_delay_seconds: event.acctDelaySeconds,
    input_octets: event.inputOctets,
    output_octets: event.outputOctets,
    session_time: event.sessionTimeSeconds,
    terminate_cause: event.terminateCause,
  };
}

/** The log entries that decode to these inputs. */
export function entriesOf(inputs: readonly Input[]): LogEntry[] {
  return inputs.map((input): LogEntry => {
    const { offset, appendTimeMs } = input;
    if (input.kind === 'usage') {
      return { offset, appendTimeMs, key: null, control: null, value: encodeRecord(recordOf(input.event)) };
    }
    if (input.kind === 'control') {
      const control = formatControlId(input.id);
      return { offset, appendTimeMs, key: null, control, value: encodeControl(input.control) };
    }
    return { offset, appendTimeMs, key: null, control: null, value: input.value };
  });
}

class RigLedger extends MemoryActionLedger {
  isDown = false;

  override async insert(...given: Parameters<MemoryActionLedger['insert']>): Promise<string[]> {
    if (this.isDown) throw new AppError('unreachable', 'the ledger is down', { retriable: true });
    return super.insert(...given);
  }
}

/** Real workers on memory stores, fed by hand. All workers of a rig share its stores, as processes share servers. */
export class WorkerRig {
  readonly store: MemoryStateStore;
  readonly ledger = new RigLedger();
  readonly marks = new MemorySlotMarks();
  readonly submitted: AnalyticsBatch[] = [];
  readonly dropped: unknown[] = [];
  /** controls that slots gave to every partition */
  readonly told: Extract<OutboxRecord, { kind: 'control' }>[] = [];
  /** subscribers that stay in memory; few = nearly everything is read again */
  cachedSubscribers = 1_000_000;
  crossCheckRate = 0.01;
  settings = SETTINGS;
  private readonly entries: readonly LogEntry[];

  constructor(inputs: readonly Input[], options: MemoryStateStoreOptions = {}) {
    this.entries = entriesOf(inputs);
    this.store = new MemoryStateStore(options);
  }

  worker(): Worker {
    const nothing = (): void => undefined;
    return new Worker(
      {
        store: this.store,
        marks: this.marks,
        ledger: this.ledger,
        tell: async (controls) => {
          this.told.push(...controls);
        },
        newCommitId: randomUUID,
        flusher: { submit: (_partition, rows) => this.submitted.push(rows), forget: nothing },
        calendar: new CycleCalendar(),
        crossCheckRate: this.crossCheckRate,
        diverged: (rule) => {
          throw new Error(`${rule}: json-rules-engine says otherwise than the compiled rule`);
        },
        resolveSchemas: async () => ({ byId: new Map(), byFingerprint: new Map(), bare: BARE }),
        events: {
          opened: nothing,
          committed: nothing,
          dropped: (_partition, error) => this.dropped.push(error),
          halted: nothing,
          tailLost: nothing,
          intentsStored: nothing,
          egressFailed: nothing,
        },
        nowMs: () => 0,
        pause: () => setImmediate(),
      },
      {
        group: SLOT.group,
        topic: SLOT.topic,
        settings: this.settings,
        maxRecordBytes: 65_536,
        maxWaitingIntents: 1000,
        cachedSubscribers: () => this.cachedSubscribers,
      },
    );
  }

  async open(worker: Worker): Promise<number> {
    return worker.open(0, { low: 0, high: this.entries.length, groupOffset: null });
  }

  /** One batch as the source would deliver it; retriable errors give the position to deliver from again. */
  async deliver(worker: Worker, from: number, size: number): Promise<number> {
    const entries = this.entries.slice(from, from + size);
    try {
      return await worker.batch({ partition: 0, entries, highWatermark: this.entries.length });
    } catch (error) {
      if (!isAppError(error) || !error.retriable) throw error;
      return from;
    }
  }

  /** Everything from the stored position on, in batches of the sizes that `size` gives; restarts where `restart` says so. */
  async run(size: () => number, restart: () => boolean = () => false): Promise<void> {
    let worker = this.worker();
    let position = await this.open(worker);
    for (let step = 0; position < this.entries.length; step += 1) {
      if (step > 20 * this.entries.length) throw new Error('no progress');
      if (restart()) {
        await worker.close(0);
        worker = this.worker();
        position = await this.open(worker);
      }
      position = await this.deliver(worker, position, size());
    }
    await worker.close(0);
  }

  /** Everything that left or waits in the outbox. */
  async left(): Promise<OutboxRecord[]> {
    const waiting = (await this.store.readOutbox(SLOT)).map(({ bytes }) => decodeOutbox(bytes));
    const stored = (await this.ledger.recent(100_000)).map(({ intent }) => intent);
    const adjustments = [];
    for await (const page of this.ledger.records.allAdjustments()) adjustments.push(...page);
    const cycles = [];
    for await (const page of this.ledger.records.allClosedCycles()) cycles.push(...page);
    const letters = await this.ledger.deadLetters.list(ANY_LETTER, 100_000, null);
    const shadows = [...this.ledger.shadows.values()];
    return [
      ...waiting,
      ...stored.map((intent) => ({ kind: 'action' as const, intent })),
      ...adjustments.map((adjustment) => ({ kind: 'adjustment' as const, adjustment })),
      ...cycles.map((cycle) => ({ kind: 'closed-cycle' as const, cycle })),
      ...letters.map((letter) => ({ kind: 'dead-letter' as const, letter })),
      ...shadows.map((decision) => ({ kind: 'shadow' as const, decision })),
      ...this.told,
    ];
  }

  /** What left, by name: equal for equal logs. */
  async names(): Promise<string[]> {
    return [...new Set((await this.left()).map(nameOf))].sort();
  }

  /** Ids of all actions that left or wait in the outbox. */
  async actionIds(): Promise<string[]> {
    const ids = (await this.left()).flatMap((record) => (record.kind === 'action' ? [record.intent.id] : []));
    return [...new Set(ids)].sort();
  }
}

const ANY_LETTER = { reason: null, partition: null, nasId: null, fromMs: null, toMs: null, replayed: null };

function nameOf(record: OutboxRecord): string {
  switch (record.kind) {
    case 'action':
      return `action ${record.intent.id}`;
    case 'adjustment':
      return `adjustment ${JSON.stringify(record.adjustment)}`;
    case 'closed-cycle':
      return `cycle ${JSON.stringify(record.cycle)}`;
    case 'dead-letter':
      return `letter ${record.letter.offset}`;
    case 'shadow':
      return `shadow ${record.decision.id} ${JSON.stringify(record.decision)}`;
    case 'control':
      return `control ${JSON.stringify([record.id, record.control])}`;
  }
}
