import type { ClassFacts, Facts } from '../../facts/catalogue.ts';
import { CLASS_FACTS } from '../../facts/catalogue.ts';
import type { Condition } from '../../../schemas/policy.ts';
import type { Named } from './leaves.ts';
import { Reasoner } from './reasoner.ts';
import type { Assignment } from './solve.ts';
import type { Variable } from './variables.ts';

/**
 * Facts of a subscriber for whom conditions hold: those that are asked about; all others may be anything. null where
 * there is no such subscriber, and where there are too many conditions to tell.
 *
 * @param conditions that passed `checkPolicyFile`
 * @param named the policy's named conditions
 */
export function witnessOf(conditions: Condition, named: Named = {}): Partial<Facts> | null {
  const reasoner = new Reasoner([conditions], named);
  const found = reasoner.together(reasoner.formula(conditions));
  return found === 'none' || found === 'unknown' ? null : factsOf(found, reasoner);
}

/** Values as facts; classes of which one fact is asked get all of theirs. */
export function factsOf(assignment: Assignment, reasoner: Reasoner): Partial<Facts> {
  const facts: Record<string, unknown> = {};
  const classes = new Map<string, ClassFacts>();
  for (const [key, value] of assignment) {
    const variable: Variable | undefined = reasoner.variable(key);
    if (variable === undefined || variable.ofClass === null) {
      facts[key] = value;
      continue;
    }
    const { serviceClass, name } = variable.ofClass;
    if (value === undefined) continue;
    classes.set(serviceClass, { ...(classes.get(serviceClass) ?? noUsage()), [name]: value });
  }
  if ([...assignment.keys()].some((key) => key.startsWith('byClass ')))
    facts['byClass'] = Object.fromEntries(classes);
  return facts;
}

function noUsage(): ClassFacts {
  return Object.fromEntries(
    Object.entries(CLASS_FACTS).map(([name, { nullable }]) => [name, nullable ? null : 0]),
  ) as ClassFacts;
}
