import { DAY, HOUR, LogBuilder, MINUTE, NOON, capPolicy, plan, profile } from '../factories.ts';
import { add, at, log, nas, start, stop, unreadable } from './case-logs.ts';
import type { Case } from './case-logs.ts';

const JULY = Date.UTC(2026, 6, 1);
const AUGUST = Date.UTC(2026, 7, 1);

/** Cases 13 to 23 of accounting, closed cycles, operators, another anchor. */
export const LATER_CASES: readonly Case[] = [
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
    letters: ['empty'],
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
