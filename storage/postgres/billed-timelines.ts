import type pg from 'pg';
import type { AddOnSpan, PlanLookup, TariffTimeline } from '../../rules/tariff/timeline.ts';
import type { Assignment, CycleRule, Hold } from '../../schemas/profile.ts';
import type { AddOnTerms, PlanTerms } from '../../schemas/tariff.ts';

/** ms since 1970 of a column, null where it has no end. */
const ms = (column: string): string =>
  `case when isfinite(${column}) then (extract(epoch from ${column}) * 1000)::float8 end`;

/** A rule of billing cycles as its columns have it; `alias` has them. */
const rule = (alias: string): string =>
  `json_build_object('kind', ${alias}.cycle_kind, 'anchorDay', ${alias}.anchor_day, 'weekday', ${alias}.anchor_weekday,
    'days', ${alias}.cycle_days, 'from', to_char(${alias}.cycle_from, 'YYYY-MM-DD'))`;

/**
 * $1 numbers of subscribers. Each table is read once for all of them; what began after the cycles matters as little as what
 * ended before, and is left to the maths.
 */
const TIMELINES = `
  with s as materialized (
    select subscriber_no, account_id, zone, overage_consent
    from subscriber s where subscriber_no = any($1::bigint[])
  ), assigned as (
    select subscriber_no, json_agg(json_build_object('planId', plan_id, 'fromMs', ${ms('from_at')}, 'toMs', ${ms('to_at')})
      order by from_at) as v
    from assignment where subscriber_no = any($1::bigint[]) group by 1
  ), added as (
    select subscriber_no, json_agg(json_build_object('addOnId', add_on_id, 'fromMs', ${ms('from_at')},
      'toMs', ${ms('to_at')}) order by from_at, add_on_id) as v
    from add_on_assignment where subscriber_no = any($1::bigint[]) group by 1
  ), held as (
    select subscriber_no, json_agg(json_build_object('kind', kind, 'fromMs', ${ms('from_at')}, 'toMs', ${ms('to_at')})
      order by from_at, hold_id) as v
    from hold where subscriber_no = any($1::bigint[]) group by 1
  ), changed as (
    select account_id, json_agg(json_build_object('fromMs', ${ms('c.from_at')}, 'cycle', ${rule('c')}) order by c.from_at) as v
    from account_cycle_change c where account_id in (select account_id from s) group by 1
  )
  select s.subscriber_no as "no", a.account_id as "accountId", s.overage_consent as "overageConsent", a.currency,
    a.tax_class as "taxClass", s.zone, case when a.account_id is not null then ${rule('a')} end as cycle,
    coalesce(changed.v, '[]') as "cycleChanges", coalesce(assigned.v, '[]') as assignments,
    coalesce(added.v, '[]') as "addOns", coalesce(held.v, '[]') as holds
  from s left join account a using (account_id) left join changed using (account_id)
    left join assigned using (subscriber_no) left join added using (subscriber_no) left join held using (subscriber_no)`;

/** $1 plans, $2 add-ons. */
const TERMS = `
  select plan_id as id, version, ${ms('effective_from')} as "effectiveFromMs", terms as content, content as metering, true as "isPlan"
  from plan_version where plan_id = any($1::text[]) and terms is not null
  union all
  select add_on_id, version, ${ms('effective_from')}, content, null, false
  from add_on_version where add_on_id = any($2::text[])
  order by "effectiveFromMs" nulls first, version`;

/** A rule with all columns; those of other kinds are null. */
interface RuleRow {
  kind: CycleRule['kind'];
  anchorDay: number | null;
  weekday: number | null;
  days: number | null;
  from: string | null;
}

interface TimelineRow {
  no: number;
  accountId: string | null;
  overageConsent: boolean;
  currency: string;
  taxClass: string;
  zone: string;
  cycle: RuleRow;
  cycleChanges: { fromMs: number; cycle: RuleRow }[];
  assignments: Assignment[];
  addOns: AddOnSpan[];
  holds: Hold[];
}

/** What decides what one subscriber costs. */
export interface BilledTimeline {
  /** null = it is on no account, or on one that is not there */
  bill: { accountId: string; timeline: TariffTimeline } | null;
  overageConsent: boolean;
}

/** Timelines by number of the subscriber, as they stand in this transaction. */
export async function readTimelines(
  client: pg.ClientBase,
  subscriberNos: readonly number[],
): Promise<Map<number, BilledTimeline>> {
  const found = await client.query<TimelineRow>(TIMELINES, [subscriberNos]);
  return new Map(found.rows.map((row) => [row.no, toTimeline(row)]));
}

/** Terms of all plans and add-ons that these timelines name. @param planIds further ones */
export async function readTerms(
  client: pg.ClientBase,
  timelines: Iterable<BilledTimeline>,
  planIds: readonly string[] = [],
): Promise<PlanLookup> {
  const plans = new Set(planIds);
  const addOns = new Set<string>();
  for (const { bill } of timelines) {
    for (const { planId } of bill?.timeline.assignments ?? []) plans.add(planId);
    for (const { addOnId } of bill?.timeline.addOns ?? []) addOns.add(addOnId);
  }
  const found = await client.query<TermsRow>(TERMS, [[...plans], [...addOns]]);
  return lookupOf(found.rows);
}

interface TermsRow {
  id: string;
  version: number;
  effectiveFromMs: number | null;
  content: PlanTerms & AddOnTerms;
  metering: PlanTerms['metering'] | null;
  isPlan: boolean;
}

function lookupOf(rows: readonly TermsRow[]): PlanLookup {
  const plans = new Map<string, PlanTerms[]>();
  const addOns = new Map<string, AddOnTerms[]>();
  for (const { id, version, effectiveFromMs, content, metering, isPlan } of rows) {
    if (isPlan) {
      const terms = {
        ...content,
        planId: id,
        version,
        effectiveFromMs,
        metering: content.metering ?? metering,
      };
      plans.set(id, [...(plans.get(id) ?? []), terms]);
    } else {
      const terms = { ...content, addOnId: id, version, effectiveFromMs: effectiveFromMs ?? 0 };
      addOns.set(id, [...(addOns.get(id) ?? []), terms]);
    }
  }
  return { plan: (id) => plans.get(id) ?? [], addOn: (id) => addOns.get(id) ?? [] };
}

function toTimeline(row: TimelineRow): BilledTimeline {
  const { accountId, overageConsent, currency, taxClass, zone, assignments, addOns, holds } = row;
  if (accountId === null) return { bill: null, overageConsent };
  const cycleChanges = row.cycleChanges.map(({ fromMs, cycle }) => ({ fromMs, cycle: toRule(cycle) }));
  const of = { currency, taxClass, zone, cycle: toRule(row.cycle), cycleChanges };
  return {
    bill: { accountId, timeline: { ...of, assignments, addOns, holds } },
    overageConsent,
  };
}

/** The table's constraint has it whole. */
function toRule({ kind, anchorDay, weekday, days, from }: RuleRow): CycleRule {
  switch (kind) {
    case 'month':
      return { kind, anchorDay: anchorDay ?? 1 };
    case 'week':
      return { kind, weekday: weekday ?? 1 };
    case 'days':
      return { kind, days: days ?? 1, from: from ?? '1970-01-01' };
  }
}
