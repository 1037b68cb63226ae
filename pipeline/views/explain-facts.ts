import { CLASS_FACTS, FACTS } from '../../rules/facts/catalogue.ts';
import type { ClassFactName, FactName, Facts } from '../../rules/facts/catalogue.ts';
import type { FactView, Known } from '../../schemas/timeline-views.ts';

/** What is not kept for the past: the profile and the plans are read as they are now. */
const AS_OF_NOW: ReadonlySet<string> = new Set([
  'segment',
  'tags',
  'billingStatus',
  'overageConsent',
  'planFamily',
  'capBytes',
  'planDownBps',
  'planUpBps',
] satisfies FactName[]);

function knownOfPast(name: string): Known {
  if (AS_OF_NOW.has(name)) return 'as of now';
  return name === 'poolUsedPercent' ? 'not known' : 'reconstructed';
}

/** All facts of the catalogue in its order, then those of each service class as `byClass.<class>.<name>`. */
export function factViews(facts: Facts, basis: 'stored' | 'reconstructed'): FactView[] {
  const views: FactView[] = [];
  for (const [name, { unit, description }] of Object.entries(FACTS)) {
    if (name === 'byClass') continue;
    const known = basis === 'stored' ? basis : knownOfPast(name);
    views.push({ name, value: facts[name as FactName], unit, known, description });
  }
  for (const [serviceClass, own] of Object.entries(facts.byClass)) {
    for (const [name, { unit, description }] of Object.entries(CLASS_FACTS)) {
      const value = own[name as ClassFactName];
      views.push({ name: `byClass.${serviceClass}.${name}`, value, unit, known: basis, description });
    }
  }
  return views;
}
