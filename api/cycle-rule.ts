import { cycleRule } from '../pipeline/decode/cycle-shape.ts';
import { MOST_CYCLE_DAYS } from '../rules/cycle.ts';
import type { CycleRule } from '../schemas/profile.ts';
import { Problem } from './problem.ts';

/** Schema of when billing cycles begin. */
export const CYCLE_RULE = {
  type: 'object',
  discriminator: { propertyName: 'kind' },
  required: ['kind'],
  oneOf: [
    {
      description: 'on a day of the month; 29 to 31 fall on the last one where there are fewer',
      properties: { kind: { const: 'month' }, anchorDay: { type: 'integer', minimum: 1, maximum: 31 } },
      required: ['anchorDay'],
      additionalProperties: false,
    },
    {
      description: 'on a day of the week, 1 = Monday to 7 = Sunday',
      properties: { kind: { const: 'week' }, weekday: { type: 'integer', minimum: 1, maximum: 7 } },
      required: ['weekday'],
      additionalProperties: false,
    },
    {
      description: 'every so many days, at most as many as a month has, counted from a date',
      properties: {
        kind: { const: 'days' },
        days: { type: 'integer', minimum: 1, maximum: MOST_CYCLE_DAYS },
        from: { type: 'string', pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' },
      },
      required: ['days', 'from'],
      additionalProperties: false,
    },
  ],
} as const;

/** @throws Problem 422 for what the schema allows and no calendar has, such as 30 February */
export function checkedRule(rule: CycleRule): CycleRule {
  const wrong = cycleRule(rule, 'cycle');
  if (wrong === null) return rule;
  throw new Problem(422, 'invalid-input', wrong);
}
