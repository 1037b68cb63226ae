import type { Facts } from '../../verify/conditions.ts';
import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import { DAY, LogBuilder, MINUTE, NOON, nasProfile } from '../factories.ts';

/** What a log must come to, reckoned by hand. Octets are [down, up] of sub-1; what is not named is not looked at. */
export interface Case {
  name: string;
  log: LogBuilder;
  /** of all cycles */
  total?: [down: number, up: number];
  /** minutes from noon, then octets */
  windows?: [minute: number, down: number, up: number][];
  /** of all cycles, by service class */
  classes?: Record<string, [down: number, up: number]>;
  /** of all late rows */
  late?: [down: number, up: number];
  outcomes?: Record<string, number>;
  flags?: Record<string, number>;
  /** ended sessions: why, and with how much */
  ends?: [cause: string, down: number, up: number][];
  /** reason, cycle start, octets */
  adjustments?: [reason: string, cycleStartMs: number, down: number, up: number][];
  /** cycle start, octets of the default class */
  closings?: [cycleStartMs: number, down: number, up: number][];
  letters?: string[];
  actions?: string[];
  /** of sub-1 where the log ends */
  facts?: Facts;
  /** start, end, octets down of the parts of all cycles */
  parts?: [fromMs: number, toMs: number, down: number][];
  /** start and end of all cycles */
  cycles?: [startMs: number, endMs: number][];
  /** by top-up: octets in earlier cycles, and in this one */
  uses?: Record<string, [before: number, used: number]>;
  carry?: [cycleStartMs: number, bytes: number, final: boolean];
  /** of the first cycle that is closed */
  account?: {
    parts: [
      fromMs: number,
      toMs: number,
      plan: string,
      version: number,
      unlimited: boolean,
      counted: number,
    ][];
    base: number | null;
    carryIn: number;
    carryOut: number;
    topUps: Record<string, number>;
    over: number;
    corrected: number;
  };
  /** of each closed cycle, in order: octets of the one before, of top-ups, and beyond all of it */
  closed?: [carryIn: number, topUps: number, over: number][];
  /** parts that adjustments name */
  adjustedParts?: (number | null)[];
  /** what pools are told */
  told?: [poolId: string, bytes: number, leaving: boolean][];
  open?: number;
}

/** A record `minute` minutes after noon whose session began at noon. */
export function at(minute: number, down: number | null, up: number | null = 0): Partial<UsageEvent> {
  const eventTimeMs = NOON + minute * MINUTE;
  return { eventTimeMs, sessionTimeSeconds: minute * 60, outputOctets: down, inputOctets: up };
}

export function start(minute = 0): Partial<UsageEvent> {
  return { ...at(minute, null, null), statusType: 'START', sessionTimeSeconds: null };
}

export function stop(minute: number, down: number | null, up: number | null = 0): Partial<UsageEvent> {
  return { ...at(minute, down, up), statusType: 'STOP', terminateCause: 'User-Request' };
}

export function nas(fields: Partial<NasProfile>): LogBuilder {
  return new LogBuilder().control({ kind: 'nas-profile', nas: nasProfile(fields) });
}

export function log(...records: Partial<UsageEvent>[]): LogBuilder {
  return add(new LogBuilder(), ...records);
}

export function add(to: LogBuilder, ...records: Partial<UsageEvent>[]): LogBuilder {
  for (const record of records) to.record(record);
  return to;
}

function event(fields: Partial<UsageEvent>): UsageEvent {
  const [input] = new LogBuilder().record(fields).inputs;
  if (input?.kind !== 'usage') throw new Error('no record');
  return input.event;
}

/** Letters that are replayed eight days after. */
export function replays(...letters: Partial<UsageEvent>[]): LogBuilder {
  const log = new LogBuilder();
  letters.forEach((fields, offset) => {
    const letter = { partition: 0, offset };
    log.control({ kind: 'replay', letter, appendTimeMs: NOON, event: event(fields), by: 'ann' });
  });
  for (const input of log.inputs) input.appendTimeMs = NOON + 8 * DAY;
  return log;
}

export function unreadable(): LogBuilder {
  const bad = new LogBuilder();
  bad.inputs.push({
    kind: 'dead',
    offset: 0,
    appendTimeMs: NOON,
    reason: 'empty',
    detail: '',
    key: null,
    value: null,
  });
  return bad.record(at(1, 10));
}
