import type { UsageEvent } from '../../schemas/accounting-record.ts';
import { STATUS_TYPES } from '../../schemas/accounting-record.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import type { Session } from '../fold/slot-state.ts';
import { unitFactor, wrapOf } from './nas-profile.ts';

/** What the meter must know besides the record and the subscriber. Times in ms since 1970 UTC. */
export interface MeterContext {
  nas: NasProfile;
  /** redundancy group of a NAS by its profile in force, '' = on its own */
  groupOf: (nasId: string) => string;
  /** sessions that began before and are unknown are baselined (case 12); null = charge all */
  countFromMs: number | null;
  /** time of the record (case 15) */
  atMs: number;
  watermarkMs: number;
  acceptLatenessMs: number;
  /** speed of the subscriber's line, bit/s (case 20) */
  lineBps: { down: number; up: number };
}

/** What a record says of its session, in octets as the subscriber sees them. */
export interface SessionClaim {
  nasId: string;
  /** redundancy group of the NAS, '' = on its own */
  group: string;
  /** the multi-session id where siblings share one counter (`shared`) */
  sessionId: string;
  service: string;
  multiId: string;
  parentId: string;
  shared: boolean;
  /** octets after which the NAS's counters begin anew, 0 = never (case 3) */
  wrap: number;
  /** a restarted counter of this NAS begins at 0 (case 7) */
  countersReset: boolean;
  /** index in STATUS_TYPES */
  status: number;
  isStart: boolean;
  isStop: boolean;
  atMs: number;
  /** seconds, null = absent */
  sessionTimeSeconds: number | null;
  /** totals it reports, null = absent */
  down: number | null;
  up: number | null;
}

/** Reads a record by its NAS's profile: direction (17), unit (18), IPv6 (23), the key of shared counters (16). */
export function claimOf(event: UsageEvent, { nas, atMs }: MeterContext): SessionClaim {
  const factor = unitFactor(nas);
  const isAdditive = nas.ipv6 === 'additive';
  const input = octets(event.inputOctets, isAdditive ? event.ipv6InputOctets : 0, factor);
  const output = octets(event.outputOctets, isAdditive ? event.ipv6OutputOctets : 0, factor);
  const multiId = event.multiSessionId ?? '';
  const shared = nas.subSessions === 'shared' && multiId !== '';
  return {
    nasId: event.nasId,
    group: nas.redundancyGroup ?? '',
    sessionId: shared ? multiId : event.sessionId,
    service: event.serviceName ?? '',
    multiId,
    parentId: event.parentSessionId ?? '',
    shared,
    wrap: wrapOf(nas),
    countersReset: nas.countersReset,
    status: STATUS_TYPES.indexOf(event.statusType),
    isStart: event.statusType === 'START',
    isStop: event.statusType === 'STOP',
    atMs,
    sessionTimeSeconds: event.sessionTimeSeconds,
    // Input is from the subscriber (RFC 2866 5.3), so upload, unless this NAS counts the other way.
    up: nas.reversed ? output : input,
    down: nas.reversed ? input : output,
  };
}

/**
 * Start by the record: its own time on a Start, else event time - session time; null where nothing tells. A session
 * time of 0 tells nothing: some NAS send it always, others on failures, and believing it would make every interim a
 * session of its own, charged from 0.
 */
export function claimedStart(claim: SessionClaim): number | null {
  if (claim.isStart) return claim.atMs;
  if (claim.sessionTimeSeconds === null || claim.sessionTimeSeconds === 0) return null;
  return claim.atMs - claim.sessionTimeSeconds * 1000;
}

/** Service class of the session that a record begins: the record's own, else by its service name, else by RADIUS Class (19). */
export function classOf(event: UsageEvent, nas: NasProfile): string {
  if (event.serviceClass !== null && event.serviceClass !== '') return event.serviceClass;
  if (nas.classes.length === 0) return '';
  return classNamed(nas, event.serviceName) ?? classNamed(nas, event.radiusClass) ?? '';
}

/** True where a session is reported by the record's NAS or one of its redundancy group. */
export function sameNas(
  session: Session,
  nasId: string,
  group: string,
  groupOf: MeterContext['groupOf'],
): boolean {
  return session.nasId === nasId || (group !== '' && groupOf(session.nasId) === group);
}

function octets(total: number | null, ipv6: number | null, factor: number): number | null {
  return total === null ? null : (total + (ipv6 ?? 0)) * factor;
}

function classNamed(nas: NasProfile, name: string | null): string | null {
  if (name === null) return null;
  return nas.classes.find(({ match }) => match === name)?.serviceClass ?? null;
}
