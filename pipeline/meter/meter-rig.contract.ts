import type { UsageEvent } from '../../schemas/accounting-record.ts';
import { defaultNasProfile } from '../../schemas/profile.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import { newSubscriber } from '../fold/slot-state.ts';
import type { Bytes, ClassTotal, Session, Subscriber } from '../fold/slot-state.ts';
import { SETTINGS } from '../../tests/factories.ts';
import type { MeterContext, SessionClaim } from './claim.ts';
import { claimOf } from './claim.ts';
import { meterRecord } from './meter.ts';
import type { Metered } from './meter.ts';
import { openSession } from './open-session.ts';

/** 2026-07-10 12:00:00 UTC. */
export const NOON = Date.UTC(2026, 6, 10, 12);
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A line on which nothing is absurd. */
export const FAST = { down: 1e15, up: 1e15 };

/** One record: minutes after noon, session time in seconds, totals [down, up] or none. */
export interface Report {
  at: number;
  kind?: 'start' | 'interim' | 'stop';
  time?: number | null;
  totals?: readonly [down: number | null, up: number | null];
  fields?: Partial<UsageEvent>;
}

export function usage(fields: Partial<UsageEvent> = {}): UsageEvent {
  return {
    feedId: 'feed-1',
    statusType: 'INTERIM_UPDATE',
    subscriberId: 'sub-1',
    userName: 'alice',
    sessionId: 's1',
    multiSessionId: null,
    parentSessionId: null,
    nasId: 'nas-1',
    nasIp: null,
    framedIp: null,
    serviceName: null,
    serviceClass: null,
    radiusClass: null,
    eventTimeMs: NOON,
    receivedAtMs: null,
    acctDelaySeconds: 0,
    inputOctets: null,
    outputOctets: null,
    ipv6InputOctets: null,
    ipv6OutputOctets: null,
    sessionTimeSeconds: null,
    terminateCause: null,
    ...fields,
  };
}

export function nasProfile(fields: Partial<NasProfile> = {}): NasProfile {
  return { ...defaultNasProfile('nas-1'), ...fields };
}

export function meterContext(fields: Partial<MeterContext> = {}): MeterContext {
  const nas = fields.nas ?? nasProfile();
  return {
    nas,
    groupOf: () => nas.redundancyGroup ?? '',
    countFromMs: null,
    atMs: NOON,
    watermarkMs: NOON - MINUTE,
    acceptLatenessMs: 7 * DAY,
    lineBps: FAST,
    ...fields,
  };
}

/** A claim as a record's meter reads it, with what a test says otherwise. */
export function sessionClaim(fields: Partial<SessionClaim> = {}, nas = nasProfile()): SessionClaim {
  return { ...claimOf(usage(), meterContext({ nas })), ...fields };
}

export function emptySubscriber(): Subscriber {
  return { ...newSubscriber('sub-1', SETTINGS), bucket: 0 };
}

/** An open session begun at noon whose last event was an hour later. */
export function openedSession(fields: Partial<Session> = {}): Session {
  const made = openSession(sessionClaim(), usage(), NOON, true, meterContext());
  const level = fields.level ?? { down: 1000, up: 100 };
  return {
    ...made,
    lastEventMs: NOON + HOUR,
    lastSessionTime: 3600,
    level,
    counted: { ...level },
    ...fields,
  };
}

export function closedSession(fields: Partial<Session> = {}): Session {
  return openedSession({ closedMs: NOON + HOUR, closedBy: 'stop', ...fields });
}

/** Meters records of one subscriber one after the other and keeps what came of them. */
export class MeterRig {
  readonly subscriber = emptySubscriber();
  readonly metered: Metered[] = [];
  readonly sum: Bytes = { down: 0, up: 0 };
  readonly shares = new Map<string, Bytes>();
  private readonly context: Partial<MeterContext>;
  private watermarkMs = 0;

  constructor(context: Partial<MeterContext> = {}) {
    this.context = context;
  }

  /** Its NAS profile is the rig's. A refused record throws: a test of refusals calls the meter itself. */
  report({ at, kind = 'interim', time = null, totals = [null, null], fields = {} }: Report): Metered {
    const atMs = NOON + at * MINUTE;
    this.watermarkMs = Math.max(this.watermarkMs, atMs - MINUTE);
    const statusType = kind === 'start' ? 'START' : kind === 'stop' ? 'STOP' : 'INTERIM_UPDATE';
    const [outputOctets, inputOctets] = totals;
    const event = usage({
      statusType,
      eventTimeMs: atMs,
      outputOctets,
      inputOctets,
      sessionTimeSeconds: time,
      ...fields,
    });
    const context = meterContext({ ...this.context, atMs, watermarkMs: this.watermarkMs });
    const metered = meterRecord(this.subscriber, event, context);
    if ('reason' in metered) throw new Error(`refused: ${metered.detail}`);
    this.note(metered);
    return metered;
  }

  /** All of them in order; what each was. */
  all(reports: readonly Report[]): string[] {
    return reports.map((report) => {
      const { outcome, flags } = this.report(report);
      return [outcome, ...flags].join(' ');
    });
  }

  /** Every session, open or not. */
  get sessions(): Session[] {
    return [...this.subscriber.tombstones, ...this.subscriber.sessions];
  }

  private note(metered: Metered): void {
    this.metered.push(metered);
    add(this.sum, metered.delta);
    for (const share of metered.shares) add(this.classTotal(share), share);
  }

  private classTotal({ serviceClass }: ClassTotal): Bytes {
    const known = this.shares.get(serviceClass) ?? { down: 0, up: 0 };
    this.shares.set(serviceClass, known);
    return known;
  }
}

function add(to: Bytes, { down, up }: Bytes): void {
  to.down += down;
  to.up += up;
}
