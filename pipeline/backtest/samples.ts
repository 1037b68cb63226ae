import type { Facts } from '../../rules/facts/catalogue.ts';
import type { ActionIntent } from '../../schemas/action.ts';
import { murmur2 } from '../../schemas/partitioning.ts';
import type { Condition } from '../../schemas/policy.ts';
import type { Decision } from './side.ts';
import type { Change } from './difference.ts';
import type { LineOutcome } from './replay-line.ts';
import type { SideName } from './task.ts';

/** Actions of one side that a sample tells. */
const MOST_ACTIONS = 12;

/** What json-rules-engine is asked to explain an action with. */
export interface Evidence {
  conditions: Condition;
  named: Readonly<Record<string, Condition>>;
  facts: Facts;
  /** what the compiled predicate said */
  holds: boolean;
}

export interface SampleAction {
  intent: ActionIntent;
  /** null = its rule does not apply any more */
  evidence: Evidence | null;
}

/** One subscriber of whom the report tells all. */
export interface Sample {
  subscriberId: string;
  planId: string | null;
  hash: number;
  actions: Record<SideName, SampleAction[]>;
  /** actions that are not told, for want of room */
  more: Record<SideName, number>;
}

/** Where a subscriber stands in a stable order, 0 to 2^31 - 1: Kafka's hash, as ClickHouse has it too. */
export function hashOf(subscriberId: string): number {
  return murmur2(Buffer.from(subscriberId)) & 0x7fffffff;
}

/** Takes a line as a sample if its hash is among the least: the same ones on every run, however lines are split. */
export function addSample(
  samples: Map<Change, Sample[]>,
  change: Change,
  outcome: LineOutcome,
  most: number,
): void {
  const known = samples.get(change) ?? [];
  const hash = hashOf(outcome.profile.subscriberId);
  const last = known[known.length - 1];
  if (known.length >= most && (last === undefined || hash >= last.hash)) return;
  known.push(sampleOf(outcome, hash));
  samples.set(change, least(known, most));
}

/** The least of both. */
export function mergeSamples(
  into: Map<Change, Sample[]>,
  other: ReadonlyMap<Change, Sample[]>,
  most: number,
): void {
  for (const [change, samples] of other)
    into.set(change, least([...(into.get(change) ?? []), ...samples], most));
}

function least(samples: Sample[], most: number): Sample[] {
  const inOrder = [...samples].sort((a, b) => a.hash - b.hash || (a.subscriberId < b.subscriberId ? -1 : 1));
  return inOrder.slice(0, most);
}

function sampleOf({ profile, planId, sides }: LineOutcome, hash: number): Sample {
  const told = (decisions: readonly Decision[]): SampleAction[] =>
    decisions.slice(0, MOST_ACTIONS).map(({ intent, asked }) => ({
      intent,
      evidence:
        asked === null
          ? null
          : {
              conditions: asked.rule.conditions,
              named: asked.rule.named,
              facts: { ...asked.facts },
              holds: asked.holds,
            },
    }));
  const more = (decisions: readonly Decision[]): number => Math.max(0, decisions.length - MOST_ACTIONS);
  return {
    subscriberId: profile.subscriberId,
    planId,
    hash,
    actions: { draft: told(sides.draft.decisions), against: told(sides.against.decisions) },
    more: { draft: more(sides.draft.decisions), against: more(sides.against.decisions) },
  };
}
