import type { ListView, PlanSummaryView, PlanVersionView, PlanView } from '../schemas/tariff-views.ts';
import { lines, table } from './format.ts';
import { moneyText } from './money.ts';

/** What a list that was cut off ends with. */
export function moreLine(next: string | null): string[] {
  return next === null ? [] : ['there is more: --limit N'];
}

/** Plans as a table. */
export function plansText({ items, next }: ListView<PlanSummaryView>): string {
  if (items.length === 0) return lines(['none']);
  const rows = items.map(({ planId, name, archived }) => [planId, name, archived ? 'archived' : '']);
  return lines([...table([['plan', 'name', ''], ...rows]), ...moreLine(next)]);
}

/** One plan. */
export function planText({ planId, name, archived, current, upcoming }: PlanView): string {
  return lines([
    `plan         ${planId}${name === '' ? '' : ` (${name})`}${archived ? ', archived' : ''}`,
    ...(current === null ? ['no version with terms is in effect'] : versionLines(current)),
    ...upcoming.flatMap(versionLines),
  ]);
}

/** One version that was made. */
export function planVersionText(version: PlanVersionView): string {
  return lines([`plan         ${version.planId}`, ...versionLines(version)]);
}

function versionLines({ version, effectiveFrom, terms }: PlanVersionView): string[] {
  const { recurring, usage, metering, currency } = terms;
  const money = (amountMinor: number): string => moneyText({ amountMinor, currency });
  const { capBytes, downBps, upBps, overage, carryOver } = metering;
  const fee = recurring === null ? 'none' : `${money(recurring.feeMinor)} in ${recurring.when}`;
  return [
    `version ${version}, ${effectiveFrom === null ? 'at once for everybody' : `from ${effectiveFrom} on`}: ${terms.name}`,
    `  fee        ${fee}`,
    `  usage      ${usage === null ? 'none' : `${usage.mode}, ${usage.tiers.length} tiers beyond ${usage.includedBytes} octets`}`,
    `  cap        ${capBytes === null ? 'none' : `${capBytes} octets`}${carryOver === null ? '' : `, up to ${carryOver.limitBytes} carried over`}`,
    `  speed      ${downBps / 1e6}/${upBps / 1e6} Mbit/s`,
    `  overage    ${overage === null ? 'none' : `${money(overage.blockPriceMinor)} a block of ${overage.blockBytes} octets`}`,
  ];
}
