import type { Condition, PolicyFile } from '../../schemas/policy.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import { priorityOf, scopesOf, speedOf } from './check-meaning.ts';
import type { OtherPolicy } from './check-others.ts';
import { isActing, overlap } from './check-others.ts';
import { Reasoner } from './reasoning/reasoner.ts';
import { factsOf } from './reasoning/witness.ts';
import type { Report } from './report.ts';

/** Pairs of rules that are looked at for one file: a hint is not worth more. */
const MOST_PAIRS = 200;
/** Steps for all of them: a twentieth of what a policy's own rules may take. */
const STEPS = 1_000_000;

/** A rule that throttles, with what stands around it. */
interface Throttle {
  index: number;
  name: string;
  priority: number;
  speed: string;
  conditions: Condition;
}

/**
 * Warns of throttles of other policies in force that can hold together with one of this policy, with one priority and
 * another speed. Nothing is said of what is too much to tell.
 *
 * @param plans null = not known
 * @param provider for the speeds of throttle profiles; null = not known
 */
export function checkOverlap(
  file: PolicyFile,
  others: readonly OtherPolicy[],
  { plans, provider }: { plans: readonly PlanVersion[] | null; provider: ProviderSettings | null },
  report: Report,
): void {
  const own = throttlesOf(file, provider);
  if (own.length === 0 || !isActing(file)) return;
  const budget = { left: STEPS };
  const told = new Set<number>();
  let pairs = 0;
  for (const { file: where, policy } of others) {
    if (policy.id === file.id || !isActing(policy) || subjectOf(policy) !== subjectOf(file)) continue;
    const disagreeing = throttlesOf(policy, provider).flatMap((theirs) =>
      own
        .filter(
          ({ index, priority, speed }) =>
            !told.has(index) && priority === theirs.priority && speed !== theirs.speed,
        )
        .map((mine) => ({ mine, theirs })),
    );
    if (disagreeing.length === 0 || !overlap(file, policy, plans)) continue;
    for (const { mine, theirs } of disagreeing) {
      pairs += 1;
      if (pairs > MOST_PAIRS || budget.left < 0) return;
      if (told.has(mine.index)) continue;
      const example = exampleOf({ file, conditions: mine.conditions }, { file: policy, ...theirs }, budget);
      if (example === null) continue;
      told.add(mine.index);
      report.add(
        'P506',
        ['rules', mine.index],
        `${mine.name} and ${theirs.name} of ${policy.id} (${where}) can hold together and slow down to different speeds; the lowest counts. Give them different priorities to say that it is meant. Example: ${example}`,
      );
    }
  }
}

function subjectOf({ subject = 'subscriber' }: PolicyFile): string {
  return subject;
}

function throttlesOf({ rules }: PolicyFile, provider: ProviderSettings | null): Throttle[] {
  return rules.flatMap((rule, index) =>
    rule.event.type === 'throttle'
      ? [
          {
            index,
            name: rule.name,
            priority: priorityOf(rule),
            speed: speedOf(rule, provider),
            conditions: rule.conditions,
          },
        ]
      : [],
  );
}

type Side = Pick<Throttle, 'conditions'> & { file: PolicyFile };

/** A subscriber of both policies for whom both rules hold; null where there is none, or too much to tell. */
function exampleOf(mine: Side, theirs: Side, budget: { left: number }): string | null {
  const named: Record<string, Condition> = { ...mine.file.conditions };
  // One name may mean two things in two files.
  for (const [name, condition] of Object.entries(theirs.file.conditions ?? {}))
    named[theirName(name)] = renamed(condition);
  const both = [mine.conditions, renamed(theirs.conditions)];
  const scopes = [...scopesOf(mine.file), ...scopesOf(theirs.file)];
  const reasoner = new Reasoner(both, named, scopes, budget);
  const formulas = [
    ...scopes.map((scope) => reasoner.within(scope)),
    ...both.map((condition) => reasoner.formula(condition)),
  ];
  const found = reasoner.together(...formulas);
  return typeof found === 'string' ? null : JSON.stringify(factsOf(found, reasoner)).slice(0, 300);
}

/** No name of a file has a space in it. */
function theirName(name: string): string {
  return `their ${name}`;
}

function renamed(condition: Condition): Condition {
  if ('any' in condition) return { any: condition.any.map(renamed) };
  if ('all' in condition) return { all: condition.all.map(renamed) };
  if ('not' in condition) return { not: renamed(condition.not) };
  return 'condition' in condition ? { condition: theirName(condition.condition) } : condition;
}
