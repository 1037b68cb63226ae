import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import { DAY, HOUR, LogBuilder, MINUTE, NOON, capPolicy, nasProfile, plan, profile } from '../factories.ts';

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
  open?: number;
}

/** A record `minute` minutes after noon whose session began at noon. */
function at(minute: number, down: number | null, up: number | null = 0): Partial<UsageEvent> {
  const eventTimeMs = NOON + minute * MINUTE;
  return { eventTimeMs, sessionTimeSeconds: minute * 60, outputOctets: down, inputOctets: up };
}

function start(minute = 0): Partial<UsageEvent> {
  return { ...at(minute, null, null), statusType: 'START', sessionTimeSeconds: null };
}

function stop(minute: number, down: number | null, up: number | null = 0): Partial<UsageEvent> {
  return { ...at(minute, down, up), statusType: 'STOP', terminateCause: 'User-Request' };
}

function nas(fields: Partial<NasProfile>): LogBuilder {
  return new LogBuilder().control({ kind: 'nas-profile', nas: nasProfile(fields) });
}

function log(...records: Partial<UsageEvent>[]): LogBuilder {
  return add(new LogBuilder(), ...records);
}

function add(to: LogBuilder, ...records: Partial<UsageEvent>[]): LogBuilder {
  for (const record of records) to.record(record);
  return to;
}

const G4 = 2 ** 32;
const JULY = Date.UTC(2026, 6, 1);
const AUGUST = Date.UTC(2026, 7, 1);

export const CASES: readonly Case[] = [
  {
    name: '1: an interim charges what its totals grew by, a Stop in the same second too',
    log: log(start(), at(1, 100, 10), at(2, 250, 30), stop(2, 300, 30)),
    total: [300, 30],
    outcomes: { 'zero-delta': 1, metered: 3 },
    ends: [['User-Request', 300, 30]],
    open: 0,
  },
  {
    name: '2: a total beyond 2^53 with what the subscriber has used is a dead letter',
    log: log(start(), at(1, 2 ** 53 - 1), { ...at(2, 5), sessionId: 's2' }),
    letters: ['octets-beyond-2^53'],
    outcomes: { 'zero-delta': 1, metered: 1, 'dead-lettered': 1 },
  },
  {
    name: '3: a 32-bit counter that falls by more than half of its range has wrapped',
    log: add(nas({ gigawords: false }), start(), at(10, G4 - 1000), at(20, 500), at(30, 700)),
    total: [G4 + 700, 0],
    flags: { wrapped: 1, estimated: 3 },
  },
  {
    name: '3: with 64-bit counters the same is a fall',
    log: log(start(), at(10, G4 - 1000), at(20, 500)),
    total: [G4 - 1000, 0],
    flags: { fell: 1, estimated: 1 },
  },
  {
    name: '4: a record delivered again is a duplicate, whatever its packet',
    log: log(start(), at(1, 100), { ...at(1, 100), acctDelaySeconds: 5 }, at(1, 100)),
    total: [100, 0],
    outcomes: { 'zero-delta': 1, metered: 1, duplicate: 2 },
  },
  {
    name: '5: an older record with lower totals changes nothing; with higher ones it counts',
    log: log(start(), at(2, 250), at(1, 100), at(1.5, 260)),
    total: [260, 0],
    outcomes: { 'zero-delta': 1, metered: 2, reordered: 1 },
  },
  {
    name: '6: another start under the same id is another session, charged from 0',
    log: log(start(), at(5, 100), { ...at(15, 40), sessionTimeSeconds: 300 }),
    total: [140, 0],
    flags: { 'id-reused': 1, 'no-start': 1, estimated: 1 },
    ends: [['superseded', 100, 0]],
  },
  {
    name: '7: a low total waits, the next one above it confirms a restart and is charged from it',
    log: log(start(), at(5, 1000), at(10, 40), at(15, 90)),
    total: [1050, 0],
    flags: { fell: 1, restarted: 1 },
    outcomes: { 'zero-delta': 2, metered: 2 },
  },
  {
    name: '7: from 0 where the profile says that counters reset',
    log: add(nas({ countersReset: true }), start(), at(5, 1000), at(10, 40), at(15, 90)),
    total: [1090, 0],
  },
  {
    name: '7: from 0 where another NAS of the group took the session over',
    log: add(
      nas({ nasId: '*', redundancyGroup: 'pair' }),
      start(),
      at(5, 1000),
      { ...at(10, 40), nasId: 'nas-2' },
      { ...at(15, 90), nasId: 'nas-2' },
    ),
    total: [1090, 0],
  },
  {
    name: '7: back at the old total it was a glitch',
    log: log(start(), at(5, 1000), at(10, 40), at(15, 1010)),
    total: [1010, 0],
    flags: { fell: 1 },
  },
  {
    name: '7: what happened before the restart is held against the old total',
    log: log(start(), at(5, 1000), at(10, 40), at(15, 90), at(6, 1200), at(7, 1100)),
    total: [1250, 0],
    outcomes: { 'zero-delta': 2, metered: 3, reordered: 1 },
  },
  {
    name: '8: a Stop of zeros keeps what was counted',
    log: log(start(), at(5, 1000, 10), stop(6, 0, 0)),
    total: [1000, 10],
    ends: [['User-Request', 1000, 10]],
    open: 0,
  },
  {
    name: '8: of a Stop that falls, what did not fall counts',
    log: log(start(), at(5, 1000, 10), stop(6, 400, 15)),
    total: [1000, 15],
    flags: { fell: 1 },
  },
  {
    name: '9: the tail within 10 min, late after that',
    log: log(start(), stop(5, 100), at(10, 120), at(20, 150)),
    total: [150, 0],
    outcomes: { 'zero-delta': 1, metered: 2, late: 1 },
    ends: [['', 150, 0]],
    open: 0,
  },
  {
    name: '10: older than a week before its append time is a dead letter',
    log: new LogBuilder()
      .record(at(0, 100), NOON + 7 * DAY + 1)
      .record({ ...at(1, 100), sessionId: 's2' }, NOON + 7 * DAY),
    letters: ['beyond-horizon'],
    total: [100, 0],
  },
  {
    name: '10: replayed, it is an adjustment of its cycle, once',
    log: replays(at(5, 100), at(6, 130)),
    total: [0, 0],
    adjustments: [
      ['replay', JULY, 100, 0],
      ['replay', JULY, 30, 0],
    ],
  },
  {
    name: '11: without a Start the first total counts in full, over the time since the start',
    log: log({ ...at(10, 1000), sessionTimeSeconds: 600 }),
    total: [1000, 0],
    windows: [
      [0, 500, 0],
      [5, 500, 0],
    ],
    flags: { 'no-start': 1, estimated: 1 },
  },
  {
    name: '12: a session from before the feed counts is taken over, not charged',
    log: add(
      new LogBuilder().control({
        kind: 'feed-profile',
        feed: { feedId: 'feed-1', countFromMs: NOON + MINUTE },
      }),
      at(5, 1000),
      at(10, 1100),
    ),
    total: [100, 0],
    outcomes: { baselined: 1, metered: 1 },
  },
  {
    name: '13: silence of three intervals while its NAS is heard ends a session; a later record takes it up again',
    log: add(
      nas({ interimSeconds: 600 }),
      start(),
      at(5, 100),
      { ...start(40), sessionId: 's2' },
      at(45, 150),
    ),
    total: [150, 0],
    ends: [['Weir-Timeout', 100, 0]],
    flags: { 'missing-stop': 1, resurrected: 1, estimated: 1 },
    open: 2,
  },
  {
    name: '13: the timer pauses while the NAS is silent',
    log: add(nas({ interimSeconds: 600 }), start(), at(5, 100), {
      ...start(400),
      nasId: 'nas-2',
      sessionId: 's2',
    }),
    ends: [],
    open: 2,
  },
  {
    name: '14: a NAS that begins anew ends its sessions',
    log: log(start(), at(5, 100))
      .control({ kind: 'nas-event', nasId: 'nas-1', event: 'on', atMs: NOON + 6 * MINUTE })
      .tick(NOON + 7 * MINUTE)
      .tick(NOON + 8 * MINUTE)
      .tick(NOON + 9 * MINUTE)
      .tick(NOON + 10 * MINUTE),
    ends: [['NAS-Reboot', 100, 0]],
    flags: { 'missing-stop': 1 },
    open: 0,
  },
  {
    name: '14: unless its profile says that it means nothing',
    log: add(nas({ onOff: 'ignore' }), start(), at(5, 100))
      .control({ kind: 'nas-event', nasId: 'nas-1', event: 'on', atMs: NOON + 6 * MINUTE })
      .record(at(8, 120)),
    ends: [],
    open: 1,
  },
  {
    name: '15: the event time, else received less delay, else the append time; not one 5 min ahead',
    log: new LogBuilder()
      .record({ ...start(), eventTimeMs: null, receivedAtMs: NOON + 5000, acctDelaySeconds: 5 }, NOON + 9000)
      .record({ ...at(10, 50), eventTimeMs: null }, NOON + 10 * MINUTE)
      .record({ ...at(500, 80), sessionTimeSeconds: 900 }, NOON + 15 * MINUTE),
    windows: [
      [0, 25, 0],
      [5, 25, 0],
      [10, 30, 0],
    ],
    flags: { skewed: 1, estimated: 1 },
  },
  {
    name: '16: parents count, children do not',
    log: add(nas({ subSessions: 'parent' }), start(), at(5, 100), {
      ...at(5, 40),
      sessionId: 'c',
      parentSessionId: 's1',
    }),
    total: [100, 0],
    flags: { 'sub-session': 1 },
  },
  {
    name: '16: children count, parents do not',
    log: add(nas({ subSessions: 'children' }), at(5, 100), {
      ...at(5, 40),
      sessionId: 'c',
      parentSessionId: 's1',
    }),
    total: [40, 0],
  },
  {
    name: '16: children say to which class the parent’s bytes belong',
    log: add(
      nas({ subSessions: 'split' }),
      start(),
      { ...at(5, 40), sessionId: 'c', parentSessionId: 's1', serviceClass: 'tv' },
      at(5, 100),
      { ...at(10, 90), sessionId: 'c', parentSessionId: 's1', serviceClass: 'tv' },
      at(10, 120),
    ),
    total: [120, 0],
    classes: { '': [60, 0], tv: [60, 0] },
  },
  {
    name: '16: siblings that share a counter: the greatest',
    log: add(
      nas({ subSessions: 'shared' }),
      { ...at(5, 100), multiSessionId: 'm' },
      { ...at(6, 80), sessionId: 's2', multiSessionId: 'm' },
      { ...at(7, 130), sessionId: 's2', multiSessionId: 'm' },
    ),
    total: [130, 0],
  },
  {
    name: '16: equal totals of siblings that nobody explained are flagged',
    log: log({ ...at(5, 100), multiSessionId: 'm' }, { ...at(6, 100), sessionId: 's2', multiSessionId: 'm' }),
    total: [200, 0],
    flags: { 'double-count': 1, 'no-start': 2, estimated: 2 },
  },
  {
    name: '17, 18: reversed, in kilobytes',
    log: add(nas({ reversed: true, unit: 'kilobytes' }), start(), at(1, 3, 7)),
    total: [7000, 3000],
  },
  {
    name: '19: classes by the record, the service name, RADIUS Class; the plan says what counts',
    log: add(
      nas({
        classes: [
          { match: 'video', serviceClass: 'tv' },
          { match: 'c7', serviceClass: 'game' },
        ],
      })
        .control({ kind: 'plan-version', plan: plan({ capBytes: 150, classFactors: { tv: 500, game: 0 } }) })
        .control({ kind: 'policy-version', policy: capPolicy() })
        .control({ kind: 'subscriber-profile', profile: profile() }),
      { ...at(1, 40), serviceName: 'video' },
      { ...at(1, 1000), sessionId: 's2', radiusClass: 'c7' },
      { ...at(1, 129), sessionId: 's3', serviceClass: 'own', serviceName: 'video' },
      { ...at(2, 42), serviceName: 'video' },
    ),
    classes: { tv: [42, 0], game: [1000, 0], own: [129, 0] },
    actions: ['throttle'],
  },
  {
    name: '20: four times what the line carries counts, but nothing is enforced from it until it is believed',
    log: add(
      new LogBuilder().enforced(),
      start(),
      at(1, 4_000_000_000),
      { ...at(1.5, 0), sessionId: 's2' },
      at(2, 4_000_000_100),
    ),
    total: [4_000_000_100, 0],
    flags: { absurd: 1, 'no-start': 1 },
    actions: ['throttle'],
  },
  {
    name: '20: a Stop that is absurd waits for an operator',
    log: add(new LogBuilder().enforced(), start(), stop(1, 4_000_000_000)).tick(NOON + HOUR),
    actions: [],
  },
  {
    name: '21: a delta over a month’s end is split in proportion to time',
    log: log({
      ...at(0, 1000),
      eventTimeMs: AUGUST + 5 * MINUTE,
      sessionTimeSeconds: 900,
    }),
    total: [1000, 0],
    flags: { 'no-start': 1, estimated: 1 },
  },
  {
    name: '21: what is older than an hour is a late row, and counts in its cycle',
    log: add(log({ ...start(90), sessionId: 's2' }), { ...at(20, 300), sessionTimeSeconds: 600 }),
    total: [300, 0],
    late: [300, 0],
  },
  {
    name: '22: what can not be read is counted and put aside',
    log: unreadable(),
    outcomes: { 'dead-lettered': 1, metered: 1 },
    letters: ['undecodable'],
  },
  {
    name: '23: IPv6 octets are part of the others, or come on top',
    log: add(nas({ ipv6: 'additive' }), start(), {
      ...at(1, 100, 10),
      ipv6OutputOctets: 20,
      ipv6InputOctets: null,
    }),
    total: [120, 10],
  },
  {
    name: 'a cycle goes to billing a day after its end; what comes later is an adjustment, and counts all the same',
    log: add(log(start(), at(5, 100)).tick(AUGUST + DAY), {
      ...at(6, 130),
      eventTimeMs: AUGUST - HOUR,
      sessionTimeSeconds: null,
    }).tick(AUGUST + DAY + HOUR),
    closings: [[JULY, 100, 0]],
    adjustments: [['late-usage', JULY, 30, 0]],
    total: [130, 0],
    late: [30, 0],
  },
  {
    name: 'an operator adjusts a cycle, and it counts against the cap',
    log: new LogBuilder()
      .enforced()
      .record(at(1, 900))
      .control({
        kind: 'operator',
        command: {
          type: 'adjust',
          subscriberId: 'sub-1',
          atMs: NOON,
          downBytes: 100,
          upBytes: 0,
          reason: 'r',
          by: 'a',
        },
      }),
    adjustments: [['operator', JULY, 100, 0]],
    total: [900, 0],
    actions: ['throttle'],
  },
  {
    name: 'an operator ends a session',
    log: log(start(), at(5, 100)).control({
      kind: 'operator',
      command: { type: 'close-session', subscriberId: 'sub-1', nasId: 'nas-1', sessionId: 's1', by: 'a' },
    }),
    ends: [['Operator', 100, 0]],
    open: 0,
  },
  {
    name: 'another anchor splits what is not closed anew, day by day',
    log: add(new LogBuilder().enforced(), start(), at(5, 100), {
      ...at(0, 400),
      eventTimeMs: NOON + 10 * DAY,
      sessionTimeSeconds: null,
    }).control({ kind: 'subscriber-profile', profile: profile({ anchorDay: 20 }) }),
    total: [400, 0],
  },
];

function event(fields: Partial<UsageEvent>): UsageEvent {
  const [input] = new LogBuilder().record(fields).inputs;
  if (input?.kind !== 'usage') throw new Error('no record');
  return input.event;
}

/** Letters that are replayed eight days after. */
function replays(...letters: Partial<UsageEvent>[]): LogBuilder {
  const log = new LogBuilder();
  letters.forEach((fields, offset) => {
    const letter = { partition: 0, offset };
    log.control({ kind: 'replay', letter, appendTimeMs: NOON, event: event(fields), by: 'ann' });
  });
  for (const input of log.inputs) input.appendTimeMs = NOON + 8 * DAY;
  return log;
}

function unreadable(): LogBuilder {
  const bad = new LogBuilder();
  bad.inputs.push({
    kind: 'dead',
    offset: 0,
    appendTimeMs: NOON,
    reason: 'undecodable',
    detail: '',
    key: null,
    value: null,
  });
  return bad.record(at(1, 10));
}
