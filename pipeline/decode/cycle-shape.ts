import { MOST_CYCLE_DAYS } from '../../rules/cycle.ts';
import type { CycleChange, CycleRule } from '../../schemas/profile.ts';
import type { Check } from './shape.ts';
import { instant, integer, isObject, list, object, oneOf, text, where } from './shape.ts';

type OfKind<K extends CycleRule['kind']> = Extract<CycleRule, { kind: K }>;

/** It exists: calendars refuse 30 February, where Date.parse may take it for a day in March. */
const localDate = where(text(10, 10), (value) =>
  /^\d{4}-\d{2}-\d{2}$/.test(value) && isoDate(Date.parse(`${value}T00:00:00Z`)) === value
    ? null
    : 'is not a date YYYY-MM-DD',
);

function isoDate(ms: number): string | null {
  return Number.isNaN(ms) ? null : new Date(ms).toISOString().slice(0, 10);
}

const RULES = {
  month: object<OfKind<'month'>>({ kind: oneOf(['month']), anchorDay: integer(1, 31) }),
  week: object<OfKind<'week'>>({ kind: oneOf(['week']), weekday: integer(1, 7) }),
  days: object<OfKind<'days'>>({ kind: oneOf(['days']), days: integer(1, MOST_CYCLE_DAYS), from: localDate }),
};
const KINDS = ['month', 'week', 'days'] as const satisfies readonly CycleRule['kind'][];

/** When cycles begin, as it stands in the log. */
export const cycleRule: Check<CycleRule> = (value, path) => {
  if (!isObject(value)) return `${path} is not an object`;
  const kind = KINDS.find((name) => name === value['kind']);
  return kind === undefined ? `${path}.kind is not one of ${KINDS.join(', ')}` : RULES[kind](value, path);
};

/** Changes of the rule in one profile; each ends a cycle, so there are a few a year at most. */
const MAX_CHANGES = 100;

/** Dated changes of the rule, as they stand in the log. */
export const cycleChanges: Check<CycleChange[]> = where(
  list(object<CycleChange>({ fromMs: instant, cycle: cycleRule }), MAX_CHANGES),
  (changes) =>
    changes.every(({ fromMs }, index) => fromMs > (changes[index - 1]?.fromMs ?? Number.NEGATIVE_INFINITY))
      ? null
      : 'are not ordered, or two begin at once',
);
