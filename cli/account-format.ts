import type { AccountView, CycleChangeView, ListView } from '../schemas/tariff-views.ts';
import { lines, table } from './format.ts';
import { moreLine } from './plan-format.ts';
import { itemLines, ruleText } from './tariff-format.ts';

/** Accounts as a table. */
export function accountsText({ items, next }: ListView<AccountView>): string {
  if (items.length === 0) return lines(['none']);
  const rows = items.map(({ accountId, currency, cycle, billingStatus, billingRef }) => [
    ...[accountId, currency, ruleText(cycle), billingStatus, billingRef ?? '-'],
  ]);
  const head = ['account', 'currency', 'cycle', 'status', 'at the billing system'];
  return lines([...table([head, ...rows]), ...moreLine(next)]);
}

/** One account. */
export function accountText(account: AccountView): string {
  const { accountId, currency, taxClass, cycle, cycleChanges, billingStatus, billingRef, revision } = account;
  return lines([
    `account      ${accountId}, revision ${revision}`,
    `currency     ${currency}, tax class ${taxClass}`,
    `cycle        ${ruleText(cycle)}`,
    ...cycleChanges.map((one) => `  from ${one.from} ${ruleText(one.cycle)} (${one.source})`),
    `billing      ${billingStatus}${billingRef === null ? '' : `, called ${billingRef} there`}`,
  ]);
}

/** A change of its cycle. */
export function cycleChangeText({ account, from, stub, items, sum }: CycleChangeView): string {
  return lines([
    `done: ${account.accountId}, ${from === null ? 'it held already' : `from ${from} on`}`,
    ...(stub === null ? [] : [`in between    ${stub.start} to ${stub.end}`]),
    ...itemLines(items, sum),
  ]);
}
