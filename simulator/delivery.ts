import type { AccountingRecord } from '../schemas/accounting-record.ts';
import { EventQueue } from './event-queue.ts';
import { drawTravel, type FaultRates } from './faults.ts';
import type { Random } from './random.ts';
import type { SimSession } from './session.ts';

/** A record as it arrives at the log. */
export interface SimRecord {
  readonly record: AccountingRecord;
  /** Kafka key: subscriber_id, or nas_id of an Accounting-On or -Off */
  readonly key: string;
  /** ms since 1970 UTC; grows along what advance() returns */
  readonly arrivalMs: number;
}

/** Copies and faults made so far. */
export interface DeliveryCounts {
  /** distinct statements of NAS, without copies */
  statements: number;
  exactDuplicates: number;
  retransmissions: number;
  held: number;
  nullEventTimes: number;
}

interface Parcel extends SimRecord {
  readonly session: SimSession | null;
  readonly downBytes: number;
  readonly upBytes: number;
}

/** Settings of the way from a NAS to the log. */
export interface DeliveryOptions {
  readonly random: Random;
  readonly faults: FaultRates;
  readonly interimSeconds: number;
  /** gives a new record_id */
  readonly recordId: () => string;
}

/** Records under way: delays, copies and reordering; hands them out in order of arrival. */
export class Delivery {
  readonly counts: DeliveryCounts = {
    statements: 0,
    exactDuplicates: 0,
    retransmissions: 0,
    held: 0,
    nullEventTimes: 0,
  };
  readonly #options: DeliveryOptions;
  readonly #parcels = new EventQueue<Parcel>();

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /**
   * Sends a record (received_at and acct_delay_seconds are filled in here). `session` null = a NAS event.
   * Feeder and NAS keep one rule that real ones keep too: received_at - acct_delay_seconds is the event's time
   * to within half a second, however late the record is.
   */
  send(statement: AccountingRecord, session: SimSession | null): void {
    const { random, faults, interimSeconds, recordId } = this.#options;
    const travel = drawTravel(random, faults, interimSeconds);
    const eventMs = statement.event_time ?? 0;
    const receivedMs = eventMs + travel.networkMs;
    const record = { ...statement, received_at: receivedMs };
    if (travel.nullEventTime) record.event_time = null;
    const arrivalMs = receivedMs + travel.heldMs;
    this.counts.statements += 1;
    if (travel.nullEventTime) this.counts.nullEventTimes += 1;
    if (travel.heldMs >= 1_000) this.counts.held += 1;
    this.#put(record, session, arrivalMs);
    if (travel.duplicateMs !== null) {
      this.counts.exactDuplicates += 1;
      this.#put(record, session, arrivalMs + travel.duplicateMs);
    }
    if (travel.retransmitMs !== null) {
      this.counts.retransmissions += 1;
      const repeat = {
        ...record,
        record_id: recordId(),
        received_at: receivedMs + travel.retransmitMs,
        acct_delay_seconds: travel.retransmitMs / 1_000,
      };
      this.#put(repeat, session, arrivalMs + travel.retransmitMs);
    }
  }

  /** Everything that arrives up to `toMs`, in order of arrival; counts it as reported. */
  collect(toMs: number): SimRecord[] {
    const arrived: SimRecord[] = [];
    while (this.#parcels.nextMs() <= toMs) {
      const parcel = this.#parcels.pop();
      if (parcel === undefined) break;
      if (parcel.session !== null) report(parcel.session, parcel);
      arrived.push({ record: parcel.record, key: parcel.key, arrivalMs: parcel.arrivalMs });
    }
    return arrived;
  }

  #put(record: AccountingRecord, session: SimSession | null, arrivalMs: number): void {
    const key = session === null ? record.nas_id : record.subscriber_id;
    const counted = session !== null && record.status_type !== 'START' ? session.truth : null;
    const { downBytes, upBytes } = counted ?? { downBytes: 0, upBytes: 0 };
    if (session !== null) session.lastArrivalMs = Math.max(session.lastArrivalMs, arrivalMs);
    this.#parcels.push(arrivalMs, { record, key, arrivalMs, session, downBytes, upBytes });
  }
}

function report({ truth }: SimSession, parcel: Parcel): void {
  truth.records += 1;
  truth.reportedDownBytes = Math.max(truth.reportedDownBytes, parcel.downBytes);
  truth.reportedUpBytes = Math.max(truth.reportedUpBytes, parcel.upBytes);
}
