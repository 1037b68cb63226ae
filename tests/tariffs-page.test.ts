import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { changedCycleAt, ruleCycleAt } from '../rules/cycle.ts';
import { baseCap, carryOver, consume } from '../rules/tariff/allowance.ts';
import { blocksAtClose } from '../rules/tariff/blocks.ts';
import { countedBytes } from '../rules/tariff/counted.ts';
import { dueFees } from '../rules/tariff/fees.ts';
import { formatMoney } from '../rules/tariff/money.ts';
import type { ItemContext } from '../rules/tariff/settle.ts';
import { settleLines } from '../rules/tariff/settle.ts';
import { addOnTerms, lookup, planTerms, timeline } from '../rules/tariff/tariff-factory.contract.ts';
import { priceUsage } from '../rules/tariff/tiers.ts';
import type { TariffTimeline } from '../rules/tariff/timeline.ts';
import { billingCycleAt } from '../rules/tariff/timeline.ts';
import type { BillingItem } from '../schemas/billing.ts';
import type { CycleRule } from '../schemas/profile.ts';
import type { Tier } from '../schemas/tariff.ts';

const PAGE = readFileSync(new URL('../docs/tariffs.md', import.meta.url), 'utf8');
const BERLIN = 'Europe/Berlin';
const GB = 1_000_000_000;
const at = (text: string): number => Date.parse(text);
const day = (ms: number): string =>
  new Date(ms).toLocaleDateString('en-GB', { timeZone: BERLIN, day: 'numeric', month: 'short' });
const gb = (bytes: number): string => `${bytes / GB} GB`;
const euro = (amountMinor: number): string => formatMoney({ amountMinor, currency: 'EUR' });

/** The page shows this row of a table, whatever room its cells are given. */
function shows(...cells: string[]): void {
  const rows = PAGE.split('\n').map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .join('|'),
  );
  expect(rows).toContain(`|${cells.join('|')}|`);
}

describe('docs/tariffs.md', () => {
  it.each<[string, CycleRule, string[]]>([
    ['monthly from the 31st', { kind: 'month', anchorDay: 31 }, ['31 Jan', '28 Feb', '31 Mar', '30 Apr']],
    ['weekly from Monday', { kind: 'week', weekday: 1 }, ['26 Jan', '2 Feb', '9 Feb', '16 Feb']],
    [
      'every 10 days',
      { kind: 'days', days: 10, from: '2026-01-25' },
      ['25 Jan', '4 Feb', '14 Feb', '24 Feb'],
    ],
  ])('says when cycles begin %s', (name, rule, begins) => {
    const found: string[] = [];
    let { startMs, endMs } = ruleCycleAt(BERLIN, rule, at('2026-01-31T12:00:00Z'));
    for (; found.length < 4; { startMs, endMs } = ruleCycleAt(BERLIN, rule, endMs)) found.push(day(startMs));
    expect(found).toEqual(begins);
    shows(name, found.join(', '));
  });

  it('prorates a change of plan, a hold and an activation by their seconds', () => {
    const plans = lookup([
      planTerms({ planId: 'basic', name: 'Basic', recurring: { feeMinor: 2000, when: 'advance' } }),
      planTerms({ planId: 'pro', name: 'Pro', recurring: { feeMinor: 4000, when: 'advance' } }),
    ]);
    const began = { planId: 'basic', fromMs: at('2026-01-01T00:00:00+01:00'), toMs: null };
    const basic = timeline({ zone: BERLIN, assignments: [began] });
    const changed = at('2026-03-16T00:00:00+01:00');
    const april = at('2026-04-10T12:00:00Z');
    const march = at('2026-03-10T12:00:00Z');
    const settled = (before: TariffTimeline | null, after: TariffTimeline, inMs: number): BillingItem[] => {
      const cycle = billingCycleAt(after, inMs);
      const context: ItemContext = {
        subscriberId: 's',
        accountId: 'a',
        currency: 'EUR',
        taxClass: '',
        cycle,
        closed: false,
      };
      const first = before === null ? [] : settleLines(dueFees(before, cycle, plans, 'advance'), [], context);
      const itemised = first.map(({ line, amountMinor, quantity }) => ({
        line,
        amountMinor,
        quantity,
        n: 1,
      }));
      return settleLines(dueFees(after, cycle, plans, 'advance'), itemised, context);
    };
    const row = (what: string, items: BillingItem[]): void => {
      shows(
        what,
        items
          .map(({ type, amountMinor, description }) => `${type} ${description} ${euro(amountMinor)}`)
          .join('; '),
      );
    };
    const toPro: TariffTimeline = {
      ...basic,
      assignments: [
        { ...began, toMs: changed },
        { planId: 'pro', fromMs: changed, toMs: null },
      ],
    };
    row('Basic, the whole of March', settled(null, basic, march));
    row('to Pro on 16 March, 00:00', settled(basic, toPro, march));
    row(
      'activated on 11 April, 00:00',
      settled(
        null,
        { ...basic, assignments: [{ ...began, fromMs: at('2026-04-11T00:00:00+02:00') }] },
        april,
      ),
    );
    row(
      'terminated on 21 April, 00:00',
      settled(basic, { ...basic, assignments: [{ ...began, toMs: at('2026-04-21T00:00:00+02:00') }] }, april),
    );
    row(
      "customer's hold, 11 to 21 April",
      settled(
        basic,
        {
          ...basic,
          holds: [
            {
              kind: 'customer',
              fromMs: at('2026-04-11T00:00:00+02:00'),
              toMs: at('2026-04-21T00:00:00+02:00'),
            },
          ],
        },
        april,
      ),
    );
    const toThe15th = {
      fromMs: at('2026-05-01T00:00:00+02:00'),
      cycle: { kind: 'month' as const, anchorDay: 15 },
    };
    row(
      'anchor to the 15th: the stub of 1 to 15 May',
      settled(null, { ...basic, cycleChanges: [toThe15th] }, at('2026-05-02T00:00:00Z')),
    );
    expect(changedCycleAt(BERLIN, basic.cycle, [toThe15th], at('2026-05-02T00:00:00Z')).endMs).toBe(
      at('2026-05-15T00:00:00+02:00'),
    );
  });

  it('prices usage by tiers', () => {
    const tiers: Tier[] = [
      { toBytes: 10 * GB, unitBytes: GB, priceMicro: 50_000_000 },
      { toBytes: null, unitBytes: GB, priceMicro: 20_000_000 },
    ];
    for (const bytes of [8 * GB, 10 * GB, 25.5 * GB]) {
      const price = (mode: 'graduated' | 'volume' | 'package'): string =>
        euro(priceUsage(mode, tiers, bytes).totalMinor);
      shows(gb(bytes), price('graduated'), price('volume'), price('package'));
    }
  });

  it('counts bytes by class, and the cap by its parts', () => {
    const terms = { counted: 'both' as const, classFactors: { video: 500, music: 0 } };
    const of = (serviceClass: string, bytes: number) => ({ serviceClass, downBytes: bytes, upBytes: 0 });
    const counted = countedBytes(terms, {
      classes: [of('', 30 * GB), of('video', 40 * GB), of('music', 5 * GB)],
      offPeak: [],
    });
    shows('30 GB, 40 GB of `video` (500 ‰), 5 GB of `music` (0 ‰)', gb(counted));
    const april = ruleCycleAt(BERLIN, { kind: 'month', anchorDay: 1 }, at('2026-04-10T00:00:00Z'));
    const changed = at('2026-04-16T00:00:00+02:00');
    const cap = (first: 'whole' | 'prorated', then: 'whole' | 'prorated'): string =>
      gb(
        baseCap(
          april,
          [
            { fromMs: april.startMs, toMs: changed, plan: { capBytes: 100 * GB, capProration: first } },
            { fromMs: changed, toMs: april.endMs, plan: { capBytes: 500 * GB, capProration: then } },
          ],
          [],
        ) ?? 0,
      );
    shows('whole, whole', cap('whole', 'whole'));
    shows('prorated, prorated', cap('prorated', 'prorated'));
    shows('prorated, whole', cap('prorated', 'whole'));
  });

  it('takes cap, carry-over, blocks and top-ups in this order', () => {
    const late = { id: 'late', bytes: 50 * GB, fromMs: 0, expiresMs: at('2026-06-30T00:00:00Z') };
    const soon = { id: 'soon', bytes: 20 * GB, fromMs: 0, expiresMs: at('2026-05-10T00:00:00Z') };
    for (const counted of [90 * GB, 115 * GB, 150 * GB, 200 * GB]) {
      const input = {
        baseBytes: 100 * GB,
        carryBytes: 10 * GB,
        soldBytes: 0,
        topUps: [late, soon],
        uses: [],
        nowMs: at('2026-04-20T00:00:00Z'),
      };
      const { uses, allowanceBytes } = consume({ ...input, countedBytes: counted });
      const used = (id: string): string => gb(uses.find((use) => use.id === id)?.usedBytes ?? 0);
      const beyond = Math.max(0, counted - allowanceBytes);
      shows(gb(counted), gb(Math.min(counted, 110 * GB)), used('soon'), used('late'), gb(beyond));
    }
    const terms = { blockBytes: 10 * GB, blockPriceMinor: 200, currency: 'EUR', maxBlocks: 5 };
    for (const [beyond, sold] of [
      [20, 2],
      [21, 2],
      [75, 2],
    ] as const) {
      const overage = { blocks: sold, soldBytes: sold * 10 * GB, overBytes: beyond * GB, correctedBytes: 0 };
      const due = blocksAtClose(terms, overage, sold);
      shows(gb(beyond * GB), `${sold}`, `${due}`, euro(due * 200));
    }
    for (const used of [60, 97, 130]) shows(gb(used * GB), gb(carryOver(20 * GB, 100 * GB, used * GB)));
  });

  it('charges an add-on like a plan', () => {
    const cycle = ruleCycleAt(BERLIN, { kind: 'month', anchorDay: 1 }, at('2026-04-10T00:00:00Z'));
    const fromMs = at('2026-04-16T00:00:00+02:00');
    const t = timeline({ zone: BERLIN, addOns: [{ addOnId: 'x', fromMs, toMs: null }] });
    const [due] = dueFees(t, cycle, lookup([], [addOnTerms({ feeMinor: 500 })]), 'all');
    shows('an add-on of 5.00 EUR from 16 April on', euro(due?.amountMinor ?? 0));
  });
});
