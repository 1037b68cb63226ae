import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActionIntent } from '../../schemas/action.ts';
import type { PolicyRule, PolicyVersion } from '../../schemas/policy.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import { LogBuilder, NOON, fold, freshSlot, intentsOf, plan, profile } from '../../tests/factories.ts';
import { WINDOW_MS } from '../window/spread.ts';
import {
  DAY_MS,
  HOUR_MS,
  JULY,
  inForce,
  pageOf,
  pageOfRows,
  policy,
  rule,
  tallyOf,
  task,
} from './backtest-rig.contract.ts';
import type { Used } from './backtest-rig.contract.ts';
import { LineReplay } from './replay-line.ts';
import { hashOf } from './samples.ts';
import { mergeTally, noTally } from './tally.ts';
import type { Tally } from './tally.ts';

/** On a machine that does much else. */
const PATIENCE_MS = 60_000;
const TERMS = { blockBytes: 150, blockPriceMinor: 100, currency: 'EUR', maxBlocks: 4 };
const at = (percent: number, fact = 'capUsedPercent') => ({
  all: [{ fact, operator: 'greaterThanInclusive', value: percent }],
});

/** One rule of each kind, some of which come and go. */
const RULES: PolicyRule[] = [
  rule({ name: 'slow', conditions: at(100) }),
  rule({
    name: 'half',
    conditions: at(50),
    event: { type: 'notify', params: { template: 'half', channel: 'sms' } },
  }),
  rule({ name: 'blocks', conditions: at(100), event: { type: 'overage', params: {} } }),
  rule({
    name: 'busy-hour',
    conditions: at(120, 'hourBytes'),
    event: { type: 'throttle', params: { downBps: 5e6, upBps: 1e6, minHoldSeconds: 0 } },
  }),
  rule({ name: 'latched', conditions: at(130), event: { type: 'block', params: { until: 'cycle-end' } } }),
  rule({
    name: 'rate',
    conditions: at(3, 'peakRateBps'),
    event: { type: 'redirect', params: { profile: 'portal', until: { seconds: 1800 } } },
  }),
];

describe('what the fold metered, replayed', () => {
  it(
    'gives the decisions that the fold made, in the same windows',
    () => {
      // Up to more than the busy hour's threshold at once: it ends with the hour and begins again.
      const amounts = fc.array(fc.nat({ max: 200 }), { minLength: 20, maxLength: 60 });
      return fc.assert(
        fc.asyncProperty(fc.subarray(RULES, { minLength: 1 }), amounts, async (rules, octets) => {
          const version = policy(rules);
          const line = profile({ overageConsent: true });
          const { intents, rows } = folded(version, line, octets);
          const page = await pageOfRows([line], rows, WINDOW_MS);
          const of = task({
            resolution: '5m',
            draft: inForce(version),
            plans: [FOLDED_PLAN],
            fromMs: NOON,
            toMs: NOON + (octets.length + 1) * WINDOW_MS,
          });
          const range = { from: 0, to: page.usage.seconds.length };
          const outcome = new LineReplay(of).replay(line, page, range);
          const replayed = outcome.sides.draft.decisions.map(({ intent }) => intent);
          const lastMs = NOON + octets.length * WINDOW_MS - 60_000;
          // After the last record the fold has not been told that time went on.
          expect(replayed.filter(({ decidedAtMs }) => decidedAtMs <= lastMs).map(deed)).toEqual(
            intents.map(deed),
          );
        }),
        { numRuns: 40 },
      );
    },
    PATIENCE_MS,
  );
});

const FOLDED_PLAN = plan({ capBytes: 3000, overage: TERMS });

/** Records at the ends of windows, each with so many octets more, under a policy that was there before. */
function folded(version: PolicyVersion, line: SubscriberProfile, octets: readonly number[]) {
  const log = new LogBuilder()
    .control({ kind: 'plan-version', plan: FOLDED_PLAN })
    .control({ kind: 'policy-version', policy: version })
    .control({ kind: 'subscriber-profile', profile: line })
    .record({ statusType: 'START', eventTimeMs: NOON });
  let outputOctets = 0;
  octets.forEach((more, n) => {
    outputOctets += more;
    log.record({ eventTimeMs: NOON + (n + 1) * WINDOW_MS, outputOctets });
  });
  const effects = fold(freshSlot(), log.inputs);
  const rows = [...effects.windows].map(({ startMs, down, up, ...row }) => ({
    ...row,
    ...{ partition: 0, windowStartMs: startMs, downBytes: down, upBytes: up },
  }));
  return { intents: intentsOf(effects).filter(({ disposition }) => disposition === 'send'), rows };
}

function deed({ kind, rule: name, decidedAtMs, desired, overage }: ActionIntent) {
  return { kind, name, window: Math.floor((decidedAtMs - NOON) / WINDOW_MS), desired, overage };
}

const lines = fc.array(
  fc.record({
    octets: fc.array(fc.nat({ max: 400 }), { maxLength: 12 }),
    zone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York'),
    anchorDay: fc.integer({ min: 1, max: 31 }),
    planId: fc.constantFrom('home-100', 'other'),
  }),
  { minLength: 1, maxLength: 12 },
);

function population(made: typeof lines extends fc.Arbitrary<infer Made> ? Made : never) {
  return made.map(({ octets, zone, anchorDay, planId }, n) => ({
    profile: profile({
      subscriberId: `sub-${String(n)}`,
      overageConsent: n % 2 === 0,
      ...{ zone, anchorDay, assignments: [{ planId, fromMs: 0, toMs: null }] },
    }),
    used: octets.map((down, i): Used => [JULY + i * 31 * HOUR_MS, down]),
  }));
}

const STRICTER = policy(RULES.slice(0, 5).map((one) => ({ ...one, conditions: at(40) })));
const PLANS = [plan({ overage: TERMS }), plan({ planId: 'other', capBytes: 500 })];
const both = (draft: PolicyVersion, against: PolicyVersion) =>
  task({ draft: inForce(draft), against: inForce(against), plans: PLANS, toMs: JULY + 20 * DAY_MS });
const HOURLY = policy(RULES.slice(0, 5));

describe('laws', () => {
  it(
    'a policy against itself gains and loses nothing, whatever it is called',
    () =>
      fc.assert(
        fc.asyncProperty(lines, async (made) => {
          const same = policy(
            HOURLY.file.rules.map((one) => ({ ...one, name: `${one.name}-2` })),
            { id: 'q' },
          );
          const tally = tallyOf(both(HOURLY, same), [await pageOf(population(made))]);
          expect([...tally.gained, ...tally.lost]).toEqual([]);
          expect([tally.changed, tally.samples.size]).toEqual([0, 0]);
          for (const { gained, lost, draft, against } of tally.reach.values())
            expect([gained, lost, draft]).toEqual([0, 0, against]);
          for (const { draft, against } of tally.charges.values()) expect(draft).toEqual(against);
        }),
        { numRuns: 30 },
      ),
    PATIENCE_MS,
  );

  it(
    'gained and lost change places with the sides, and account for all of the difference',
    () =>
      fc.assert(
        fc.asyncProperty(lines, async (made) => {
          const page = await pageOf(population(made));
          const [one, other] = [
            tallyOf(both(STRICTER, HOURLY), [page]),
            tallyOf(both(HOURLY, STRICTER), [page]),
          ];
          expect(sorted(one.gained)).toEqual(sorted(other.lost));
          for (const [kind, count] of one.actions.draft) {
            const more = (one.gained.get(kind) ?? 0) - (one.lost.get(kind) ?? 0);
            expect(count - (one.actions.against.get(kind) ?? 0)).toBe(more);
          }
          for (const { draft, against, gained, lost } of one.reach.values())
            expect(draft - against).toBe(gained - lost);
        }),
        { numRuns: 30 },
      ),
    PATIENCE_MS,
  );

  it(
    'splitting subscribers over pages and threads changes nothing',
    () =>
      fc.assert(
        fc.asyncProperty(lines, fc.nat({ max: 3 }), async (made, threads) => {
          const all = population(made);
          const of = both(STRICTER, HOURLY);
          const whole = tallyOf(of, [await pageOf(all)]);
          const parts = await Promise.all(all.map((line) => pageOf([line])));
          const sum = noTally();
          for (let thread = 0; thread <= threads; thread += 1) {
            const own = parts.filter((_, n) => n % (threads + 1) === thread);
            mergeTally(sum, tallyOf(of, own), of.samples);
          }
          expect(plain(sum)).toEqual(plain(whole));
        }),
        { numRuns: 30 },
      ),
    PATIENCE_MS,
  );

  it(
    'a sample is whole subscribers by a stable hash',
    () =>
      fc.assert(
        fc.asyncProperty(lines, fc.integer({ min: 1, max: 2 ** 31 - 1 }), async (made, hashBelow) => {
          const all = population(made);
          const of = both(STRICTER, HOURLY);
          const sampled = tallyOf({ ...of, hashBelow }, [await pageOf(all)]);
          const own = all.filter((line) => hashOf(line.profile.subscriberId) < hashBelow);
          const alone = tallyOf(of, [await pageOf(own)]);
          expect({ ...plain(sampled), strangers: 0 }).toEqual({ ...plain(alone), strangers: 0 });
        }),
        { numRuns: 30 },
      ),
    PATIENCE_MS,
  );
});

/** The order in which things were counted is nobody's concern. */
function plain(tally: Tally): Record<string, unknown> {
  return JSON.parse(
    JSON.stringify(tally, (_key, value: unknown) => (value instanceof Map ? sorted(value) : value)),
  ) as Record<string, unknown>;
}

function sorted<Value>(map: ReadonlyMap<unknown, Value>): [string, Value][] {
  return [...map]
    .map(([key, value]): [string, Value] => [String(key), value])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
