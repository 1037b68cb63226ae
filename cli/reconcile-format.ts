import type { DifferenceClass } from '../schemas/billing.ts';
import type { DifferenceView, ReconciliationReportView } from '../schemas/billing-views.ts';
import { lines, table } from './format.ts';
import { moneyText } from './money.ts';

/** What each class says, for people. */
const MEANING: Record<DifferenceClass, string> = {
  'missing-there': 'delivered or held, and the billing system does not have it',
  'missing-here': 'the billing system has it, and nobody made it here',
  twice: 'the billing system has it more than once',
  amount: 'other amount',
  currency: 'other currency',
  state: 'not delivered by what is known here, and the billing system has it',
  anchor: 'other billing cycle',
  status: 'other status',
  'currency-of-account': 'account in another currency',
  'account-failed': 'could not be brought to agreement; tried again with the next run',
};

/** A comparison as a table, one line a difference. */
export function reconciliationText(report: ReconciliationReportView): string {
  const { id, from, to, summary, differences } = report;
  if (summary === null) return lines([`reconciliation ${id} has not ended`]);
  const counts = Object.entries(summary.differences).map(([of, count]) => `${count} ${of}`);
  const rows = differences.map((one) => [one.class, one.subject, shown(one.ours), shown(one.theirs)]);
  return lines([
    `reconciliation ${id} of items made from ${from} to ${to}`,
    `${summary.ours} here, ${summary.theirs} there, ${summary.leftOut} left out (too young, or on their way)`,
    counts.length === 0 ? 'no differences' : `differences: ${counts.join(', ')}`,
    ...(rows.length === 0 ? [] : table([['class', 'subject', 'here', 'there'], ...rows])),
    ...meanings(differences),
    ...(summary.truncated ? ['more differed than is listed: take a shorter time'] : []),
    ...(summary.failure === null ? [] : [`NOT FINISHED: ${summary.failure}`]),
  ]);
}

function meanings(differences: readonly DifferenceView[]): string[] {
  return [...new Set(differences.map((one) => one.class))].map((of) => `${of}: ${MEANING[of]}`);
}

/** Money first, then what else there is. */
function shown(side: unknown): string {
  if (side === null || side === undefined) return '-';
  if (typeof side !== 'object') return JSON.stringify(side);
  const { amountMinor, currency, ...rest } = side as Record<string, unknown>;
  const money = typeof amountMinor === 'number' ? moneyText({ amountMinor, currency: String(currency) }) : '';
  const others = Object.entries(rest).map(([name, value]) => `${name}=${textOf(value)}`);
  return [money, ...others].filter((text) => text !== '').join(' ');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
