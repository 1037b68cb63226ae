import type { AccountingRecord } from '../schemas/accounting-record.ts';
import type { SubscriberProfile } from '../schemas/profile.ts';
import { simulatedNas, simulatedSubscriber } from '../simulator/profiles.ts';
import { Random } from '../simulator/random.ts';
import { sessionRecord } from '../simulator/session.ts';

/** Of event time: a round's statements lie in the first four fifths, so that nobody speaks twice in a moment. */
const ROUND_MS = 300_000;
const NAS = 100;

/** What a load is made of. */
export interface SessionLoadOptions {
  seed: number;
  subscribers: number;
  /** ms since 1970 UTC */
  startMs: number;
}

/** One statement. */
export interface Statement {
  /** of its subscriber */
  index: number;
  record: AccountingRecord;
  arrivalMs: number;
}

/**
 * Subscribers with one session each that never ends: a Start in the first round, an interim in each further one. Holds a
 * few numbers of each subscriber only, so that millions fit. The same options give the same statements.
 */
export class SessionLoad {
  /** subscriber ids by index */
  readonly ids: readonly string[];
  /** octets in the statements made so far, by index */
  readonly down: Float64Array;
  readonly up: Float64Array;
  readonly nas = Array.from({ length: NAS }, (_, index) => simulatedNas(index));
  readonly #options: SessionLoadOptions;
  readonly #random: Random;
  readonly #startedMs: Float64Array;
  #rounds = 0;
  #statements = 0;

  constructor(options: SessionLoadOptions) {
    const { seed, subscribers, startMs } = options;
    this.#options = options;
    this.#random = new Random(seed, 'sessions');
    this.ids = Array.from(
      { length: subscribers },
      (_, index) => simulatedSubscriber(seed, index, startMs).profile.subscriberId,
    );
    this.down = new Float64Array(subscribers);
    this.up = new Float64Array(subscribers);
    this.#startedMs = new Float64Array(subscribers);
  }

  /** Profile of one subscriber, made anew with each call. */
  profile(index: number): SubscriberProfile {
    return simulatedSubscriber(this.#options.seed, index, this.#options.startMs).profile;
  }

  /** One statement of everybody, in turn or at random; to be gone through once, before the next round. */
  *round(order: 'in turn' | 'at random'): Generator<Statement> {
    const { subscribers, startMs } = this.#options;
    const indexes = Uint32Array.from({ length: subscribers }, (_, index) => index);
    if (order === 'at random') this.#shuffle(indexes);
    const roundMs = startMs + this.#rounds * ROUND_MS;
    this.#rounds += 1;
    for (let turn = 0; turn < subscribers; turn += 1) {
      const index = indexes[turn] ?? 0;
      const eventMs = roundMs + Math.floor((turn * ROUND_MS * 0.8) / subscribers / 1_000) * 1_000;
      yield { index, record: this.#say(index, eventMs), arrivalMs: eventMs + 250 };
    }
  }

  #say(index: number, eventMs: number): AccountingRecord {
    const isStart = this.#rounds === 1;
    if (isStart) this.#startedMs[index] = eventMs;
    else {
      const down = Math.floor(this.#random.next() * 200_000_000);
      this.down[index] = (this.down[index] ?? 0) + down;
      this.up[index] = (this.up[index] ?? 0) + (down >> 3);
    }
    const nas = this.nas[index % NAS] ?? simulatedNas(0);
    const subscriberId = this.ids[index] ?? '';
    const startMs = this.#startedMs[index] ?? 0;
    const [downBytes, upBytes] = [this.down[index] ?? 0, this.up[index] ?? 0];
    this.#statements += 1;
    const record = sessionRecord(
      {
        truth: {
          subscriberId,
          userName: subscriberId,
          nasId: nas.profile.nasId,
          // As long as the ids of most NAS are.
          sessionId: (index * 2_654_435_761).toString(16).padStart(16, '0'),
          startMs,
          endMs: null,
          end: 'open',
          downBytes,
          upBytes,
          reportedDownBytes: 0,
          reportedUpBytes: 0,
          records: 0,
          speed: { downBps: 0, upBps: 0 },
        },
        // Of the subscriber only the number is asked for: it gives the addresses.
        subscriber: { index, profile: NOBODY, appetite: 'ordinary', utcOffsetHours: 0, devices: 1 },
        nas,
        device: 0,
        startSent: true,
        sendsStop: true,
        countedMs: startMs,
        demand: { downBps: 0, upBps: 0 },
        lastArrivalMs: startMs,
      },
      {
        recordId: `m${String(this.#options.seed)}-${String(this.#statements)}`,
        status: isStart ? 'START' : 'INTERIM_UPDATE',
        eventMs,
        cause: null,
      },
    );
    record.received_at = eventMs + 200;
    return record;
  }

  /** Fisher and Yates. */
  #shuffle(indexes: Uint32Array): void {
    for (let i = indexes.length - 1; i > 0; i -= 1) {
      const j = Math.floor(this.#random.next() * (i + 1));
      const held = indexes[i] ?? 0;
      indexes[i] = indexes[j] ?? 0;
      indexes[j] = held;
    }
  }
}

const NOBODY = simulatedSubscriber(0, 0, 0).profile;
