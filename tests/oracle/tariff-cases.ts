import type { Control } from '../../schemas/control.ts';
import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import { DAY, HOUR, LogBuilder, MINUTE, NOON, capPolicy, plan, profile } from '../factories.ts';
import type { Case } from './case-logs.ts';

const JULY = Date.UTC(2026, 6, 1);
const AUGUST = Date.UTC(2026, 7, 1);
const SEPTEMBER = Date.UTC(2026, 8, 1);
const TODAY = Date.UTC(2026, 6, 10);

/** A log of July with plans, a policy at the cap that lets go at once, and a profile. */
function tariff(given: Partial<SubscriberProfile>, ...plans: Partial<PlanVersion>[]): LogBuilder {
  const log = new LogBuilder().tick(JULY + HOUR);
  for (const fields of plans.length === 0 ? [{}] : plans)
    log.control({ kind: 'plan-version', plan: plan(fields) });
  log.control({ kind: 'policy-version', policy: capPolicy({ minHoldSeconds: 0 }) });
  return log.control({ kind: 'subscriber-profile', profile: profile(given) });
}

/** Octets down at an instant, in a session of their own. */
function use(log: LogBuilder, atMs: number, bytes: number): LogBuilder {
  return log.record({ eventTimeMs: atMs, sessionId: `s${log.inputs.length}`, outputOctets: bytes });
}

function control(log: LogBuilder, atMs: number, content: Control): LogBuilder {
  log.control(content);
  const input = log.inputs.at(-1);
  if (input !== undefined) input.appendTimeMs = atMs;
  return log;
}

function change(log: LogBuilder, atMs: number, given: Partial<SubscriberProfile>): LogBuilder {
  return control(log, atMs, { kind: 'subscriber-profile', profile: profile(given) });
}

/** Event time reaches an instant, and everybody whose time has come is looked at. */
function until(log: LogBuilder, atMs: number): LogBuilder {
  return log.tick(atMs).tick(atMs + 1);
}

/** home-100 up to an instant, home-200 from then on. */
function changed(atMs: number): Pick<SubscriberProfile, 'assignments'> {
  return {
    assignments: [
      { planId: 'home-100', fromMs: 0, toMs: atMs },
      { planId: 'home-200', fromMs: atMs, toMs: null },
    ],
  };
}

const LARGER: Partial<PlanVersion> = { planId: 'home-200', capBytes: 5000 };

/** What plans, top-ups and cycles make of bytes, reckoned by hand. sub-1, July of 31 days in UTC, a cap of 1000 bytes. */
export const TARIFF_CASES: readonly Case[] = [
  {
    name: 'tariff: a change of now is in force with its control, before event time gets there',
    log: change(use(tariff({}, {}, LARGER), NOON, 1100), NOON + 2 * MINUTE, {
      ...changed(NOON + 2 * MINUTE),
      asOfMs: NOON + 2 * MINUTE,
    }),
    actions: ['throttle', 'restore'],
    facts: { planId: 'home-200', allowanceBytes: 5000 },
  },
  {
    name: 'tariff: nothing is in force more than 5 min after its control',
    log: change(use(tariff({}, {}, LARGER), NOON, 1100), NOON + MINUTE, {
      ...changed(NOON + 6 * MINUTE + 1),
      asOfMs: NOON + DAY,
    }),
    actions: ['throttle'],
    facts: { planId: 'home-100' },
  },
  {
    name: 'tariff: but up to then, whatever the instant of the change was',
    log: change(use(tariff({}, {}, LARGER), NOON, 1100), NOON + MINUTE, {
      ...changed(NOON + 6 * MINUTE),
      asOfMs: NOON + DAY,
    }),
    actions: ['throttle', 'restore'],
  },
  {
    name: 'tariff: a later profile without an instant keeps the one before',
    log: change(
      change(use(tariff({}, {}, LARGER), NOON, 1100), NOON + 4 * MINUTE, {
        ...changed(NOON + 4 * MINUTE),
        asOfMs: NOON + 4 * MINUTE,
      }),
      NOON + 5 * MINUTE,
      { ...changed(NOON + 4 * MINUTE), tags: ['new'] },
    ),
    actions: ['throttle', 'restore'],
  },
  {
    name: 'tariff: what is carried over a change is divided by time',
    log: tariff(changed(NOON + 4 * MINUTE), {}, { ...LARGER, counted: 'up' }).record({
      eventTimeMs: NOON + 10 * MINUTE,
      sessionTimeSeconds: 600,
      outputOctets: 1000,
    }),
    windows: [
      [0, 500, 0],
      [5, 500, 0],
    ],
    parts: [
      [JULY, NOON + 4 * MINUTE, 400],
      [NOON + 4 * MINUTE, AUGUST, 600],
    ],
    facts: { cycleCountedBytes: 400, cycleTotalBytes: 1000 },
  },
  {
    name: 'tariff: a change of midnight moves the days from there on',
    log: change(
      use(use(use(tariff({}, {}, LARGER), NOON - 2 * DAY, 100), NOON - DAY, 200), NOON, 300),
      NOON + MINUTE,
      changed(TODAY - DAY),
    ),
    parts: [
      [JULY, TODAY - DAY, 100],
      [TODAY - DAY, AUGUST, 500],
    ],
    total: [600, 0],
  },
  {
    name: 'tariff: back-dated to no midnight, what is known stays before it',
    log: change(
      use(use(tariff({}, {}, LARGER), NOON - DAY, 200), NOON, 300),
      NOON + MINUTE,
      changed(TODAY - DAY + HOUR),
    ),
    parts: [
      [JULY, TODAY - DAY + HOUR, 500],
      [TODAY - DAY + HOUR, AUGUST, 0],
    ],
  },
  {
    name: 'tariff: days are divided from left to right, and a change that is taken back is none',
    log: change(
      change(
        change(use(use(tariff({}, {}, LARGER), NOON - DAY, 200), NOON, 300), NOON + 1, changed(TODAY - DAY)),
        NOON + 2,
        changed(TODAY),
      ),
      NOON + 3,
      {},
    ),
    parts: [],
    total: [500, 0],
    facts: { cycleCountedBytes: 500, allowanceBytes: 1000 },
  },
  {
    name: 'tariff: a plan that begins afresh asks for nothing before it, its cap is whole',
    log: use(
      change(use(tariff({}, {}, { ...LARGER, capBytes: 1000, usedBefore: 'fresh' }), NOON, 900), NOON + 9, {
        ...changed(NOON + MINUTE),
        asOfMs: NOON + MINUTE,
      }),
      NOON + 2 * MINUTE,
      150,
    ),
    facts: { cycleCountedBytes: 150, allowanceBytes: 1000, cycleTotalBytes: 1050 },
    actions: [],
  },
  {
    name: 'tariff: caps are prorated by seconds, each rounded down from the beginning of the cycle',
    log: until(
      tariff(
        changed(TODAY + DAY),
        { capProration: 'prorated' },
        {
          ...LARGER,
          capBytes: 3100,
          capProration: 'prorated',
        },
      ),
      TODAY + 2 * DAY,
    ),
    // 10 days of 31: 322 of 1000, and 3100 less 1000 of 3100.
    facts: { allowanceBytes: 322 + 2100 },
  },
  {
    name: 'tariff: what is to come moves no cap before it comes',
    log: until(
      tariff(
        changed(TODAY + DAY),
        { capProration: 'prorated' },
        {
          ...LARGER,
          capBytes: 3100,
          capProration: 'prorated',
        },
      ),
      NOON,
    ),
    facts: { allowanceBytes: 322 },
  },
  {
    name: 'tariff: the top-up that expires first goes first, and what it covered stays covered',
    log: until(
      use(
        tariff({
          topUps: [
            { id: 'long', bytes: 500, fromMs: 0, expiresMs: NOON + DAY },
            { id: 'short', bytes: 300, fromMs: 0, expiresMs: NOON + HOUR },
          ],
        }),
        NOON,
        1200,
      ),
      NOON + 2 * HOUR,
    ),
    facts: { allowanceBytes: 1000 + 200 + 500, topUpRemainingBytes: 500 },
    uses: { short: [0, 200] },
    actions: [],
  },
  {
    name: 'tariff: a top-up that was used in July has less for August',
    log: use(
      until(
        use(tariff({ topUps: [{ id: 't', bytes: 500, fromMs: 0, expiresMs: SEPTEMBER }] }), NOON, 1200),
        AUGUST,
      ),
      AUGUST + HOUR,
      1100,
    ),
    facts: { allowanceBytes: 1300, topUpRemainingBytes: 200 },
    uses: { t: [200, 100] },
  },
  {
    name: 'tariff: late bytes use what was live as their cycle ended',
    log: use(
      until(
        use(
          tariff({ topUps: [{ id: 't', bytes: 500, fromMs: 0, expiresMs: SEPTEMBER }] }),
          AUGUST - 3 * HOUR,
          1200,
        ),
        AUGUST + HOUR,
      ),
      AUGUST - 2 * HOUR,
      100,
    ),
    facts: { allowanceBytes: 1200, topUpRemainingBytes: 200 },
    uses: { t: [300, 0] },
  },
  {
    name: 'tariff: what is left of the cap goes into the next cycle, up to the limit, and no further',
    log: until(
      use(until(use(tariff({}, { carryOver: { limitBytes: 300 } }), NOON, 100), AUGUST), AUGUST + HOUR, 950),
      SEPTEMBER,
    ),
    // August had 1300 and used 950: 50 of its cap are left, whatever July brought.
    carry: [SEPTEMBER, 50, false],
    facts: { allowanceBytes: 1050 },
  },
  {
    name: 'tariff: late bytes take from what was carried over until their cycle is closed',
    log: until(
      use(
        until(use(tariff({}, { carryOver: { limitBytes: 300 } }), AUGUST - 3 * HOUR, 100), AUGUST + HOUR),
        AUGUST - 2 * HOUR,
        800,
      ),
      AUGUST + 2 * DAY,
    ),
    carry: [AUGUST, 100, true],
    facts: { allowanceBytes: 1100 },
  },
  {
    name: 'tariff: a number that the profile gives counts as long as it says',
    log: until(tariff({ carryOverBytes: 70, carryOverUntilMs: NOON }), NOON),
    facts: { allowanceBytes: 1000 },
  },
  {
    name: 'tariff: nothing counts in a time without limits',
    log: use(
      use(
        use(tariff({ unlimited: [{ id: 'free', fromMs: NOON, toMs: NOON + HOUR }] }), NOON - MINUTE, 10),
        NOON + MINUTE,
        5000,
      ),
      NOON + HOUR,
      20,
    ),
    facts: { cycleCountedBytes: 30, cycleTotalBytes: 5030 },
    parts: [
      [JULY, NOON, 10],
      [NOON, NOON + HOUR, 5000],
      [NOON + HOUR, AUGUST, 20],
    ],
    actions: [],
  },
  {
    name: 'tariff: a dated version of the plan waits for the next cycle',
    log: until(tariff({}, {}, { version: 2, capBytes: 7000, effectiveFromMs: TODAY - DAY }), AUGUST - HOUR),
    facts: { allowanceBytes: 1000 },
  },
  {
    name: 'tariff: and holds from there on',
    log: until(tariff({}, {}, { version: 2, capBytes: 7000, effectiveFromMs: TODAY - DAY }), AUGUST),
    facts: { allowanceBytes: 7000 },
  },
  {
    name: 'tariff: or for who is assigned to it after it began',
    log: until(
      tariff(
        { assignments: [{ planId: 'home-100', fromMs: NOON, toMs: null }] },
        {},
        { version: 2, capBytes: 7000, effectiveFromMs: TODAY - DAY },
      ),
      NOON,
    ),
    facts: { allowanceBytes: 7000 },
  },
  {
    name: 'tariff: an add-on gives its bytes from its beginning, all or by time',
    log: until(
      tariff({
        addOns: [
          { id: 'whole', fromMs: NOON, toMs: null, capBytes: 50, prorated: false },
          { id: 'part', fromMs: TODAY + DAY, toMs: null, capBytes: 310, prorated: true },
          { id: 'later', fromMs: TODAY + 9 * DAY, toMs: null, capBytes: 900, prorated: false },
        ],
      }),
      TODAY + 2 * DAY,
    ),
    facts: { allowanceBytes: 1000 + 50 + 210, capBytes: 1000 },
  },
  {
    name: 'tariff: another rule of cycles begins where one ends, with what is left of its own',
    log: until(
      until(
        use(tariff({ cycleChanges: [{ fromMs: AUGUST, cycle: { kind: 'week', weekday: 1 } }] }), NOON, 100),
        AUGUST,
      ),
      AUGUST + 2 * DAY,
    ),
    // 1 August 2026 is a Saturday.
    cycles: [
      [JULY, AUGUST],
      [AUGUST, AUGUST + 2 * DAY],
      [AUGUST + 2 * DAY, AUGUST + 9 * DAY],
    ],
  },
  {
    name: 'tariff: cycles of so many days go by dates',
    log: until(
      tariff({ zone: 'Europe/Berlin', cycle: { kind: 'days', days: 10, from: '2026-10-20' } }),
      Date.UTC(2026, 9, 28),
    ),
    // Clocks go back on 25 October.
    cycles: [
      [Date.UTC(2026, 5, 21, 22), Date.UTC(2026, 6, 1, 22)],
      [Date.UTC(2026, 9, 19, 22), Date.UTC(2026, 9, 29, 23)],
    ],
  },
  {
    name: 'tariff: a close tells parts, what was free, and what was beyond',
    log: until(
      use(
        use(
          tariff(
            { ...changed(TODAY), topUps: [{ id: 't', bytes: 100, fromMs: 0, expiresMs: AUGUST }] },
            { carryOver: { limitBytes: 5 } },
            { ...LARGER, version: 3, capBytes: 600, carryOver: { limitBytes: 5 } },
          ),
          TODAY - DAY,
          300,
        ),
        NOON,
        500,
      ),
      AUGUST + DAY,
    ),
    closings: [[JULY, 800, 0]],
    account: {
      parts: [
        [JULY, TODAY, 'home-100', 1, false, 300],
        [TODAY, AUGUST, 'home-200', 3, false, 500],
      ],
      base: 600,
      carryIn: 0,
      carryOut: 0,
      topUps: { t: 100 },
      over: 100,
      corrected: 0,
    },
  },
  {
    name: 'tariff: late usage of a closed cycle says in which part it was',
    log: use(until(use(tariff(changed(TODAY), {}, LARGER), NOON, 5), AUGUST + DAY), AUGUST - HOUR, 7),
    adjustments: [['late-usage', JULY, 7, 0]],
    adjustedParts: [TODAY],
  },
  {
    name: 'tariff: who joins a pool tells it from then on, who leaves it no more',
    log: use(
      until(
        use(
          use(
            tariff({
              poolMemberships: [{ poolId: 'family', fromMs: NOON + HOUR, toMs: NOON + 3 * HOUR }],
            }),
            NOON,
            10,
          ),
          NOON + 2 * HOUR,
          20,
        ),
        NOON + 4 * HOUR,
      ),
      NOON + 5 * HOUR,
      40,
    ),
    told: [
      ['family', 0, false],
      ['family', 20, true],
    ],
  },
];
