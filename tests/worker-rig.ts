import { setImmediate } from 'node:timers/promises';
import { recordEncoder } from '../pipeline/decode/encode.ts';
import type { RecordInput } from '../pipeline/decode/encode.ts';
import { encodeControl } from '../pipeline/decode/control-codec.ts';
import type { Input } from '../pipeline/decode/input.ts';
import { compileWriterSchema } from '../pipeline/decode/writer-schema.ts';
import { Worker } from '../pipeline/commit/worker.ts';
import { ACCOUNTING_SCHEMA_TEXT } from '../pipeline/source/accounting-schema.ts';
import { CycleCalendar } from '../rules/cycle.ts';
import type { UsageEvent } from '../schemas/accounting-record.ts';
import type { ActionIntent } from '../schemas/action.ts';
import { formatControlId } from '../schemas/control.ts';
import { AppError, isAppError } from '../schemas/errors.ts';
import type { DeadLetter } from '../schemas/outcome.ts';
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

function recordOf(event: UsageEvent): RecordInput {
  return {
    record_id: 'r',
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
  readonly letters = new Map<number, DeadLetter>();
  readonly submitted: AnalyticsBatch[] = [];
  readonly dropped: unknown[] = [];
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
        deadLetters: {
          put: async (letters) => letters.forEach((letter) => this.letters.set(letter.offset, letter)),
        },
        flusher: { submit: (_partition, rows) => this.submitted.push(rows), forget: nothing },
        calendar: new CycleCalendar(),
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
        settings: SETTINGS,
        maxRecordBytes: 65_536,
        maxWaitingIntents: 1000,
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

  /** Ids of all actions that left or wait in the outbox. */
  async actionIds(): Promise<string[]> {
    const { outbox } = await this.store.acquire(SLOT);
    const waiting = outbox.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()) as ActionIntent);
    const stored = (await this.ledger.recent(100_000)).map(({ intent }) => intent);
    return [...new Set([...stored, ...waiting].map(({ id }) => id))].sort();
  }
}
