import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import type { PolicyFile, PolicyInForce, PolicyRule, PolicyVersion } from '../../schemas/policy.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import { MemoryAnalytics } from '../../storage/memory/analytics.ts';
import type { UsageWindowRow } from '../../storage/analytics-ports.ts';
import { plan, profile } from '../../tests/factories.ts';
import { factsAskedBy } from './demand.ts';
import { PageReplay } from './replay-page.ts';
import { LineReplay } from './replay-line.ts';
import type { LineOutcome } from './replay-line.ts';
import type { Tally } from './tally.ts';
import type { BacktestPage, BacktestTask } from './task.ts';

/* What the tests of the backtest share. */

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** 2026-07-01, where the cycle of tests begins */
export const JULY = Date.UTC(2026, 6, 1);

/** Usage at a time: [ms since 1970 UTC, download octets]. */
export type Used = [atMs: number, down: number];

export function rule(fields: Partial<PolicyRule> = {}): PolicyRule {
  return {
    name: 'slow',
    conditions: { all: [{ fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: 100 }] },
    event: { type: 'throttle', params: { downBps: 2_000_000, upBps: 1_000_000 } },
    ...fields,
  };
}

export function policy(rules: PolicyRule[], fields: Partial<PolicyFile> = {}): PolicyVersion {
  const file: PolicyFile = { id: 'p', description: '', mode: 'enforce', ...fields, rules };
  return { policyId: file.id, version: JSON.stringify(file), file };
}

export function inForce(...policies: PolicyVersion[]): Map<string, PolicyInForce> {
  return new Map(policies.map((base) => [base.policyId, { base, candidate: null }]));
}

/** July 2026 by the hour, with the plan home-100 whose cap is 1000 octets; both ways count. */
export function task(fields: Partial<BacktestTask> = {}): BacktestTask {
  const made: BacktestTask = {
    fromMs: JULY,
    toMs: JULY + 31 * DAY_MS,
    resolution: '1h',
    draft: inForce(),
    against: inForce(),
    facts: new Set(),
    provider: { draft: NO_PROVIDER_SETTINGS, against: NO_PROVIDER_SETTINGS },
    plans: [plan()],
    defaultZone: 'UTC',
    samples: 5,
    hashBelow: null,
    ...fields,
  };
  const { draft, against, provider } = made;
  const sides = [
    { policies: draft, provider: provider.draft },
    { policies: against, provider: provider.against },
  ];
  return { ...made, facts: factsAskedBy(sides) };
}

/** Some lines' usage as analytics gives it. */
export async function pageOf(
  lines: readonly { profile: SubscriberProfile; used: readonly Used[] }[],
  gridMs = HOUR_MS,
): Promise<BacktestPage> {
  const windows = lines.flatMap(({ profile: { subscriberId }, used }) =>
    used.map(([atMs, downBytes], n): UsageWindowRow => ({
      ...{
        partition: 0,
        subscriberId,
        serviceClass: '',
        planId: '',
        upBytes: 0,
        estimated: false,
        version: 1,
      },
      ...{ windowStartMs: atMs, nasId: `nas-${String(n)}`, downBytes },
    })),
  );
  return pageOfRows(
    lines.map((line) => line.profile),
    windows,
    gridMs,
  );
}

export async function pageOfRows(
  profiles: readonly SubscriberProfile[],
  windows: UsageWindowRow[],
  gridMs: number,
): Promise<BacktestPage> {
  const analytics = new MemoryAnalytics();
  await analytics.insert({ windows, late: [], sessions: [], feeds: [] });
  const all = { fromMs: 0, toMs: 0xffff_ffff * 1000 };
  const usage = await analytics.usageSteps({
    ...all,
    ...{ afterId: null, throughId: null, stepMs: gridMs, hashBelow: null },
    extent: await analytics.usageExtent(all.fromMs, all.toMs),
  });
  return { profiles: JSON.stringify(profiles), usage, gridMs };
}

/** Replays one line with this usage. */
export async function replayed(
  of: BacktestTask,
  used: readonly Used[],
  fields: Partial<SubscriberProfile> = {},
  gridMs = HOUR_MS,
): Promise<LineOutcome> {
  const line = profile(fields);
  const page = await pageOf([{ profile: line, used }], gridMs);
  return new LineReplay(of).replay(line, page, { from: 0, to: page.usage.seconds.length });
}

/** kind and hours since the beginning of July, of the draft's actions */
export function story({ sides }: LineOutcome): [kind: string, hours: number][] {
  return sides.draft.decisions.map(({ intent }) => [intent.kind, (intent.decidedAtMs - JULY) / HOUR_MS]);
}

/** Replays pages one after the other and gives the sum. */
export function tallyOf(of: BacktestTask, pages: readonly BacktestPage[]): Tally {
  const replay = new PageReplay(of);
  for (const page of pages) replay.replay(page);
  return replay.tally;
}
