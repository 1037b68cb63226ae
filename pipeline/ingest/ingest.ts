import { randomUUID } from 'node:crypto';
import type { AccountingRecord } from '../../schemas/accounting-record.ts';
import { partitionOf } from '../../schemas/partitioning.ts';
import type { SubscriberLookup } from '../../storage/people-ports.ts';
import type { LogAppend, LogWriter } from '../../storage/ports.ts';
import { recordEncoder } from '../decode/encode.ts';
import { AppendQueue } from './append-queue.ts';
import { avroReader } from './from-avro.ts';
import type { ReadBody } from './from-avro.ts';
import { jsonReader } from './from-body.ts';
import type { RadiusOptions } from './from-radius.ts';
import type { Arrival } from './read-record.ts';
import { isOfSession, recordProblem } from './record-problem.ts';
import { SubscriberNames } from './subscriber-names.ts';

/** Largest request, bytes; a container file may inflate to so much. */
export const MAX_INGEST_BYTES = 1024 * 1024;
/** Most records of a request. */
export const MAX_INGEST_RECORDS = 2_000;
/** Requests are refused while so much waits for the log. */
const MAX_HELD_RECORDS = 20_000;
const MAX_HELD_BYTES = 16 * 1024 * 1024;
/** Shorter than the time-out that docs/feeds.md sets in FreeRADIUS. */
const MAX_WAIT_MS = 5_000;

/** What came in one request. */
export type IngestBody =
  /** `eventTime`: seconds since 1970 as text, said beside a RADIUS packet */
  | { form: 'json'; value: unknown; byteLength: number; eventTime: string | null }
  | { form: 'avro'; bytes: Buffer };

/** One record that can not be taken; index from 0 in the order of the request. */
export interface RecordFault {
  index: number;
  detail: string;
}

/** What became of a request. Nothing of it is in the log unless it is 'stored'. */
export type IngestOutcome =
  | { kind: 'stored'; records: number; ignored: number }
  | { kind: 'refused'; faults: RecordFault[] }
  /** the body as a whole can not be read, or is beyond the limits */
  | { kind: 'unreadable'; detail: string; tooLarge: boolean }
  /** so much waits for the log that no more is taken */
  | { kind: 'busy' };

/** Hears what becomes of requests; for metrics and the log of the process. */
export interface IngestObserver {
  ended(result: IngestOutcome['kind'] | 'failed'): void;
  records(result: 'stored' | 'ignored' | 'refused', count: number): void;
  /** a request was 'refused' or 'unreadable'; the detail holds no value of a record */
  refused(feedId: string, detail: string): void;
}

/** What ingest needs. */
export interface IngestOptions {
  writer: Pick<LogWriter, 'append' | 'partitionCount'>;
  lookup: SubscriberLookup;
  /** text of accounting-record.avsc */
  accountingText: string;
  radius: RadiusOptions;
  /** larger records are refused: they would be dead letters. Bytes. */
  maxRecordBytes: number;
  observer?: IngestObserver;
  limits?: { maxHeldRecords?: number; maxHeldBytes?: number; maxWaitMs?: number };
  now?: () => number;
}

/**
 * Takes accounting records from requests into the log, in the same form and partitions as every other feeder. All records
 * of a request or none; sending a request again is harmless, as the meter knows duplicates.
 */
export class Ingest {
  readonly #options: IngestOptions;
  readonly #queue: AppendQueue;
  readonly #names: SubscriberNames;
  readonly #encode: (record: AccountingRecord) => Uint8Array;
  readonly #readJson: ReturnType<typeof jsonReader>;
  readonly #readAvro: ReturnType<typeof avroReader>;
  #partitions: Promise<number> | null = null;

  constructor(options: IngestOptions) {
    const { accountingText, limits, writer, lookup, now } = options;
    this.#options = options;
    this.#queue = new AppendQueue({
      writer,
      maxRecords: limits?.maxHeldRecords ?? MAX_HELD_RECORDS,
      maxBytes: limits?.maxHeldBytes ?? MAX_HELD_BYTES,
      maxWaitMs: limits?.maxWaitMs ?? MAX_WAIT_MS,
    });
    this.#names = new SubscriberNames(lookup, now);
    this.#encode = recordEncoder(accountingText, 'single-object');
    this.#readJson = jsonReader(accountingText, options.radius, MAX_INGEST_RECORDS);
    this.#readAvro = avroReader(accountingText, {
      maxRecords: MAX_INGEST_RECORDS,
      maxBytes: MAX_INGEST_BYTES,
    });
  }

  /** True while requests are 'busy': a caller that asks before it reads a body answers so and does not call `take`. */
  turnsAway(): boolean {
    if (this.#queue.isFull) this.#options.observer?.ended('busy');
    return this.#queue.isFull;
  }

  /** Records that wait for the log. */
  get heldRecords(): number {
    return this.#queue.heldRecords;
  }

  /**
   * Resolves when all records of the request are durable in the log, or nothing of it was taken.
   *
   * @param feedId becomes the records' feed_id
   * @throws AppError of the directory or the log ('unreachable', 'timeout', 'log-append-failed'): send it again
   */
  async take(feedId: string, body: IngestBody): Promise<IngestOutcome> {
    const { observer } = this.#options;
    try {
      const outcome = await this.#take(feedId, body);
      observer?.ended(outcome.kind);
      if (outcome.kind === 'refused') observer?.refused(feedId, outcome.faults[0]?.detail ?? '');
      if (outcome.kind === 'unreadable') observer?.refused(feedId, outcome.detail);
      return outcome;
    } catch (error) {
      observer?.ended('failed');
      throw error;
    }
  }

  async #take(feedId: string, body: IngestBody): Promise<IngestOutcome> {
    const { observer } = this.#options;
    if (this.#queue.isFull) return { kind: 'busy' };
    const read = this.#read(feedId, body);
    if (!read.ok) return { kind: 'unreadable', detail: read.detail, tooLarge: read.tooLarge };
    const faults = this.#faults(read);
    if (faults.length > 0) {
      observer?.records('refused', read.records.length);
      return { kind: 'refused', faults };
    }
    const records = read.records.flatMap((one) => (one.kind === 'record' ? [one.record] : []));
    if (records.length > 0) await this.#store(records, byteLength(body));
    const ignored = read.records.length - records.length;
    observer?.records('stored', records.length);
    observer?.records('ignored', ignored);
    return { kind: 'stored', records: records.length, ignored };
  }

  #read(feedId: string, body: IngestBody): ReadBody {
    const receivedAtMs = (this.#options.now ?? Date.now)();
    const arrival: Arrival = { feedId, receivedAtMs, newRecordId: randomUUID };
    return body.form === 'json'
      ? this.#readJson(body.value, arrival, body.eventTime)
      : this.#readAvro(body.bytes, arrival);
  }

  /** Everything that would make a dead letter of a record is a fault now, while somebody can still mend it. */
  #faults({ records }: Extract<ReadBody, { ok: true }>): RecordFault[] {
    const faults: RecordFault[] = [];
    for (const [index, one] of records.entries()) {
      if (one.kind === 'fault') faults.push({ index, detail: one.detail });
      if (one.kind !== 'record') continue;
      const { record } = one;
      const subscriberId = record.subscriber_id === '' ? fallbackId(record) : record.subscriber_id;
      const detail = recordProblem(record, subscriberId, this.#encode, this.#options.maxRecordBytes);
      if (detail !== null) faults.push({ index, detail });
    }
    return faults;
  }

  async #store(records: AccountingRecord[], bytes: number): Promise<void> {
    const held = this.#queue.hold(records.length, bytes);
    let entries: LogAppend[];
    try {
      await this.#nameSubscribers(records);
      const partitions = await this.#partitionCount();
      entries = records.map((record) => {
        const key = Buffer.from(isOfSession(record) ? record.subscriber_id : record.nas_id, 'utf8');
        return { partition: partitionOf(key, partitions), key, value: this.#encode(record) };
      });
    } catch (error) {
      held.release();
      throw error;
    }
    await this.#queue.append(entries, held);
  }

  /** Chargeable-User-Identity, else the profile with the user name, else the name itself. */
  async #nameSubscribers(records: AccountingRecord[]): Promise<void> {
    const unnamed = records.filter((record) => record.subscriber_id === '' && isOfSession(record));
    const names = unnamed.flatMap(({ chargeable_user_identity: identity, user_name: name }) =>
      identity === null && name !== null ? [name] : [],
    );
    const found = await this.#names.resolve(names);
    for (const record of unnamed) {
      const byName = record.chargeable_user_identity === null ? found.get(record.user_name ?? '') : null;
      record.subscriber_id = byName ?? fallbackId(record);
    }
  }

  /** Pinned once the log exists: asked once. */
  #partitionCount(): Promise<number> {
    this.#partitions ??= this.#options.writer.partitionCount();
    this.#partitions.catch(() => (this.#partitions = null));
    return this.#partitions;
  }
}

/** Chargeable-User-Identity, or the id of whoever no profile names: metered, listed as unassigned. */
function fallbackId(record: AccountingRecord): string {
  if (!isOfSession(record)) return '';
  if (record.chargeable_user_identity !== null) return record.chargeable_user_identity;
  return record.user_name === null ? '' : `user:${record.user_name}`;
}

function byteLength(body: IngestBody): number {
  return body.form === 'json' ? body.byteLength : body.bytes.length;
}
