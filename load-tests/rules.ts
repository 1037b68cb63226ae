import { Engine } from 'json-rules-engine';
import type { TopLevelCondition } from 'json-rules-engine';
import { compilePolicy } from '../rules/compile/policy.ts';
import type { CompiledPolicy } from '../rules/compile/policy.ts';
import type { Facts } from '../rules/facts/catalogue.ts';
import { NO_PROVIDER_SETTINGS } from '../schemas/provider.ts';
import { randomFacts, shippedRules } from './rules-made.ts';

export interface RulesOptions {
  /** rules an evaluation */
  sizes: readonly number[];
  /** pairs of one slice each, ours and the library's in turn */
  pairs: number;
  /** length of a slice, ms of CPU time */
  sliceMs: number;
  seed: number;
}

/** One size: evaluations a second of CPU time, an evaluation being every rule on one facts object. */
export interface RulesFigure {
  rules: number;
  /** median of the slices */
  compiledPerSecond: number;
  libraryPerSecond: number;
  /** median of the pairs' ratios */
  ratio: number;
  lowestRatio: number;
  highestRatio: number;
  /** what the ratio must reach; null = nothing is asked */
  goal: number | null;
}

export interface RulesReport {
  options: RulesOptions;
  figures: RulesFigure[];
}

const GOALS = new Map([
  [10, 250],
  [50, 500],
]);
const FACTS_OBJECTS = 256;

/**
 * Evaluations/s of compiled rules beside those of json-rules-engine, in one process and in turn; by CPU time, since both
 * use one thread and other processes then take nothing from either. Both get rules of the
 * shipped kind in one priority. The library runs as fast as it safely can: one prepared Engine, one run after the other,
 * and of the facts only those that the rules ask about (each fact costs it a hash); ours gets the whole object.
 *
 * @throws Error where the two disagree on a rule
 */
export async function measureRules(options: RulesOptions): Promise<RulesReport> {
  const figures: RulesFigure[] = [];
  for (const rules of options.sizes) figures.push(await measureSize(rules, options));
  return { options, figures };
}

async function measureSize(rules: number, { pairs, sliceMs, seed }: RulesOptions): Promise<RulesFigure> {
  const file = shippedRules(rules);
  const policy = compilePolicy({ policyId: file.id, version: 'measured', file }, NO_PROVIDER_SETTINGS);
  const facts = randomFacts(FACTS_OBJECTS, seed);
  const asked = facts.map((one) => Object.fromEntries([...policy.facts].map((name) => [name, one[name]])));
  const engine = new Engine();
  for (const [name, condition] of Object.entries(file.conditions ?? {}))
    engine.setCondition(name, structuredClone(condition) as TopLevelCondition);
  for (const { name, conditions } of file.rules)
    engine.addRule({ conditions: structuredClone(conditions) as TopLevelCondition, event: { type: name } });
  await compare(policy, engine, facts, asked);
  const ours: number[] = [];
  const library: number[] = [];
  // The first pair warms up.
  for (let pair = 0; pair <= pairs; pair += 1) {
    const a = compiledSlice(policy, facts, sliceMs);
    const b = await librarySlice(engine, asked, sliceMs);
    if (pair === 0) continue;
    ours.push(a);
    library.push(b);
  }
  const ratios = ours.map((perSecond, i) => perSecond / (library[i] ?? Number.NaN));
  return {
    rules,
    compiledPerSecond: median(ours),
    libraryPerSecond: median(library),
    ratio: median(ratios),
    lowestRatio: Math.min(...ratios),
    highestRatio: Math.max(...ratios),
    goal: GOALS.get(rules) ?? null,
  };
}

/** Both give the same rules on the first objects, and some of them: what is measured is what it should be. */
async function compare(
  policy: CompiledPolicy,
  engine: Engine,
  facts: readonly Facts[],
  asked: readonly Record<string, unknown>[],
): Promise<void> {
  let held = 0;
  for (const [i, one] of facts.slice(0, 32).entries()) {
    const ours = policy.rules.filter((rule) => rule.holds(one)).map(({ name }) => name);
    const { events } = await engine.run(asked[i]);
    if (
      ours.sort().join() !==
      events
        .map(({ type }) => type)
        .sort()
        .join()
    )
      throw new Error(`json-rules-engine disagrees on facts ${JSON.stringify(one)}`);
    held += ours.length;
  }
  if (held === 0) throw new Error('no rule ever holds');
}

/** Counts what holds, so that nothing can be left out. */
const seen = { held: 0 };

function compiledSlice({ rules }: CompiledPolicy, facts: readonly Facts[], sliceMs: number): number {
  const cpu = new CpuClock();
  let evaluations = 0;
  let rounds = 1;
  // At least once: other threads of the process may have used the slice up before it began.
  do {
    for (let round = 0; round < rounds; round += 1) {
      for (const one of facts) for (const rule of rules) if (rule.holds(one)) seen.held += 1;
    }
    evaluations += rounds * facts.length;
    // Looking at the clock takes as long as hundreds of evaluations.
    rounds = Math.min(rounds * 2, 256);
  } while (cpu.ms() < sliceMs);
  return (evaluations / cpu.ms()) * 1000;
}

async function librarySlice(
  engine: Engine,
  facts: readonly Record<string, unknown>[],
  sliceMs: number,
): Promise<number> {
  const cpu = new CpuClock();
  let evaluations = 0;
  do {
    for (let run = 0; run < 4; run += 1) {
      seen.held += (await engine.run(facts[evaluations % facts.length])).events.length;
      evaluations += 1;
    }
  } while (cpu.ms() < sliceMs);
  return (evaluations / cpu.ms()) * 1000;
}

/** CPU time of this process since it was made. */
class CpuClock {
  private readonly from = process.cpuUsage();

  ms(): number {
    const { user, system } = process.cpuUsage(this.from);
    return (user + system) / 1000;
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
