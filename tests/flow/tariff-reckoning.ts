/*
 * What the subscribers of the tariff test owe, by arithmetic of its own: no function of the program is asked. Bytes are in
 * hundredths of a GB, so that every number here is exact.
 */

/** Hundredths of a GB. */
export const CENTI_GB = 10_000_000;

/** A plan as the test gives it to the API; fees and prices in cents. */
export interface TestPlan {
  feeMinor: number;
  when: 'advance' | 'arrears';
  /** hundredths of a GB, null = none */
  cap: number | null;
  /** a block of 1 GB beyond the cap */
  blockMinor: number | null;
  /** graduated: what is in the fee, where the second tier begins, and the price of a GB in each; null = none */
  usage: { included: number; secondFrom: number; gbMinor: [number, number] } | null;
}

/** Plans by their ids. */
export const TEST_PLANS = {
  basic: { feeMinor: 3_000, when: 'advance', cap: 1_000, blockMinor: 250, usage: null },
  fast: { feeMinor: 6_100, when: 'advance', cap: 2_000, blockMinor: 200, usage: null },
  flex: {
    feeMinor: 1_000,
    when: 'arrears',
    cap: null,
    blockMinor: null,
    usage: { included: 500, secondFrom: 1_000, gbMinor: [100, 50] },
  },
} as const satisfies Record<string, TestPlan>;

/** One of them. */
export type TestPlanId = keyof typeof TEST_PLANS;

/** What a subscriber had and carried in the cycle; hundredths of a GB. */
export interface History {
  /** from the beginning of the cycle on; null = it came with the change */
  first: TestPlanId | null;
  /** from the change on; null = none came */
  second: TestPlanId | null;
  consents: boolean;
  /** a top-up of so much, bought between the two halves of the usage; null = none */
  topUp: { bytes: number; priceMinor: number } | null;
  /** before the change, after it, and after it but told when the cycle was closed */
  used: { before: number; after: number; late: number };
}

/** What is owed: [line, cents] of each item, in no order. */
export type Owed = [line: string, amountMinor: number][];

/** @param change, cycle seconds since 1970; the change's are of no meaning where there is none */
export function owed(history: History, cycle: { from: number; to: number }, changeAt: number): Owed {
  return [
    ...feesOf(history, cycle, changeAt),
    ...blocksOf(history),
    ...usageOf(history),
    ...topUpOf(history),
  ];
}

function feesOf({ first, second }: History, cycle: { from: number; to: number }, changeAt: number): Owed {
  const whole = cycle.to - cycle.from;
  const upTo = (fee: number, at: number): number => halfEven(fee * (at - cycle.from), whole);
  const fees: Owed = [];
  if (first !== null) {
    const { feeMinor, when } = TEST_PLANS[first];
    const used = second === null ? feeMinor : upTo(feeMinor, changeAt);
    // In advance the whole of it is charged, and a change gives back; in arrears what it came to.
    if (when === 'arrears') fees.push([`plan:${first}`, used]);
    else fees.push([`plan:${first}`, feeMinor], [`plan:${first}`, used - feeMinor]);
  }
  if (second !== null) {
    const { feeMinor } = TEST_PLANS[second];
    fees.push([`plan:${second}`, feeMinor - upTo(feeMinor, changeAt)]);
  }
  return fees.filter(([, amount]) => amount !== 0);
}

/** Each block at the price of the plan that was in force when it was begun; those that were sold count as allowance. */
function blocksOf({ first, second, consents, topUp, used }: History): Owed {
  if (!consents) return [];
  const blocks: Owed = [];
  let total = 0;
  const steps: [TestPlanId | null, number, number][] = [
    [first, used.before, 0],
    [second ?? first, used.after, topUp?.bytes ?? 0],
    [second ?? first, used.late, topUp?.bytes ?? 0],
  ];
  for (const [planId, bytes, bought] of steps) {
    total += bytes;
    if (planId === null) continue;
    const { cap, blockMinor } = TEST_PLANS[planId];
    if (cap === null || blockMinor === null) continue;
    while (total > cap + bought + 100 * blocks.length) blocks.push(['overage:data', blockMinor]);
  }
  return blocks;
}

/** Of the part with the plan: at its close, and what came to it later. */
function usageOf({ first, second, used }: History): Owed {
  const planId = second ?? first;
  const terms = planId === null ? null : TEST_PLANS[planId].usage;
  if (terms === null) return [];
  const atClose = (second === null ? used.before : 0) + used.after;
  const price = (bytes: number): number => {
    const charged = Math.max(0, bytes - terms.included);
    const [low, high] = [Math.min(charged, terms.secondFrom), Math.max(0, charged - terms.secondFrom)];
    return halfEven(low * terms.gbMinor[0] + high * terms.gbMinor[1], 100);
  };
  return [
    ['usage', price(atClose)],
    ['usage', price(atClose + used.late) - price(atClose)],
  ];
}

function topUpOf({ topUp }: History): Owed {
  return topUp === null ? [] : [['top-up', topUp.priceMinor]];
}

/** n / d to the nearest integer, ties to even; both exact. */
function halfEven(n: number, d: number): number {
  const [low, rest] = [Math.floor(n / d), n % d];
  if (2 * rest !== d) return 2 * rest < d ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}
