import type {
  Condition,
  PolicyEvent,
  PolicyFile,
  PolicyRule,
  PolicyVersion,
  Until,
} from '../../schemas/policy.ts';
import type { Check } from './shape.ts';
import { anything, either, integer, isObject, list, number, object, oneOf, optional, text } from './shape.ts';

const MAX_DEPTH = 32;
const MAX_BRANCHES = 500;
const name = text(1, 256);
const bitsPerSecond = integer(0, 1e15);
const seconds = integer(0, 366 * 86_400);

/** A condition tree, nested at most 32 deep. Whether facts and operators exist is the compiler's to say. */
function condition(depth: number): Check<Condition> {
  return (value, path) => {
    if (depth > MAX_DEPTH) return `${path} is nested deeper than ${MAX_DEPTH}`;
    if (!isObject(value)) return `${path} is not an object`;
    const inner = condition(depth + 1);
    const common = { name: optional(name), priority: optional(integer(1, 1_000_000)) };
    if ('all' in value) return object({ ...common, all: list(inner, MAX_BRANCHES) })(value, path);
    if ('any' in value) return object({ ...common, any: list(inner, MAX_BRANCHES) })(value, path);
    if ('not' in value) return object({ ...common, not: inner })(value, path);
    if ('condition' in value) return object({ ...common, condition: name })(value, path);
    return object({
      ...common,
      fact: name,
      operator: name,
      value: anything,
      path: optional(text(0, 256)),
      params: optional(record),
    })(value, path);
  };
}

const record: Check<Record<string, unknown>> = (value, path) =>
  isObject(value) ? null : `${path} is not an object`;

const until: Check<Until> = either(
  oneOf(['while', 'cycle-end']),
  object<Extract<Until, object>>({ seconds: integer(1, 366 * 86_400) }),
);

type EventOf<T extends PolicyEvent['type']> = Extract<PolicyEvent, { type: T }>;

const throttle = object<EventOf<'throttle'>>({
  type: oneOf(['throttle']),
  params: object<EventOf<'throttle'>['params']>({
    downBps: bitsPerSecond,
    upBps: bitsPerSecond,
    until: optional(until),
    minHoldSeconds: optional(seconds),
  }),
});

const notify = object<EventOf<'notify'>>({
  type: oneOf(['notify']),
  params: object<EventOf<'notify'>['params']>({ template: name, channel: name }),
});

const event: Check<PolicyEvent> = (value, path) =>
  isObject(value) && value['type'] === 'throttle' ? throttle(value, path) : notify(value, path);

const rule = object<PolicyRule>({
  name,
  priority: optional(integer(1, 1_000_000)),
  conditions: condition(1),
  event,
});

const file = object<PolicyFile>({
  $schema: optional(text(0, 1024)),
  id: name,
  description: text(0, 4096),
  mode: oneOf(['off', 'shadow', 'percent', 'enforce']),
  percent: optional(number(0, 100)),
  appliesTo: optional(
    object<NonNullable<PolicyFile['appliesTo']>>({
      plans: optional(list(name, 1000)),
      segments: optional(list(name, 1000)),
    }),
  ),
  subject: optional(oneOf(['subscriber', 'pool'])),
  rules: list(rule, 1000),
});

export const policyVersion = object<PolicyVersion>({ policyId: name, version: text(1, 128), file });
