import type { ActionKind, ConditionResult } from '../../schemas/action.ts';
import { ACTION_KINDS } from '../../schemas/action.ts';
import { amountText } from './amounts.ts';
import { CONSEQUENCES } from './difference.ts';
import type { Change, Consequence } from './difference.ts';
import type { BacktestResult } from './run-backtest.ts';
import type { Sample, SampleAction } from './samples.ts';
import type { Charges, Reach, Tally } from './tally.ts';
import type { Resolution, SideName } from './task.ts';

const DAY_MS = 24 * 3_600_000;

/** What the draft was held against. */
export interface AgainstWhat {
  kind: 'live' | 'none' | 'file';
  /** file's name; '' for the others */
  file: string;
  policies: { policyId: string; version: string }[];
}

/** What the draft is. */
export interface DraftName {
  file: string;
  policyId: string;
  description: string;
  version: string;
}

/** Figures of one currency, in minor units. */
export interface MoneyReport {
  currency: string;
  draft: Charges;
  against: Charges;
  /** all that the draft asks for, less all that the others do */
  differenceMinor: number;
}

/** An action of a sample, explained by json-rules-engine. */
export interface ExplainedAction {
  at: string;
  kind: ActionKind;
  policyId: string;
  rule: string;
  /** what it does, for people */
  text: string;
  conditions: ConditionResult[];
}

export interface ReportedSample {
  subscriberId: string;
  planId: string | null;
  draft: ExplainedAction[];
  against: ExplainedAction[];
  /** actions that are not listed */
  more: Record<SideName, number>;
}

/** What a draft would have done. Instants are ISO 8601 UTC, days local to each subscriber, money in minor units. */
export interface BacktestReport {
  draft: DraftName;
  against: AgainstWhat;
  from: string;
  to: string;
  resolution: Resolution;
  /** subscribers looked at, and all that are known */
  subscribers: number;
  known: number;
  isSample: boolean;
  subscriberDays: number;
  /** subscribers on whom each side acts in any way, and by what it does */
  reach: Reach & { changed: number };
  byConsequence: ({ consequence: Consequence } & Reach)[];
  byAction: ({ kind: ActionKind } & Reach)[];
  money: MoneyReport[];
  rules: Record<SideName, { rule: string; actions: number }[]>;
  byPlan: ({
    planId: string | null;
    subscribers: number;
    actions: Record<SideName, number>;
    money: MoneyReport[];
  } & Reach)[];
  byDay: {
    date: string;
    actions: Record<SideName, Partial<Record<ActionKind, number>>>;
    held: Record<SideName, number>;
    gained: number;
    lost: number;
  }[];
  samples: Record<'gained' | 'lost' | 'changed', ReportedSample[]>;
  /** samples that json-rules-engine saw otherwise than the compiled predicate: 0, or something is wrong with Weir */
  divergences: number;
  notes: string[];
}

/** What json-rules-engine says of a sample's action. */
export type Explain = (action: SampleAction) => Promise<{ holds: boolean; results: ConditionResult[] }>;

/** The report of a backtest; asks for an explanation of each sample's actions. */
export async function reportOf(
  result: BacktestResult,
  draft: DraftName,
  against: AgainstWhat,
  explain: Explain,
): Promise<BacktestReport> {
  const { task, tally, known } = result;
  const noReach = { draft: 0, against: 0, gained: 0, lost: 0 };
  const { samples, divergences } = await explained(tally, explain);
  return {
    draft,
    against,
    from: new Date(task.fromMs).toISOString(),
    to: new Date(task.toMs).toISOString(),
    resolution: task.resolution,
    subscribers: tally.subscribers,
    known,
    isSample: task.hashBelow !== null,
    subscriberDays: Math.round((tally.subscribers * (task.toMs - task.fromMs)) / DAY_MS),
    reach: { ...(tally.reach.get('any') ?? noReach), changed: tally.changed },
    byConsequence: CONSEQUENCES.flatMap((consequence) => {
      const reach = tally.reach.get(consequence);
      return reach === undefined ? [] : [{ consequence, ...reach }];
    }),
    byAction: byActionOf(tally),
    money: moneyOf(tally.charges),
    rules: { draft: rulesOf(tally.rules.draft), against: rulesOf(tally.rules.against) },
    byPlan: byPlanOf(tally),
    byDay: byDayOf(tally),
    samples,
    divergences,
    notes: notesOf(result),
  };
}

function byActionOf({ actions, gained, lost }: Tally): BacktestReport['byAction'] {
  return ACTION_KINDS.map((kind) => ({
    kind,
    draft: actions.draft.get(kind) ?? 0,
    against: actions.against.get(kind) ?? 0,
    gained: gained.get(kind) ?? 0,
    lost: lost.get(kind) ?? 0,
  })).filter(({ draft, against }) => draft + against > 0);
}

function moneyOf(charges: Tally['charges']): MoneyReport[] {
  const total = ({ blocksMinor, topUpsMinor }: Charges): number => blocksMinor + topUpsMinor;
  return [...charges]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([currency, { draft, against }]) => ({
      currency,
      draft,
      against,
      differenceMinor: total(draft) - total(against),
    }));
}

function rulesOf(counts: ReadonlyMap<string, number>): { rule: string; actions: number }[] {
  return [...counts]
    .map(([rule, actions]) => ({ rule, actions }))
    .sort((a, b) => b.actions - a.actions || (a.rule < b.rule ? -1 : 1));
}

/** The most concerned first. */
function byPlanOf({ plans }: Tally): BacktestReport['byPlan'] {
  return [...plans]
    .map(([planId, { subscribers, reach, actions, charges }]) => ({
      planId: planId === '' ? null : planId,
      subscribers,
      actions,
      money: moneyOf(charges),
      ...reach,
    }))
    .sort(
      (a, b) =>
        b.gained + b.lost - (a.gained + a.lost) ||
        b.draft + b.against - (a.draft + a.against) ||
        ((a.planId ?? '') < (b.planId ?? '') ? -1 : 1),
    );
}

function byDayOf({ days }: Tally): BacktestReport['byDay'] {
  return [...days]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([date, { actions, held, gained, lost }]) => ({
      date,
      actions: {
        draft: Object.fromEntries(actions.draft),
        against: Object.fromEntries(actions.against),
      },
      held,
      gained,
      lost,
    }));
}

async function explained(
  { samples }: Tally,
  explain: Explain,
): Promise<Pick<BacktestReport, 'samples' | 'divergences'>> {
  let divergences = 0;
  const tell = async (action: SampleAction): Promise<ExplainedAction> => {
    const { holds, results } =
      action.evidence === null ? { holds: null, results: [] } : await explain(action);
    if (holds !== null && holds !== action.evidence?.holds) divergences += 1;
    const { decidedAtMs, kind, policyId, rule } = action.intent;
    const at = new Date(decidedAtMs).toISOString();
    return { at, kind, policyId, rule, text: textOf(action), conditions: results };
  };
  const tellAll = async (change: Change): Promise<ReportedSample[]> => {
    const told: ReportedSample[] = [];
    for (const { subscriberId, planId, actions, more } of samples.get(change) ?? []) {
      const [draft, against]: ExplainedAction[][] = [[], []];
      for (const action of actions.draft) draft?.push(await tell(action));
      for (const action of actions.against) against?.push(await tell(action));
      told.push({ subscriberId, planId, draft: draft ?? [], against: against ?? [], more });
    }
    return told;
  };
  const told = {
    gained: await tellAll('gained'),
    lost: await tellAll('lost'),
    changed: await tellAll('changed'),
  };
  return { samples: told, divergences };
}

function textOf({ intent }: Sample['actions']['draft'][number]): string {
  const { kind, desired, notice, overage, topUp } = intent;
  switch (kind) {
    case 'throttle':
      return `slowed to ${mbits(desired.downBps)} down, ${mbits(desired.upBps)} up`;
    case 'restore':
      return `back to ${mbits(desired.downBps)} down, ${mbits(desired.upBps)} up`;
    case 'boost':
      return `faster: ${mbits(desired.downBps)} down, ${mbits(desired.upBps)} up`;
    case 'block':
      return 'blocked';
    case 'hold':
      return 'on hold';
    case 'redirect':
      return `redirected to ${desired.profile ?? ''}`;
    case 'notify':
      return `notice ${notice?.template ?? ''} by ${notice?.channel ?? ''}`;
    case 'overage':
      return overage === null
        ? 'a paid block'
        : `paid block ${String(overage.block)} for ${amountText(overage.priceMinor, overage.currency)}`;
    case 'topup':
      return topUp === null
        ? 'a top-up'
        : `top-up ${topUp.productId} for ${amountText(topUp.priceMinor, topUp.currency)}`;
  }
}

function mbits(bps: number): string {
  return `${String(Math.round(bps / 10_000) / 100)} Mbit/s`;
}

function notesOf({ task, tally, known }: BacktestResult): string[] {
  const length = { '5m': '5 minutes', '1h': 'clock hour', '1d': 'day' }[task.resolution];
  return [
    `Each subscriber was looked at once a ${length} with usage, and where time alone changes something. Actions can be up to a ${length} later than the live ones, and what comes and goes within one is not seen.`,
    'Policies are taken to have been in force since each billing cycle began, the draft for everybody whom it applies to, whatever its mode.',
    'Usage is what was carried. That a slower or blocked line would have carried less is not taken into account.',
    'Usage that arrived late counts when it was carried. Open sessions and corrections by operators are not known here.',
    'Plans, top-ups, consents and zones are those in the directory now; changes of plan count from their dates. Who would have bought a top-up has it from that moment on.',
    'The compiled rules decided. json-rules-engine itself explains the samples.',
    ...(task.hashBelow === null
      ? []
      : [
          `Figures are of a sample of ${String(tally.subscribers)} of ${String(known)} subscribers, the same ones each time.`,
        ]),
    ...(tally.strangers === 0
      ? []
      : [`${String(tally.strangers)} subscribers have usage but no profile: no policy applies to them.`]),
  ];
}
