import type { Speed } from '../../schemas/action.ts';
import type {
  Condition,
  Holding,
  PolicyEvent,
  PolicyFile,
  PolicyRule,
  PolicyVersion,
  Until,
} from '../../schemas/policy.ts';
import type { Check } from './shape.ts';
import {
  anything,
  currency,
  either,
  integer,
  isObject,
  list,
  nullable,
  number,
  object,
  oneOf,
  optional,
  record,
  text,
} from './shape.ts';

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
      params: optional(anyRecord),
    })(value, path);
  };
}

const anyRecord: Check<Record<string, unknown>> = (value, path) =>
  isObject(value) ? null : `${path} is not an object`;

const until: Check<Until> = either(
  oneOf(['while', 'cycle-end']),
  object<Extract<Until, object>>({ seconds: integer(1, 366 * 86_400) }),
);

type EventOf<T extends PolicyEvent['type']> = Extract<PolicyEvent, { type: T }>;

const holding = { until: optional(until), minHoldSeconds: optional(seconds) };
const throttleParams: Check<EventOf<'throttle'>['params']> = (value, path) =>
  isObject(value) && 'profile' in value
    ? object<{ profile: string } & Holding>({ profile: name, ...holding })(value, path)
    : object<Speed & Holding>({ downBps: bitsPerSecond, upBps: bitsPerSecond, ...holding })(value, path);

const EVENTS: { [T in PolicyEvent['type']]: Check<EventOf<T>> } = {
  throttle: object<EventOf<'throttle'>>({ type: oneOf(['throttle']), params: throttleParams }),
  block: object<EventOf<'block'>>({ type: oneOf(['block']), params: object<Holding>(holding) }),
  redirect: object<EventOf<'redirect'>>({
    type: oneOf(['redirect']),
    params: object<EventOf<'redirect'>['params']>({ profile: name, ...holding }),
  }),
  overage: object<EventOf<'overage'>>({
    type: oneOf(['overage']),
    params: object<EventOf<'overage'>['params']>({
      blockBytes: optional(integer(1, Number.MAX_SAFE_INTEGER)),
      blockPriceMinor: optional(integer(0, 1e12)),
      currency: optional(currency),
      maxBlocks: optional(nullable(integer(0, 1e9))),
    }),
  }),
  topup: object<EventOf<'topup'>>({
    type: oneOf(['topup']),
    params: object<EventOf<'topup'>['params']>({ productId: name, maxPerCycle: integer(1, 1000) }),
  }),
  notify: object<EventOf<'notify'>>({
    type: oneOf(['notify']),
    params: object<EventOf<'notify'>['params']>({ template: name, channel: name }),
  }),
};

const event: Check<PolicyEvent> = (value, path) => {
  const type = isObject(value) ? value['type'] : undefined;
  if (typeof type !== 'string' || !Object.hasOwn(EVENTS, type)) return `${path}.type is no known event`;
  return EVENTS[type as PolicyEvent['type']](value, path);
};

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
  conditions: optional(record(condition(1), MAX_BRANCHES)),
  rules: list(rule, 1000),
});

export const policyVersion = object<PolicyVersion>({ policyId: name, version: text(1, 128), file });
