import type { AccountingRecord } from '../schemas/accounting-record.ts';
import type { SimRecord } from './delivery.ts';
import { EventQueue } from './event-queue.ts';
import { simulatedNas, simulatedSubscriber, type SimSubscriber } from './profiles.ts';
import { Random } from './random.ts';
import { sessionRecord, type SimSession } from './session.ts';

/** What a load is made of. */
export interface LoadOptions {
  readonly seed: number;
  readonly subscribers: number;
  /** how many records there will be, copies included */
  readonly records: number;
  /** share of statements that come twice, half of them as retransmissions with another record_id */
  readonly duplicates: number;
  /** share of statements that are held back, up to three interims */
  readonly reordering: number;
  /** ms since 1970 UTC */
  readonly startMs: number;
  /** default 300 */
  readonly interimSeconds?: number;
  /** default 4 */
  readonly nasCount?: number;
  /** interims of a session; default 20 */
  readonly interims?: number;
}

/** Records, and what they must add up to. */
export interface Load {
  /** exactly `records` of them, in order of arrival; can be gone through once */
  readonly records: Iterable<SimRecord>;
  readonly subscribers: readonly SimSubscriber[];
  /** octets by subscriber_id in the statements made so far; every statement has been handed out at the end */
  readonly totals: ReadonlyMap<string, { downBytes: number; upBytes: number }>;
}

interface Line {
  readonly subscriber: SimSubscriber;
  readonly total: { downBytes: number; upBytes: number };
  session: SimSession | null;
  /** statements made of the session */
  said: number;
  sessions: number;
}

/**
 * A dense, even load for throughput runs and large integration tests: every subscriber has one line whose sessions
 * (a Start, interims, a Stop) follow each other without end; all say something once an interim, in turn. No model of
 * days, CoA or NAS: five times faster than a Provider. The same options give the same records.
 */
export function generateRecords(options: LoadOptions): Load {
  const lines = Array.from({ length: options.subscribers }, (_, index): Line => {
    const subscriber = simulatedSubscriber(options.seed, index, options.startMs);
    return { subscriber, total: { downBytes: 0, upBytes: 0 }, session: null, said: 0, sessions: 0 };
  });
  return {
    records: emit(options, lines),
    subscribers: lines.map(({ subscriber }) => subscriber),
    totals: new Map(lines.map(({ subscriber, total }) => [subscriber.profile.subscriberId, total])),
  };
}

function* emit(options: LoadOptions, lines: readonly Line[]): Generator<SimRecord> {
  const { records, subscribers, duplicates, reordering, startMs, interimSeconds = 300 } = options;
  const random = new Random(options.seed, 'load');
  const speaker = new Speaker(options, random);
  /** Held records and second copies, by the number of records after which they come. */
  const later = new EventQueue<AccountingRecord>();
  let arrivalMs = startMs;
  let statements = 0;
  for (let sent = 0; sent < records; sent += 1) {
    const rest = records - sent;
    const due = later.nextMs() <= sent || later.size >= rest ? later.pop() : undefined;
    if (due !== undefined) {
      yield { record: due, key: due.subscriber_id, arrivalMs };
      continue;
    }
    const turn = statements % subscribers;
    const line = lines[turn];
    if (line === undefined) return;
    const round = (statements - turn) / subscribers;
    const eventMs =
      startMs + (round * interimSeconds + Math.floor((turn * interimSeconds) / subscribers)) * 1_000;
    statements += 1;
    const record = speaker.say(line, turn, eventMs);
    arrivalMs = eventMs + 250;
    const afterwards = sent + 1 + Math.floor(random.next() * 3 * subscribers);
    const copied = random.chance(duplicates);
    const held = random.chance(reordering);
    if (copied && later.size + 2 <= rest)
      later.push(afterwards, random.chance(0.5) ? record : speaker.repeat(record));
    if (held && !copied && later.size + 1 < rest) {
      later.push(afterwards, record);
      sent -= 1;
      continue;
    }
    yield { record, key: record.subscriber_id, arrivalMs };
  }
}

/** Makes statements of lines. */
class Speaker {
  readonly #options: LoadOptions;
  readonly #random: Random;
  readonly #nas;
  readonly #length: number;
  #ids = 0;

  constructor(options: LoadOptions, random: Random) {
    this.#options = options;
    this.#random = random;
    this.#nas = Array.from({ length: options.nasCount ?? 4 }, (_, index) => simulatedNas(index));
    this.#length = (options.interims ?? 20) + 2;
  }

  /** The next statement of a line; raises its totals. */
  say(line: Line, turn: number, eventMs: number): AccountingRecord {
    // The first sessions are of all lengths, so that Starts and Stops are spread evenly.
    const length = line.sessions === 1 ? 2 + ((turn * 7) % (this.#length - 1)) : this.#length;
    const session = line.session ?? this.#open(line, turn, eventMs);
    line.session = session;
    line.said += 1;
    if (line.said === 1) return this.#statement(session, 'START', eventMs);
    const down = Math.floor(this.#random.next() * 200_000_000);
    const up = down >> 3;
    session.truth.downBytes += down;
    session.truth.upBytes += up;
    line.total.downBytes += down;
    line.total.upBytes += up;
    if (line.said < length) return this.#statement(session, 'INTERIM_UPDATE', eventMs);
    line.session = null;
    line.said = 0;
    return this.#statement(session, 'STOP', eventMs);
  }

  /** The same statement as a NAS without an answer sends it again. */
  repeat(record: AccountingRecord): AccountingRecord {
    const delaySeconds = 5;
    return {
      ...record,
      record_id: this.#id(),
      acct_delay_seconds: delaySeconds,
      received_at: (record.received_at ?? 0) + delaySeconds * 1_000,
    };
  }

  #statement(
    session: SimSession,
    status: 'START' | 'INTERIM_UPDATE' | 'STOP',
    eventMs: number,
  ): AccountingRecord {
    const cause = status === 'STOP' ? 'User-Request' : null;
    const record = sessionRecord(session, { recordId: this.#id(), status, eventMs, cause });
    record.received_at = eventMs + 200;
    return record;
  }

  #open(line: Line, turn: number, startMs: number): SimSession {
    const nas = this.#nas[turn % this.#nas.length] ?? simulatedNas(0);
    const { subscriberId, userName } = line.subscriber.profile;
    line.sessions += 1;
    return {
      truth: {
        subscriberId,
        userName,
        nasId: nas.profile.nasId,
        sessionId: `${turn.toString(16)}-${line.sessions}`,
        startMs,
        endMs: null,
        end: 'open',
        downBytes: 0,
        upBytes: 0,
        reportedDownBytes: 0,
        reportedUpBytes: 0,
        records: 0,
        speed: { downBps: 0, upBps: 0 },
      },
      subscriber: line.subscriber,
      nas,
      device: 0,
      startSent: true,
      sendsStop: true,
      countedMs: startMs,
      demand: { downBps: 0, upBps: 0 },
      lastArrivalMs: startMs,
    };
  }

  #id(): string {
    this.#ids += 1;
    return `l${this.#options.seed}-${this.#ids}`;
  }
}
