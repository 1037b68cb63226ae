import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { Control } from '../../schemas/control.ts';
import type { Outcome } from '../../schemas/outcome.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import { ActionOracle } from './action-oracle.ts';
import type { ExpectedAction } from './action-oracle.ts';
import { LocalCalendar } from './local-calendar.ts';
import { chooseSession } from './session-oracle.ts';
import type { OracleClaim, OracleSession } from './session-oracle.ts';
import { spreadOf } from './spread-oracle.ts';

const MINUTE = 60_000;
const HORIZON_MS = 7 * 24 * 60 * MINUTE;

/** One log entry, in log order. The product's decoded inputs fit it. */
export type OracleEntry =
  | { kind: 'usage'; offset: number; appendTimeMs: number; event: UsageEvent }
  | {
      kind: 'control';
      offset: number;
      appendTimeMs: number;
      id: { source: string; n: number };
      control: Control;
    }
  | { kind: 'dead'; offset: number; appendTimeMs: number };

export interface OracleBytes {
  down: bigint;
  up: bigint;
}

/** What one partition's log means. Text keys are JSON arrays. */
export interface Expected {
  /** [subscriber, window start, service class, NAS] -> bytes */
  windows: Map<string, OracleBytes>;
  /** [offset, subscriber, from, to, service class, NAS] -> bytes */
  late: Map<string, OracleBytes>;
  /** [subscriber, cycle start] -> bytes */
  cycles: Map<string, OracleBytes>;
  /** [subscriber, NAS, session id, service, start] -> final totals */
  sessions: Map<string, OracleBytes>;
  outcomes: Map<Outcome, number>;
  recordsIn: number;
  watermarkMs: number;
  /** of one rule "at or above 100 % of the cap, while"; empty without a policy in the log */
  actions: ExpectedAction[];
}

interface OracleSubscriber {
  zone: string;
  anchorDay: number;
  sessions: Map<string, OracleSession[]>;
}

/**
 * The meaning of an ordered log of one partition, computed slowly and plainly from accounting.md (cases 1, 2, 4, 5, 6, 9,
 * 10, 11, 15, 17, 21) with integers of any size. Shares nothing with the product but its vocabulary.
 * Profiles, plans and policies must precede the usage that they concern; top-ups and sub-sessions are not covered.
 */
export function expectedOf(log: readonly OracleEntry[], defaultZone = 'UTC'): Expected {
  const run = new OracleRun(defaultZone);
  for (const entry of log) run.take(entry);
  return run.finish();
}

class OracleRun {
  private readonly calendar = new LocalCalendar();
  private readonly subscribers = new Map<string, OracleSubscriber>();
  private readonly nas = new Map<string, NasProfile>();
  private readonly seenControls = new Map<string, number>();
  private readonly actions = new ActionOracle(this.calendar);
  private readonly defaultZone: string;
  private readonly expected: Expected = {
    windows: new Map(),
    late: new Map(),
    cycles: new Map(),
    sessions: new Map(),
    outcomes: new Map(),
    recordsIn: 0,
    watermarkMs: 0,
    actions: [],
  };

  constructor(defaultZone: string) {
    this.defaultZone = defaultZone;
  }

  take(entry: OracleEntry): void {
    const { expected } = this;
    if (entry.kind === 'control') this.takeControl(entry);
    else {
      expected.recordsIn += 1;
      if (entry.kind === 'dead') this.count('dead-lettered');
      else this.takeRecord(entry);
    }
  }

  finish(): Expected {
    for (const [id, subscriber] of this.subscribers) {
      for (const session of [...subscriber.sessions.values()].flat()) {
        const { nasId, sessionId, service, startMs } = session;
        const key = JSON.stringify([id, nasId, sessionId, service, startMs]);
        // Two sessions may begin in one ms: the second one opened when a late Stop had closed the first.
        const same = this.expected.sessions.get(key) ?? { down: 0n, up: 0n };
        this.expected.sessions.set(key, { down: same.down + session.down, up: same.up + session.up });
      }
    }
    this.expected.actions = this.actions.finish();
    return this.expected;
  }

  private takeControl({ id, control, offset }: Extract<OracleEntry, { kind: 'control' }>): void {
    if (id.n <= (this.seenControls.get(id.source) ?? 0)) return;
    this.seenControls.set(id.source, id.n);
    if (control.kind === 'nas-profile') this.nas.set(control.nas.nasId, control.nas);
    else if (control.kind === 'tick') this.advance(control.t, offset);
    else if (control.kind === 'subscriber-profile') {
      const { subscriberId, zone, anchorDay } = control.profile;
      const subscriber = this.subscriberOf(subscriberId);
      subscriber.zone = zone;
      subscriber.anchorDay = anchorDay;
      this.actions.takeControl(control);
      this.actions.touch(subscriberId, offset);
    } else this.actions.takeControl(control);
  }

  private takeRecord({ event, offset, appendTimeMs }: Extract<OracleEntry, { kind: 'usage' }>): void {
    let atMs: number;
    if (event.eventTimeMs !== null) atMs = event.eventTimeMs;
    else if (event.receivedAtMs !== null) atMs = event.receivedAtMs - 1000 * event.acctDelaySeconds;
    else atMs = appendTimeMs;
    if (atMs > appendTimeMs + 5 * MINUTE) atMs = appendTimeMs;
    else this.advance(atMs - MINUTE, offset);

    if (event.statusType === 'ACCOUNTING_ON' || event.statusType === 'ACCOUNTING_OFF') {
      this.count('nas-event');
      return;
    }
    if (atMs < appendTimeMs - HORIZON_MS) {
      this.count('dead-lettered');
      return;
    }
    this.meter(event, offset, atMs);
    this.actions.touch(event.subscriberId, offset);
  }

  private meter(event: UsageEvent, offset: number, atMs: number): void {
    const claim = this.claimOf(event, atMs);
    const subscriber = this.subscriberOf(event.subscriberId);
    const key = JSON.stringify([event.nasId, event.sessionId, event.serviceName ?? '']);
    const sessions = subscriber.sessions.get(key) ?? [];
    subscriber.sessions.set(key, sessions);
    const horizonMs = this.expected.watermarkMs - HORIZON_MS - 60 * MINUTE;
    const toleranceMs = (this.nas.get(event.nasId)?.startToleranceSeconds ?? 120) * 1000;
    const { session, isNew } = chooseSession(claim, event, sessions, toleranceMs, horizonMs);

    const wasClosedMs = session.closedMs;
    const isLate = wasClosedMs !== null && atMs > wasClosedMs + 10 * MINUTE;
    const before = { down: session.down, up: session.up };
    const fromMs = Math.min(session.lastEventMs, atMs);
    if (claim.down !== null && claim.down > session.down) session.down = claim.down;
    if (claim.up !== null && claim.up > session.up) session.up = claim.up;
    const delta = { down: session.down - before.down, up: session.up - before.up };
    this.count(outcomeOf(session, claim, before, delta, isNew, isLate));
    if (atMs >= session.lastEventMs) {
      session.lastEventMs = atMs;
      session.lastRecord = [claim.status, claim.sessionTime];
    }
    if (claim.status === 'STOP') session.closedMs ??= atMs;
    if (delta.down + delta.up > 0n) this.addUsage(event, session, delta, fromMs, atMs, offset);
  }

  private addUsage(
    event: UsageEvent,
    session: OracleSession,
    delta: OracleBytes,
    fromMs: number,
    toMs: number,
    offset: number,
  ): void {
    const { expected } = this;
    const { zone, anchorDay } = this.subscriberOf(event.subscriberId);
    const cycleOf = (ms: number): { startMs: number; endMs: number } =>
      this.calendar.cycleAt(zone, anchorDay, ms);
    for (const part of spreadOf(delta, fromMs, toMs, expected.watermarkMs, cycleOf)) {
      if (part.down + part.up === 0n) continue;
      const cycle = cycleOf(part.fromMs);
      add(expected.cycles, [event.subscriberId, cycle.startMs], part);
      this.actions.used(event.subscriberId, cycle.startMs, part);
      const row =
        part.windowMs === null
          ? [offset, event.subscriberId, part.fromMs, part.toMs]
          : [event.subscriberId, part.windowMs];
      const rows = part.windowMs === null ? expected.late : expected.windows;
      add(rows, [...row, session.serviceClass, event.nasId], part);
    }
  }

  private claimOf(event: UsageEvent, atMs: number): OracleClaim {
    const profile = this.nas.get(event.nasId);
    const factor = profile?.unit === 'kilobytes' ? 1000n : 1n;
    const input = event.inputOctets === null ? null : BigInt(event.inputOctets) * factor;
    const output = event.outputOctets === null ? null : BigInt(event.outputOctets) * factor;
    const reversed = profile?.reversed === true;
    return {
      status: event.statusType,
      atMs,
      sessionTime: event.sessionTimeSeconds,
      down: reversed ? input : output,
      up: reversed ? output : input,
    };
  }

  private advance(toMs: number, offset: number): void {
    this.expected.watermarkMs = Math.max(this.expected.watermarkMs, toMs);
    this.actions.advance(this.expected.watermarkMs, offset);
  }

  private subscriberOf(id: string): OracleSubscriber {
    const known = this.subscribers.get(id);
    if (known !== undefined) return known;
    const made = { zone: this.defaultZone, anchorDay: 1, sessions: new Map() };
    this.subscribers.set(id, made);
    return made;
  }

  private count(outcome: Outcome): void {
    this.expected.outcomes.set(outcome, (this.expected.outcomes.get(outcome) ?? 0) + 1);
  }
}

function outcomeOf(
  session: OracleSession,
  claim: OracleClaim,
  before: OracleBytes,
  delta: OracleBytes,
  isNew: boolean,
  isLate: boolean,
): Outcome {
  if (delta.down + delta.up > 0n) return isLate ? 'late' : 'metered';
  if (isNew) return 'zero-delta';
  const [status, sessionTime] = session.lastRecord;
  const sameRecord = claim.status === status && claim.sessionTime === sessionTime;
  const sameOctets =
    (claim.down === null || claim.down === before.down) && (claim.up === null || claim.up === before.up);
  if (sameRecord && sameOctets) return 'duplicate';
  return claim.atMs > session.lastEventMs ? 'zero-delta' : 'reordered';
}

function add(to: Map<string, OracleBytes>, key: readonly (string | number)[], bytes: OracleBytes): void {
  const text = JSON.stringify(key);
  const sum = to.get(text) ?? { down: 0n, up: 0n };
  to.set(text, { down: sum.down + bytes.down, up: sum.up + bytes.up });
}
