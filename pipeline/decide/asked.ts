import type { CompiledPolicy } from '../../rules/compile/policy.ts';
import type { FactName } from '../../rules/facts/catalogue.ts';

/** Groups of facts that cost something and are left out where nobody asks about any of a group. */
export interface Asked {
  topUps: boolean;
  /** by local date within the cycle */
  cycleDays: boolean;
  window: boolean;
  hours: boolean;
  day: boolean;
  peak: boolean;
  usualDay: boolean;
  sessions: boolean;
  clock: boolean;
  offPeak: boolean;
  classes: boolean;
}

const GROUPS: Record<keyof Asked, readonly FactName[]> = {
  topUps: ['topUpRemainingBytes'],
  cycleDays: ['cycleDay', 'cycleDaysLeft'],
  window: ['last5mBytes'],
  hours: ['hourBytes', 'last24hBytes'],
  day: ['dayBytes', 'dayToUsualPercent'],
  peak: ['peakRateBps'],
  usualDay: ['usualDayBytes', 'dayToUsualPercent'],
  sessions: ['longestSessionSeconds'],
  clock: ['hourOfDay', 'dayOfWeek', 'date'],
  offPeak: ['isOffPeak'],
  classes: ['byClass'],
};

/** Somebody asks about everything: people, and json-rules-engine before a rule acts. */
export const ALL_ASKED = groupsOf(() => true);

const known = new WeakMap<ReadonlySet<FactName>, Asked>();

/** What of these facts there is to reckon; the answer is kept with the set, which must not change. */
export function askedOf(facts: ReadonlySet<FactName>): Asked {
  let asked = known.get(facts);
  if (asked === undefined) {
    asked = groupsOf((name) => facts.has(name));
    known.set(facts, asked);
  }
  return asked;
}

function groupsOf(asks: (name: FactName) => boolean): Asked {
  const entries = Object.entries(GROUPS).map(([group, names]) => [group, names.some(asks)]);
  return Object.fromEntries(entries) as Record<keyof Asked, boolean>;
}

/** By which clocks the facts change that some policies ask about. */
export interface Clocks {
  offPeak: boolean;
  /** each clock hour */
  hourly: boolean;
  /** each local midnight */
  daily: boolean;
  /** once the newest window is too old */
  window: boolean;
  /** each clock hour, but only while a throttle is in force */
  throttled: boolean;
  /** each clock hour, but only while a session is open */
  sessions: boolean;
}

const CLOCKS: Record<keyof Clocks, readonly FactName[]> = {
  offPeak: ['isOffPeak'],
  hourly: [
    'hourOfDay',
    'hourBytes',
    'last24hBytes',
    'cycleElapsedPercent',
    'projectedCapUsedPercent',
    'byClass',
  ],
  daily: [
    'dayOfWeek',
    'date',
    'dayBytes',
    'peakRateBps',
    'usualDayBytes',
    'dayToUsualPercent',
    'cycleDay',
    'cycleDaysLeft',
    'byClass',
  ],
  window: ['last5mBytes', 'byClass'],
  throttled: ['throttledSeconds'],
  sessions: ['longestSessionSeconds'],
};

const clocks = new WeakMap<readonly CompiledPolicy[], Clocks>();

/** The clocks of all rules of some policies; kept with the list, which must not change. */
export function clocksOf(policies: readonly CompiledPolicy[]): Clocks {
  let found = clocks.get(policies);
  if (found === undefined) {
    const entries = Object.entries(CLOCKS).map(([clock, names]) => [
      clock,
      names.some((name) => policies.some(({ facts }) => facts.has(name))),
    ]);
    found = Object.fromEntries(entries) as Record<keyof Clocks, boolean>;
    clocks.set(policies, found);
  }
  return found;
}
