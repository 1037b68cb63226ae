import type { UsageEvent } from '../schemas/accounting-record.ts';
import type { NasProfile } from '../schemas/profile.ts';
import { defaultNasProfile } from '../schemas/profile.ts';
import type { Line } from './line.ts';

const MINUTE = 60_000;

/** Totals that a record claims, by direction; null = it says nothing of that direction, which is not zero. */
export interface Claim {
  down: bigint | null;
  up: bigint | null;
}

/** A session record as its NAS's profile reads it. */
export interface Reading extends Claim {
  event: UsageEvent;
  nas: NasProfile;
  /** redundancy group of the NAS, '' = it is on its own */
  group: string;
  /** time of the record, ms since 1970 UTC */
  atMs: number;
  /** what its session is known by: its id, or that of its siblings together (case 16, shared) */
  sessionId: string;
  multiId: string;
  parentId: string;
  service: string;
  serviceClass: string;
  /** siblings report one counter */
  isShared: boolean;
  /** octets at which the NAS's counters begin anew (case 3); null = they do not */
  range: bigint | null;
  /** start of its session by the record; null = it does not tell */
  startMs: number | null;
}

/** Case 15: event_time, else received_at less the delay, else the append time, which also replaces a time 5 min ahead of it. */
export function timeOf(
  event: Pick<UsageEvent, 'eventTimeMs' | 'receivedAtMs' | 'acctDelaySeconds'>,
  appendTimeMs: number,
): { atMs: number; skewed: boolean } {
  let atMs = appendTimeMs;
  if (event.eventTimeMs !== null) atMs = event.eventTimeMs;
  else if (event.receivedAtMs !== null) atMs = event.receivedAtMs - 1000 * event.acctDelaySeconds;
  const skewed = atMs > appendTimeMs + 5 * MINUTE;
  return { atMs: skewed ? appendTimeMs : atMs, skewed };
}

/** The profile of a NAS: its own, else that of all others, else the defaults. */
export function nasProfileOf(profiles: ReadonlyMap<string, NasProfile>, nasId: string): NasProfile {
  const others = profiles.get('*');
  return profiles.get(nasId) ?? (others === undefined ? defaultNasProfile(nasId) : { ...others, nasId });
}

/** Cases 2 (gigawords are folded in by decoding), 16 to 19 and 23: what a record says, in the subscriber's terms. */
export function readingOf(event: UsageEvent, nas: NasProfile, atMs: number): Reading {
  const unit = nas.unit === 'kilobytes' ? 1000n : 1n;
  const total = (octets: number | null, ipv6: number | null): bigint | null => {
    if (octets === null) return null;
    const additional = nas.ipv6 === 'additive' ? (ipv6 ?? 0) : 0;
    return (BigInt(octets) + BigInt(additional)) * unit;
  };
  const input = total(event.inputOctets, event.ipv6InputOctets);
  const output = total(event.outputOctets, event.ipv6OutputOctets);
  const multiId = event.multiSessionId ?? '';
  const isShared = nas.subSessions === 'shared' && multiId !== '';
  return {
    event,
    nas,
    group: nas.redundancyGroup ?? '',
    atMs,
    down: nas.reversed ? input : output,
    up: nas.reversed ? output : input,
    sessionId: isShared ? multiId : event.sessionId,
    multiId,
    parentId: event.parentSessionId ?? '',
    service: event.serviceName ?? '',
    serviceClass: classOf(event, nas),
    isShared,
    range: nas.gigawords ? null : 2n ** 32n * unit,
    startMs: startOf(event, atMs),
  };
}

/** A Start's time, else that less the session time; a session time of 0 tells nothing, as some NAS send it always. */
function startOf({ statusType, sessionTimeSeconds }: UsageEvent, atMs: number): number | null {
  if (statusType === 'START') return atMs;
  if (sessionTimeSeconds === null || sessionTimeSeconds === 0) return null;
  return atMs - 1000 * sessionTimeSeconds;
}

/** Case 19: as the record says, else by the NAS's table of service names, else by its table of RADIUS classes. */
function classOf(event: UsageEvent, nas: NasProfile): string {
  const named = event.serviceClass ?? '';
  if (named !== '') return named;
  for (const name of [event.serviceName, event.radiusClass]) {
    const found = nas.classes.find(({ match }) => match === name);
    if (found !== undefined) return found.serviceClass;
  }
  return '';
}

/** Case 2: octets that are no exact number any more, alone or with what the subscriber has used. */
export function isBeyondExact({ down, up }: Pick<Reading, 'down' | 'up'>, line: Line | undefined): boolean {
  let sum = (down ?? 0n) + (up ?? 0n);
  for (const { classes } of line?.book.cycles ?? [])
    for (const amount of classes.values()) sum += amount.down + amount.up;
  return sum > BigInt(Number.MAX_SAFE_INTEGER);
}
