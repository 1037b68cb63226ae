import { DAY, HOUR, MINUTE, NOON, plan } from '../factories.ts';
import type { Case } from './case-logs.ts';
import {
  AUGUST,
  JULY,
  LARGER,
  TODAY,
  beforeTime,
  change,
  changed,
  control,
  tariff,
  until,
  use,
} from './tariff-logs.ts';

/** What plans, parts, top-ups and pools make of bytes, reckoned by hand. sub-1, July of 31 days in UTC, a cap of 1000 bytes. */
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
  {
    name: 'tariff: a plan that ends as it begins gives nothing, and changes nothing for one that begins afresh',
    log: until(
      use(
        tariff(
          {
            assignments: [
              { planId: 'home-100', fromMs: 0, toMs: TODAY },
              { planId: 'home-200', fromMs: TODAY, toMs: TODAY },
              { planId: 'home-100', fromMs: TODAY, toMs: null },
            ],
          },
          { capProration: 'prorated', usedBefore: 'fresh' },
          LARGER,
        ),
        TODAY - DAY,
        100,
      ),
      NOON,
    ),
    facts: { cycleCountedBytes: 100, allowanceBytes: 1000 },
  },
  {
    name: 'tariff: a version without a date takes the place of dated ones that have begun',
    log: until(
      tariff({}, {}, { version: 2, capBytes: 7000, effectiveFromMs: JULY }, { version: 3, capBytes: 3000 }),
      AUGUST - HOUR,
    ),
    facts: { allowanceBytes: 3000 },
  },
  {
    name: 'tariff: and leaves those alone that are to come',
    log: until(
      tariff({}, {}, { version: 2, capBytes: 7000, effectiveFromMs: AUGUST }, { version: 3, capBytes: 3000 }),
      AUGUST,
    ),
    facts: { allowanceBytes: 7000 },
  },
  {
    name: 'tariff: dated ones have begun before event time has, too',
    log: use(
      beforeTime(
        {},
        { version: 2, capBytes: 7000, effectiveFromMs: JULY - 200 * DAY },
        { version: 3, capBytes: 3000 },
      ),
      NOON,
      10,
    ),
    facts: { allowanceBytes: 3000 },
  },
  {
    name: 'tariff: and one that began a minute ago by the log, where event time is behind it',
    log: until(
      control(
        tariff({}, {}, { version: 2, capBytes: 7000, effectiveFromMs: NOON }).tick(NOON - MINUTE),
        NOON + MINUTE / 2,
        { kind: 'plan-version', plan: plan({ version: 3, capBytes: 3000 }) },
      ),
      AUGUST,
    ),
    facts: { allowanceBytes: 3000 },
  },
];
