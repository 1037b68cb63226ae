import type { Span } from '../../schemas/tariff.ts';
import type { Share } from './proration.ts';
import { prorateShares } from './proration.ts';
import type { DueLine } from './settle.ts';
import type { PlanLookup, PricedSpan, TariffTimeline } from './timeline.ts';
import { addOnTermsOf, cutsOf, heldPerMilleAt, termsAt, versionAt, wholeCycleOf } from './timeline.ts';

/**
 * What the fees of a cycle come to, a line a plan and add-on, in the order in which they begin. It depends on the timeline alone,
 * not on how it came about. Fees are charged for the seconds that something was assigned, less the share that holds give; an add-on
 * is held as the plan of the time is. Terms of another currency than the account's are left out.
 *
 * @param which fees in advance, those in arrears, or both
 */
export function dueFees(
  t: TariffTimeline,
  cycle: PricedSpan,
  plans: PlanLookup,
  which: 'advance' | 'arrears' | 'all',
): DueLine[] {
  const whole = wholeCycleOf(t, cycle);
  const lines = new Map<string, DueLine>();
  const isAsked = (when: 'advance' | 'arrears'): boolean => which === 'all' || which === when;
  for (const assigned of t.assignments) {
    const period = within(cycle, assigned);
    const terms = versionAt(
      plans.plan(assigned.planId),
      assigned.fromMs,
      cycle.pricedFromMs ?? cycle.startMs,
    );
    if (period === null || terms === null || terms.currency !== t.currency) continue;
    const { recurring, planId, version, name } = terms;
    if (recurring === null || !isAsked(recurring.when)) continue;
    const shares = sharesOf(cutsOf(cycle, t.holds), (atMs) => heldPerMilleAt(t, terms, atMs));
    const amountMinor = prorateShares(recurring.feeMinor, shares, period.startMs, period.endMs, whole);
    add(lines, { line: planLine(planId), amountMinor, description: name, planId, version }, period);
  }
  for (const addOn of t.addOns) {
    const period = within(cycle, addOn);
    const terms = addOnTermsOf(addOn, plans);
    if (period === null || terms === null || terms.currency !== t.currency || !isAsked(terms.when)) continue;
    const shares = sharesOf(cutsOf(cycle, t.holds, t.assignments), (atMs) =>
      heldPerMilleAt(t, termsAt(t, cycle, plans, atMs), atMs),
    );
    const amountMinor = prorateShares(terms.feeMinor, shares, period.startMs, period.endMs, whole);
    const { addOnId, version, name } = terms;
    add(lines, { line: addOnLine(addOnId), amountMinor, description: name, planId: null, version }, period);
  }
  return [...lines.values()];
}

/** Line of a plan's fee. */
export function planLine(planId: string): string {
  return `plan:${planId}`;
}

/** Line of an add-on's fee. */
export function addOnLine(addOnId: string): string {
  return `add-on:${addOnId}`;
}

/** True of the lines that `dueFees` speaks for. */
export function isFeeLine(line: string): boolean {
  return line.startsWith('plan:') || line.startsWith('add-on:');
}

type OneFee = Omit<DueLine, 'quantity' | 'periodFromMs' | 'periodToMs'>;

function add(lines: Map<string, DueLine>, fee: OneFee, { startMs, endMs }: Span): void {
  const known = lines.get(fee.line);
  if (known === undefined) {
    lines.set(fee.line, { ...fee, quantity: 1, periodFromMs: startMs, periodToMs: endMs });
    return;
  }
  known.amountMinor += fee.amountMinor;
  known.version = fee.version;
  known.description = fee.description;
  known.periodFromMs = Math.min(known.periodFromMs, startMs);
  known.periodToMs = Math.max(known.periodToMs, endMs);
}

function within(cycle: Span, { fromMs, toMs }: { fromMs: number; toMs: number | null }): Span | null {
  const startMs = Math.max(cycle.startMs, fromMs);
  const endMs = Math.min(cycle.endMs, toMs ?? cycle.endMs);
  return startMs < endMs ? { startMs, endMs } : null;
}

function sharesOf(cuts: readonly number[], perMilleAt: (atMs: number) => number): Share[] {
  return cuts.slice(0, -1).map((startMs, index) => {
    return { startMs, endMs: cuts[index + 1] ?? startMs, perMille: perMilleAt(startMs) };
  });
}
