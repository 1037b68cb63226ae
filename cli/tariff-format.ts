import type {
  DatedView,
  ItemView,
  PreviewView,
  SubscriberChangeView,
  SubscriberTariffView,
  TopUpChangeView,
  TopUpView,
} from '../schemas/tariff-views.ts';
import type { CycleRule } from '../schemas/profile.ts';
import type { Money } from '../schemas/tariff.ts';
import { lines, table } from './format.ts';
import { moneyText } from './money.ts';

/** What a subscriber has, and who pays. */
export function tariffText(tariff: SubscriberTariffView): string {
  const { account, assignments, addOns, topUps, holds, pools, credentials } = tariff;
  return lines([
    `account      ${account.accountId}, ${account.currency}, ${ruleText(account.cycle)}, ${account.billingStatus}`,
    `names        ${credentials.map((one) => `${one.userName} ${time(one)}`).join(', ') || 'none'}`,
    ...list(
      'plans',
      assignments.map((one) => [one.planId, time(one)]),
    ),
    ...list(
      'add-ons',
      addOns.map((one) => [`${one.addOnId} (${one.id})`, time(one)]),
    ),
    ...list('top-ups', topUps.map(topUpRow)),
    ...list(
      'holds',
      holds.map((one) => [`${one.kind} (${one.id})`, time(one)]),
    ),
    ...list(
      'pools',
      pools.map((one) => [one.poolId, time(one)]),
    ),
    ...(tariff.terminatedAt === null ? [] : [`terminated   ${tariff.terminatedAt}`]),
  ]);
}

function list(name: string, rows: string[][]): string[] {
  return rows.length === 0 ? [] : [name, ...table(rows).map((row) => `  ${row}`)];
}

function topUpRow(topUp: TopUpView): string[] {
  return [topUp.id, whatOf(topUp), `${topUp.from ?? '-'} to ${topUp.cancelled ?? topUp.expires ?? '-'}`];
}

function whatOf({ kind, bytes, speed, cancelled }: TopUpView): string {
  const what =
    bytes !== null
      ? `${bytes} octets`
      : speed === null
        ? kind
        : `${speed.downBps / 1e6}/${speed.upBps / 1e6} Mbit/s`;
  return cancelled === null ? what : `${what}, taken back`;
}

/** When cycles begin, in words. */
export function ruleText(rule: CycleRule): string {
  switch (rule.kind) {
    case 'month':
      return `monthly on day ${rule.anchorDay}`;
    case 'week':
      return `weekly on ISO day ${rule.weekday}`;
    case 'days':
      return `every ${rule.days} days from ${rule.from}`;
  }
}

/** A time, `since ... to ...`. */
export function time({ from, to }: DatedView): string {
  const begin = from === null ? 'ever since' : `from ${from}`;
  return to === null ? begin : `${begin} to ${to}`;
}

/** What a change did. */
export function changeText({ subscriberId, id, items, sum, tariff }: SubscriberChangeView): string {
  return lines([
    `done: ${subscriberId}${id === null ? '' : `, row ${id}`}, revision ${tariff.revision}`,
    ...itemLines(items, sum),
  ]);
}

/** What a purchase, or its end, did. */
export function topUpText({ topUp, items, sum }: TopUpChangeView): string {
  return lines([`done: ${topUpRow(topUp).join('  ')}`, ...itemLines(items, sum)]);
}

/** What a change would do. */
export function previewText({ items, sum, allowance, countedBytes, cycle }: PreviewView): string {
  const octets = (bytes: string | null): string => (bytes === null ? '-' : `${bytes} octets`);
  return lines([
    'nothing is changed; it would be:',
    ...itemLines(items, sum),
    `cycle        ${cycle.start} to ${cycle.end}`,
    `allowance    ${octets(allowance.before)}, then ${octets(allowance.after)}`,
    `counted      ${octets(countedBytes.before)}, then ${octets(countedBytes.after)}`,
  ]);
}

/** What is charged and credited, a line each, and the sum. */
export function itemLines(items: readonly ItemView[], sum: Money | null): string[] {
  if (items.length === 0) return ['nothing is charged or credited'];
  const rows = items.map(({ type, amount, periodFrom, periodTo, description }) => [
    moneyText(amount),
    type,
    periodFrom === null ? '-' : `${periodFrom} to ${periodTo ?? '-'}`,
    description,
  ]);
  return [...table(rows).map((row) => `  ${row}`), `sum          ${moneyText(sum)}`];
}
