import type {
  CycleSummaryView,
  CycleView,
  ListView,
  PoolSummaryView,
  PoolView,
} from '../schemas/tariff-views.ts';
import { lines, table } from './format.ts';
import { moneyText } from './money.ts';
import { moreLine } from './plan-format.ts';
import { ruleText, time } from './tariff-format.ts';

/** Pools as a table. */
export function poolsText({ items, next }: ListView<PoolSummaryView>): string {
  if (items.length === 0) return lines(['none']);
  const rows = items.map((pool) => [
    pool.poolId,
    pool.allowanceBytes ?? 'no limit',
    cycleText(pool),
    pool.billTo,
  ]);
  return lines([...table([['pool', 'allowance', 'cycle', 'bill to'], ...rows]), ...moreLine(next)]);
}

function cycleText({ cycle, anchorDay, zone }: PoolSummaryView): string {
  return `${ruleText(cycle ?? { kind: 'month', anchorDay })}, ${zone}`;
}

/** One pool with who is in it and how it stands. */
export function poolText(pool: PoolView): string {
  const { usage } = pool;
  const used = new Map(usage?.members.map((member) => [member.subscriberId, member.usedBytes]));
  return lines([
    `pool         ${pool.poolId}, bill to ${pool.billTo}`,
    `cycle        ${cycleText(pool)}`,
    `allowance    ${usage?.allowanceBytes ?? pool.allowanceBytes ?? 'no limit'}`,
    usage === null
      ? 'used         nothing is known yet'
      : `used         ${usage.usedBytes} octets${usage.usedPercent === null ? '' : `, ${usage.usedPercent.toFixed(1)} %`}`,
    'members',
    ...orNone(
      table(
        pool.members.map((one) => [`  ${one.subscriberId}`, time(one), used.get(one.subscriberId) ?? '-']),
      ),
    ),
    ...(pool.topUps.length === 0 ? [] : ['top-ups']),
    ...table(pool.topUps.map((one) => [`  ${one.id}`, one.bytes, `to ${one.expires ?? '-'}`])),
    'rules in force',
    ...orNone((usage?.rules ?? []).map(({ policyId, rule, state }) => `  ${policyId}/${rule}: ${state}`)),
  ]);
}

function orNone(list: string[]): string[] {
  return list.length === 0 ? ['  none'] : list;
}

/** Cycles of everybody. */
export function cycleSummariesText({ items, next }: ListView<CycleSummaryView>): string {
  if (items.length === 0) return lines(['none']);
  const rows = items.map(({ subscriberId, start, end, status, termsDiffer }) => [
    ...[subscriberId, start, end],
    termsDiffer ? `${status}, TERMS DIFFER` : status,
  ]);
  return lines([...table([['subscriber', 'start', 'end', 'status'], ...rows]), ...moreLine(next)]);
}

/** Cycles of one subscriber with what each came to. */
export function cyclesText({ items, next }: ListView<CycleView>): string {
  if (items.length === 0) return lines(['none']);
  const rows = items.map(({ start, end, status, totals, overage, items: count, sum, termsDiffer }) => [
    ...[start, end, termsDiffer ? `${status}, TERMS DIFFER` : status],
    totals === null ? '-' : `${totals.downBytes}/${totals.upBytes}`,
    overage === null ? '-' : String(overage.blocks),
    String(count),
    moneyText(sum),
  ]);
  const head = ['start', 'end', 'status', 'octets down/up', 'blocks', 'items', 'sum'];
  return lines([...table([head, ...rows]), ...moreLine(next)]);
}
