import fc from 'fast-check';
import type { StatusType } from '../../schemas/accounting-record.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import { HOUR, LogBuilder, MINUTE, NOON, capPolicy, nasProfile, plan, profile } from '../factories.ts';

/** What a NAS's counter does before it reports. */
type Turn = 'grow' | 'leap' | 'fall' | 'restart' | 'wrap' | 'stand' | 'zeros' | 'silent';

/** One report of a session. */
interface Report {
  subscriber: number;
  session: number;
  nas: number;
  turn: Turn;
  bytes: number;
  status: StatusType;
  gapMs: number;
  /** sent so much later than it happened, or as if that much earlier */
  lateMs: number;
  hasTime: boolean;
  repeats: boolean;
  ipv6: number | null;
  control: 'none' | 'event' | 're-evaluate' | 'close' | 'tick' | 'replay';
}

const report: fc.Arbitrary<Report> = fc.record({
  subscriber: fc.integer({ min: 0, max: 1 }),
  session: fc.integer({ min: 0, max: 2 }),
  nas: fc.integer({ min: 0, max: 5 }).map((n) => (n === 5 ? 1 : 0)),
  turn: fc.oneof(
    { weight: 8, arbitrary: fc.constant<Turn>('grow') },
    { weight: 3, arbitrary: fc.constant<Turn>('wrap') },
    fc.constantFrom<Turn>('leap', 'fall', 'restart', 'stand', 'zeros', 'silent'),
  ),
  bytes: fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 2 ** 31 })),
  status: fc.oneof(
    { weight: 10, arbitrary: fc.constant<StatusType>('INTERIM_UPDATE') },
    { weight: 1, arbitrary: fc.constantFrom<StatusType>('START', 'STOP', 'ACCOUNTING_OFF') },
  ),
  gapMs: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(MINUTE, 5 * MINUTE, 10 * MINUTE) },
    { weight: 1, arbitrary: fc.constantFrom(0, HOUR, 20 * HOUR, 60 * HOUR) },
  ),
  lateMs: fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(-90_000, -4 * MINUTE, 7 * MINUTE, 30 * MINUTE, 3 * HOUR, 40 * HOUR),
    },
  ),
  hasTime: fc.boolean(),
  repeats: fc.integer({ min: 0, max: 7 }).map((n) => n === 0),
  ipv6: fc.option(fc.integer({ min: 0, max: 4000 }), { nil: null }),
  control: fc.oneof(
    { weight: 12, arbitrary: fc.constant('none' as const) },
    fc.constantFrom(
      'event' as const,
      're-evaluate' as const,
      'close' as const,
      'tick' as const,
      'replay' as const,
    ),
  ),
});

const reading: fc.Arbitrary<Partial<NasProfile>> = fc.record(
  {
    gigawords: fc.boolean(),
    unit: fc.constantFrom('octets', 'kilobytes'),
    countersReset: fc.boolean(),
    redundancyGroup: fc.constantFrom(null, 'pair'),
    interimSeconds: fc.constantFrom(null, 0, 60, 600),
    subSessions: fc.constantFrom('sum', 'parent', 'children', 'split', 'shared'),
    ipv6: fc.constantFrom('subset', 'additive'),
    onOff: fc.constantFrom('close', 'ignore'),
  },
  { requiredKeys: ['gigawords'] },
);

/**
 * Random logs of few sessions with long counters: wraps, restarts, glitches and leaps, two NAS that may be a pair, families
 * of sessions, clocks ahead, silences, NAS that go down.
 */
export function counterLog(): fc.Arbitrary<LogBuilder> {
  const settings = fc.record({
    others: reading,
    second: fc.option(reading, { nil: null }),
    aheadMs: fc.constantFrom(0, 0, 80_000),
    countFrom: fc.boolean(),
  });
  return fc
    .tuple(fc.array(report, { maxLength: 40 }), settings)
    .map(([reports, { others, second, aheadMs, countFrom }]) => {
      const log = new LogBuilder()
        .control({ kind: 'plan-version', plan: plan({ capBytes: 20_000, classFactors: { film: 300 } }) })
        .control({ kind: 'policy-version', policy: capPolicy() })
        .control({ kind: 'nas-profile', nas: nasProfile({ ...others, nasId: '*' }) })
        .control({ kind: 'subscriber-profile', profile: profile() });
      if (second !== null)
        log.control({ kind: 'nas-profile', nas: nasProfile({ ...second, nasId: 'nas-1' }) });
      if (countFrom)
        log.control({ kind: 'feed-profile', feed: { feedId: 'feed-1', countFromMs: NOON + 30 * MINUTE } });
      return buildLog(log, reports, aheadMs);
    });
}

interface Counter {
  startMs: number;
  /** as the NAS holds it now */
  down: number;
  up: number;
}

function buildLog(log: LogBuilder, reports: readonly Report[], aheadMs: number): LogBuilder {
  const counters = new Map<string, Counter>();
  let clock = NOON;
  for (const one of reports) {
    clock += one.gapMs;
    if (one.control !== 'none') addControl(log, one, clock);
    const before = one.repeats ? log.inputs.at(-1) : undefined;
    if (before?.kind === 'usage') {
      log.record(before.event, clock);
      continue;
    }
    const key = `${one.subscriber} ${one.session}`;
    const counter = counters.get(key) ?? { startMs: clock - 10 * MINUTE, down: 0, up: 0 };
    counters.set(key, counter);
    turn(counter, one, clock);
    const sibling = counters.get(`${one.subscriber} 0`);
    if (one.turn === 'stand' && one.session === 1 && sibling !== undefined)
      Object.assign(counter, { down: sibling.down, up: sibling.up });
    const octets = one.turn === 'silent' ? null : one.turn === 'zeros' ? 0 : counter.down;
    const atMs = clock - one.lateMs + aheadMs;
    log.record(
      {
        statusType: one.status,
        subscriberId: `sub-${1 + one.subscriber}`,
        nasId: `nas-${one.nas}`,
        sessionId: `s${one.session}`,
        multiSessionId: one.session < 2 ? 'm' : null,
        parentSessionId: one.session === 1 ? 's0' : null,
        serviceClass: one.session === 1 ? 'film' : null,
        eventTimeMs: atMs,
        sessionTimeSeconds: one.hasTime ? Math.max(0, Math.round((atMs - counter.startMs) / 1000)) : null,
        outputOctets: octets,
        inputOctets: octets === null ? null : one.turn === 'zeros' ? 0 : counter.up,
        ipv6OutputOctets: one.ipv6,
      },
      clock,
    );
  }
  return log;
}

function turn(counter: Counter, { turn: what, bytes, status }: Report, clock: number): void {
  if (status === 'START') Object.assign(counter, { startMs: clock, down: 0, up: 0 });
  else if (what === 'grow') counter.down += bytes;
  else if (what === 'leap') counter.down += 9_000_000_000;
  else if (what === 'fall') counter.down = Math.floor(counter.down / 2);
  else if (what === 'restart') Object.assign(counter, { down: bytes % 100, up: 0 });
  else if (what === 'wrap') counter.down = counter.down > 3_000_000_000 ? bytes % 1_000_000 : 4_000_000_000;
  counter.up += bytes % 7;
}

function addControl(
  log: LogBuilder,
  { control, nas, subscriber, session, bytes }: Report,
  clock: number,
): void {
  const subscriberId = `sub-${1 + subscriber}`;
  const nasId = `nas-${nas}`;
  const by = 'ann';
  if (control === 'event')
    log.control({ kind: 'nas-event', nasId, event: 'off', atMs: clock - (bytes % 600_000) });
  else if (control === 're-evaluate')
    log.control({ kind: 'operator', command: { type: control, subscriberId, by } });
  else if (control === 'close') {
    const command = { type: 'close-session' as const, subscriberId, nasId, sessionId: `s${session}`, by };
    log.control({ kind: 'operator', command });
  } else if (control === 'tick') log.tick(clock);
  else {
    const old = log.inputs.find(
      (input) => input.kind === 'usage' && input.event.subscriberId === subscriberId,
    );
    if (old?.kind !== 'usage' || old.event.statusType === 'ACCOUNTING_OFF') return;
    const letter = { partition: 0, offset: old.offset };
    log.control({ kind: 'replay', letter, appendTimeMs: old.appendTimeMs, event: old.event, by });
    const input = log.inputs.at(-1);
    if (input !== undefined) input.appendTimeMs = clock + (bytes % 2) * 8 * 24 * HOUR;
  }
}
