import { DAY, HOUR, MINUTE, NOON } from '../factories.ts';
import type { Case } from './case-logs.ts';
import {
  AUGUST,
  JULY,
  LARGER,
  SEPTEMBER,
  TODAY,
  change,
  changed,
  control,
  tariff,
  until,
  use,
} from './tariff-logs.ts';

const TOPPED_UP = { topUps: [{ id: 't', bytes: 500, fromMs: 0, expiresMs: SEPTEMBER }] };

const SMALL_TOP_UP = { topUps: [{ id: 't', bytes: 200, fromMs: 0, expiresMs: SEPTEMBER }] };

/** Noon of 15 July. */
const ON_15 = JULY + 14 * DAY + 12 * HOUR;
const OCTOBER = Date.UTC(2026, 9, 1);

/** Clocks go forward on 28 March 2027. */
const DAILY = { zone: 'Europe/Berlin', cycle: { kind: 'days', days: 1, from: '2026-01-01' } } as const;
const SHORT_DAY = Date.UTC(2027, 2, 27, 23);

/** What cycles make of bytes as they roll, move and close, reckoned by hand. sub-1, July of 31 days in UTC, a cap of 1000 bytes. */
export const CYCLE_CASES: readonly Case[] = [
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
    name: 'cycles: a top-up that began since the last look covers what its cycle had used',
    log: until(
      use(
        tariff({ topUps: [{ id: 't', bytes: 500, fromMs: NOON + HOUR, expiresMs: SEPTEMBER }] }),
        NOON,
        1200,
      ),
      AUGUST + HOUR,
    ),
    facts: { allowanceBytes: 1300, topUpRemainingBytes: 300 },
    uses: { t: [200, 0] },
  },
  {
    name: 'cycles: one that begins later by a corrected anchor leaves what it had with what is over of it',
    log: until(
      change(until(use(tariff(TOPPED_UP), JULY + 4 * DAY, 1200), JULY + 19 * DAY), JULY + 19 * DAY, {
        ...TOPPED_UP,
        anchorDay: 15,
      }),
      JULY + 19 * DAY + HOUR,
    ),
    facts: { allowanceBytes: 1300, cycleCountedBytes: 0 },
    uses: { t: [200, 0] },
    account: {
      parts: [[Date.UTC(2026, 5, 15), JULY + 14 * DAY, 'home-100', 1, false, 1200]],
      base: 1000,
      carryIn: 0,
      carryOut: 0,
      topUps: { t: 200 },
      over: 0,
      corrected: 0,
    },
  },
  {
    name: 'cycles: but takes it along where most of it is after the new beginning',
    log: change(until(use(tariff(TOPPED_UP), JULY + 4 * DAY, 1200), JULY + 19 * DAY), JULY + 19 * DAY, {
      ...TOPPED_UP,
      anchorDay: 3,
    }),
    facts: { allowanceBytes: 1500, cycleCountedBytes: 1200 },
    uses: { t: [0, 200] },
  },
  {
    name: 'cycles: an anchor that is corrected and taken back gives back what the cycle had',
    // The cycle that was over is not closed yet.
    log: change(
      change(until(use(tariff(SMALL_TOP_UP), JULY + 4 * DAY, 1150), ON_15), ON_15, {
        ...SMALL_TOP_UP,
        anchorDay: 15,
      }).tick(ON_15 + HOUR),
      ON_15 + HOUR,
      SMALL_TOP_UP,
    ),
    facts: { allowanceBytes: 1200, cycleCountedBytes: 1150, topUpRemainingBytes: 50 },
    uses: { t: [0, 150] },
    actions: [],
  },
  {
    name: 'cycles: and what was carried into it, not what it would have left',
    log: change(
      change(
        until(
          use(
            until(use(tariff({}, { carryOver: { limitBytes: 300 } }), NOON, 900), AUGUST + 2 * DAY),
            AUGUST + 4 * DAY,
            600,
          ),
          ON_15 + 31 * DAY,
        ),
        ON_15 + 31 * DAY,
        { anchorDay: 15 },
      ).tick(ON_15 + 31 * DAY + HOUR),
      ON_15 + 31 * DAY + HOUR,
      {},
    ),
    facts: { allowanceBytes: 1100, cycleCountedBytes: 600 },
    carry: [AUGUST, 100, false],
  },
  {
    name: 'cycles: late bytes use what was live as theirs ended, and leave less, however many came after it',
    // The day between has 23 hours: for one of them two that are over are open.
    log: until(
      use(
        until(
          until(
            use(
              until(
                tariff(
                  { ...DAILY, topUps: [{ id: 't', bytes: 500, fromMs: 0, expiresMs: SHORT_DAY + HOUR }] },
                  { carryOver: { limitBytes: 300 } },
                ),
                SHORT_DAY - 20 * HOUR,
              ),
              SHORT_DAY - 12 * HOUR,
              800,
            ),
            SHORT_DAY + HOUR,
          ),
          SHORT_DAY + 23 * HOUR + MINUTE,
        ),
        SHORT_DAY - 11 * HOUR,
        600,
      ),
      SHORT_DAY + 2 * DAY,
    ),
    // A day of July; one that had 300 of the day before, and 100 of the top-up; the short one, for which it left nothing.
    closed: [
      [0, 0, -1000],
      [300, 100, 0],
      [0, 0, -1000],
    ],
  },
  {
    name: 'cycles: what billing was told of one stands, whatever comes late to that before it',
    log: until(
      control(
        until(
          use(
            until(
              use(
                tariff(
                  { topUps: [{ id: 't', bytes: 500, fromMs: 0, expiresMs: SEPTEMBER + 90 * DAY }] },
                  { carryOver: { limitBytes: 300 } },
                ),
                NOON,
                100,
              ),
              SEPTEMBER + HOUR,
            ),
            SEPTEMBER + 2 * HOUR,
            1350,
          ),
          OCTOBER + DAY,
        ),
        OCTOBER + 3 * DAY,
        {
          kind: 'operator',
          command: {
            ...{ type: 'adjust', subscriberId: 'sub-1', atMs: AUGUST + 9 * DAY },
            ...{ downBytes: 800, upBytes: 0, reason: 'r', by: 'a' },
          },
        },
      ),
      OCTOBER + 4 * DAY,
    ),
    // Nobody looked at August: it is made with the correction, and closed after September.
    closed: [
      [0, 0, -900],
      [300, 50, 0],
      [0, 0, -200],
    ],
    uses: { t: [50, 0] },
  },
  {
    name: 'cycles: whatever is carried over, it is a number',
    log: until(
      until(
        until(tariff({ carryOverBytes: 2 ** 53 - 1 }, { carryOver: { limitBytes: 300 } }), AUGUST),
        SEPTEMBER,
      ),
      SEPTEMBER + DAY,
    ),
    closed: [
      [2 ** 53 - 1, 0, 1 - 2 ** 53],
      [2 ** 53 - 1, 0, 1 - 2 ** 53],
    ],
  },
  {
    name: 'cycles: a change of the rule takes effect at the midnight next to it where that is none of the zone',
    log: until(
      until(
        tariff({
          zone: 'Europe/Berlin',
          cycleChanges: [{ fromMs: AUGUST, cycle: { kind: 'month', anchorDay: 15 } }],
        }),
        AUGUST,
      ),
      AUGUST + 20 * DAY,
    ),
    cycles: [
      [JULY - 2 * HOUR, AUGUST - 2 * HOUR],
      [AUGUST - 2 * HOUR, AUGUST + 14 * DAY - 2 * HOUR],
      [AUGUST + 14 * DAY - 2 * HOUR, SEPTEMBER + 14 * DAY - 2 * HOUR],
    ],
  },
];
