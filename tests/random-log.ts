import fc from 'fast-check';
import type { StatusType } from '../schemas/accounting-record.ts';
import type { NasProfile } from '../schemas/profile.ts';
import { pool, poolPolicy } from '../pipeline/pool/pool-rig.contract.ts';
import { DAY, HOUR, LogBuilder, MINUTE, capPolicy, nasProfile, plan, profile } from './factories.ts';
import { LINES, addControl, someControl, someTariffControl } from './random-controls.ts';
import type { RandomControl } from './random-controls.ts';
import { someProvider } from './random-policies.ts';

/** One step of a random log. Times are relative: the log's clock runs on. */
export interface Step {
  subscriber: number;
  nas: number;
  sessionId: number;
  service: number;
  status: StatusType;
  advanceMs: number;
  /** event time before the log's clock; negative = ahead of it */
  ageMs: number;
  stamp: 'event' | 'received' | 'none';
  sessionTime: 'right' | 'absent' | 'zero' | number;
  growth: [down: number, up: number];
  octets: 'grow' | 'absent' | 'zero' | 'anything';
  /** sends the record that many entries ago again */
  again: number;
  restart: boolean;
  /** set where the record names its session's siblings or parent */
  family: 'none' | 'multi' | 'child';
  /** what people or NAS do before the record; only in logs with controls */
  control: RandomControl | null;
}

const small = fc.integer({ min: 0, max: 3000 });
const step: fc.Arbitrary<Step> = fc.record({
  subscriber: fc.integer({ min: 0, max: 3 }),
  nas: fc.integer({ min: 0, max: 1 }),
  sessionId: fc.integer({ min: 0, max: 1 }),
  service: fc.integer({ min: 0, max: 4 }).map((n) => (n === 4 ? 1 : 0)),
  status: fc.oneof(
    { weight: 6, arbitrary: fc.constant<StatusType>('INTERIM_UPDATE') },
    { weight: 2, arbitrary: fc.constant<StatusType>('START') },
    { weight: 2, arbitrary: fc.constant<StatusType>('STOP') },
    { weight: 1, arbitrary: fc.constant<StatusType>('ACCOUNTING_ON') },
  ),
  advanceMs: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 8, arbitrary: fc.integer({ min: 1, max: 10 * MINUTE }) },
    { weight: 3, arbitrary: fc.constantFrom(MINUTE, 5 * MINUTE, 10 * MINUTE, HOUR) },
    { weight: 1, arbitrary: fc.integer({ min: HOUR, max: 9 * DAY }) },
  ),
  ageMs: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 3, arbitrary: fc.integer({ min: -6 * MINUTE, max: 10 * MINUTE }) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 3 * HOUR }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 8 * DAY }) },
  ),
  stamp: fc.constantFrom('event', 'event', 'event', 'received', 'none'),
  sessionTime: fc.oneof(
    { weight: 8, arbitrary: fc.constant('right' as const) },
    { weight: 2, arbitrary: fc.constantFrom('absent' as const, 'zero' as const) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 4_000_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 600 }) },
  ),
  growth: fc.tuple(small, small),
  octets: fc.oneof(
    { weight: 10, arbitrary: fc.constant('grow' as const) },
    { weight: 1, arbitrary: fc.constantFrom('absent' as const, 'zero' as const, 'anything' as const) },
  ),
  again: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 6 })),
  restart: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  family: fc.constantFrom('none', 'none', 'none', 'multi', 'child'),
  control: fc.constant(null),
});

/** NAS profiles that are not the default's, one setting or two. */
const readings: fc.Arbitrary<Partial<NasProfile>> = fc.record(
  {
    reversed: fc.boolean(),
    unit: fc.constantFrom('octets', 'kilobytes'),
    gigawords: fc.boolean(),
    countersReset: fc.boolean(),
    redundancyGroup: fc.constantFrom(null, 'pair'),
    onOff: fc.constantFrom('close', 'ignore'),
    interimSeconds: fc.constantFrom(null, 0, 300),
    subSessions: fc.constantFrom('sum', 'parent', 'children', 'split', 'shared'),
    classes: fc.constantFrom([], [{ match: 'video', serviceClass: 'film' }]),
  },
  { requiredKeys: [] },
);

const withControl = (control: fc.Arbitrary<RandomControl | null>): fc.Arbitrary<Step> =>
  fc.record({ one: step, control }).map(({ one, control: chosen }) => ({ ...one, control: chosen }));
const richStep = withControl(someControl);
/** Time goes on faster: cycles roll and close. */
const tariffStep = fc
  .record({ one: withControl(someTariffControl), days: fc.integer({ min: -12, max: 7 }) })
  .map(({ one, days }) => (days > 0 ? { ...one, advanceMs: days * DAY } : one));

interface Truth {
  startMs: number;
  down: number;
  up: number;
}

/** Begins days before the clock changes of Europe and Cuba and before three anchors. */
const START = Date.UTC(2026, 9, 23, 7, 3, 11, 17);

/**
 * Random logs of one partition: several subscribers, NAS and session ids that are used again; duplicates, reordering,
 * records without Start, without stamps or octets, skewed and late ones; cycle boundaries and clock changes.
 */
export function randomLog(maxLength = 45): fc.Arbitrary<LogBuilder> {
  return fc.array(step, { maxLength }).map((steps) => buildLog(steps, []));
}

/**
 * The same with everything else that a log may hold: changes of policies, plans, profiles, NAS and feeds, NAS that go down,
 * operators' commands, replays, ticks, another layout.
 */
export function randomLogWithControls(maxLength = 45): fc.Arbitrary<LogBuilder> {
  return fc
    .tuple(fc.array(richStep, { maxLength }), fc.array(readings, { minLength: 2, maxLength: 2 }))
    .map(([steps, nas]) => buildLog(steps, nas));
}

/** Logs in which tariffs change all the time: plans and their versions, top-ups, add-ons, memberships, cycles, carry-over. */
export function randomTariffLog(maxLength = 45): fc.Arbitrary<LogBuilder> {
  return fc.array(tariffStep, { maxLength }).map((steps) => buildLog(steps, [{}], true));
}

function buildLog(
  steps: readonly Step[],
  nas: readonly Partial<NasProfile>[],
  hasTariffs = false,
): LogBuilder {
  const log = new LogBuilder()
    .control({ kind: 'plan-version', plan: plan({ capBytes: 9000 }) })
    .control({ kind: 'provider-settings', settings: someProvider(1, 1) })
    .control({ kind: 'policy-version', policy: capPolicy({ minHoldSeconds: 0 }) })
    .control({
      kind: 'nas-profile',
      nas: nasProfile({ reversed: true, unit: 'kilobytes', startToleranceSeconds: 30 }),
    });
  LINES.forEach((line, i) => {
    log.control({
      kind: 'subscriber-profile',
      profile: profile({ subscriberId: `sub-${i}`, ...line, overageConsent: i < 2 }),
    });
  });
  if (nas.length > 0) {
    log.control({ kind: 'pool-profile', pool: pool() });
    log.control({ kind: 'policy-version', policy: poolPolicy() });
    log.control({
      kind: 'subscriber-profile',
      profile: profile({ subscriberId: 'sub-0', ...LINES[0], poolId: 'family' }),
    });
  }
  nas.forEach((reading, i) => {
    log.control({ kind: 'nas-profile', nas: nasProfile({ nasId: `nas-${i}`, ...reading }) });
  });
  const truths = new Map<string, Truth>();
  let clock = START;
  if (hasTariffs) beginTariffs(log, steps);
  // Policies that ask about everything, from the beginning on.
  if (nas.length > 0) for (const one of steps.slice(0, 3)) addControl(log, one, 'other-policy', clock);
  for (const one of steps) {
    clock += one.advanceMs;
    if (one.control !== null) addControl(log, one, one.control, clock);
    const old = one.again > 0 ? log.inputs.at(-one.again) : undefined;
    if (old?.kind === 'usage') log.record(old.event, clock);
    else addRecord(log, truths, one, clock);
  }
  return log;
}

/** Plans that carry over, and subscribers who bought something. */
function beginTariffs(log: LogBuilder, steps: readonly Step[]): void {
  const limitBytes = 2000 + steps.length;
  for (const planId of ['home-100', 'home-200'])
    log.control({
      kind: 'plan-version',
      plan: plan({ planId, capBytes: 3000, carryOver: { limitBytes }, counted: 'both' }),
    });
  const topUp = { id: 'x0', bytes: 2500, fromMs: START - DAY, expiresMs: START + 12 * DAY };
  LINES.forEach((line, i) => {
    const topUps = [topUp, { ...topUp, id: 'x1', expiresMs: START + i * DAY }];
    log.control({
      kind: 'subscriber-profile',
      profile: profile({ subscriberId: `sub-${i}`, ...line, topUps, overageConsent: true }),
    });
  });
}

function addRecord(log: LogBuilder, truths: Map<string, Truth>, one: Step, clock: number): void {
  const atMs = clock - one.ageMs;
  const key = `${one.subscriber} ${one.nas} ${one.sessionId} ${one.service}`;
  let truth = truths.get(key);
  if (truth === undefined || one.restart || one.status === 'START')
    truth = { startMs: atMs - (one.status === 'START' ? 0 : one.growth[0] * 1000), down: 0, up: 0 };
  truths.set(key, truth);
  if (one.status !== 'START') {
    truth.down += one.growth[0];
    truth.up += one.growth[1];
  }
  const right = Math.max(0, Math.round((atMs - truth.startMs) / 1000));
  const times = { right, absent: null, zero: 0 };
  const octets = {
    grow: [truth.down, truth.up],
    absent: [null, null],
    zero: [0, null],
    anything: one.growth,
  } as const;
  const [outputOctets, inputOctets] = octets[one.octets];
  log.record(
    {
      statusType: one.status,
      subscriberId: `sub-${one.subscriber}`,
      nasId: `nas-${one.nas}`,
      sessionId: `s${one.sessionId}`,
      multiSessionId: one.family === 'multi' ? 'm' : null,
      parentSessionId: one.family === 'child' ? 's0' : null,
      serviceName: one.service === 1 ? 'video' : null,
      serviceClass: one.service === 1 ? 'tv' : null,
      eventTimeMs: one.stamp === 'event' ? atMs : null,
      receivedAtMs: one.stamp === 'received' ? atMs + 2000 : null,
      acctDelaySeconds: one.stamp === 'received' ? 2 : 0,
      sessionTimeSeconds: typeof one.sessionTime === 'number' ? one.sessionTime : times[one.sessionTime],
      outputOctets,
      inputOctets,
    },
    clock,
  );
}
