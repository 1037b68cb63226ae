import { DECORATOR_DESCRIPTIONS, MAX_DECORATORS, OPERATOR_DESCRIPTIONS } from '../lint/operator-forms.ts';
import {
  BLOCK_BYTES,
  BLOCKS,
  EVENTS,
  HOLD_SECONDS,
  MAX_NAME,
  PRICE,
  SECONDS,
  SPEED,
  TOP_UPS,
} from '../lint/check-event.ts';
import type { MODES } from '../lint/check-policy.ts';
import { NAME_FORM, SUBJECTS } from '../lint/check-policy.ts';
import { MAX_CONDITION_DEPTH } from '../lint/check-condition.ts';
import { MAX_RULES } from '../lint/check-policy.ts';
import type { FactDefinition } from './catalogue.ts';
import { CLASS_FACTS, FACTS } from './catalogue.ts';
import type { Schema } from './json-schema.ts';
import { DIALECT, closed, oneOf, whole } from './json-schema.ts';

/**
 * JSON Schema (2020-12) of a policy file, made from the catalogue: editors complete facts, operators and parameters from it
 * and show what they mean. It lets through more than the linter does, never less.
 */
export function policySchema(): Schema {
  return {
    $schema: DIALECT,
    title: 'Weir policy',
    description: 'Rules that a product owner edits; docs/policies.md and docs/facts.md explain them',
    ...closed(
      {
        $schema: { type: 'string' },
        id: { type: 'string', pattern: NAME_FORM.source, description: 'Of the policy, for ever the same' },
        description: { type: 'string', maxLength: 4096, description: 'What it does, for people' },
        mode: oneOf({
          off: 'Does nothing',
          shadow: 'Decides, records what it would do, and sends nothing',
          percent: 'Acts on a stable share of the subscribers',
          enforce: 'Acts on all',
        } satisfies Record<(typeof MODES)[number], string>),
        percent: {
          type: 'number',
          minimum: 0,
          maximum: 100,
          description: 'Share of subscribers, with mode percent',
        },
        appliesTo: { ...closed({ plans: names(), segments: names() }), description: 'Absent = everybody' },
        subject: {
          enum: [...SUBJECTS],
          default: 'subscriber',
          description: 'Whose facts the rules ask about',
        },
        conditions: {
          type: 'object',
          description: 'Conditions that rules refer to: {"condition": "<name>"}',
          propertyNames: { pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$' },
          additionalProperties: { $ref: '#/$defs/condition' },
        },
        rules: { type: 'array', minItems: 1, maxItems: MAX_RULES, items: { $ref: '#/$defs/rule' } },
      },
      ['id', 'description', 'mode', 'rules'],
    ),
    $defs: {
      rule: rule(),
      condition: condition(),
      leaf: leaf(),
      until: until(),
      event: event(),
      value: value(),
    },
  };
}

function rule(): Schema {
  return closed(
    {
      name: { type: 'string', pattern: NAME_FORM.source },
      priority: { type: 'integer', minimum: 1, default: 1, description: 'Higher runs first' },
      conditions: { $ref: '#/$defs/condition' },
      event: { $ref: '#/$defs/event' },
    },
    ['name', 'conditions', 'event'],
  );
}

function condition(): Schema {
  const common = { name: { type: 'string' }, priority: { type: 'integer', minimum: 1 } };
  const list = { type: 'array', minItems: 1, items: { $ref: '#/$defs/condition' } };
  return {
    description: `At most ${MAX_CONDITION_DEPTH} levels`,
    anyOf: [
      closed({ all: { ...list, description: 'Every one of them holds' }, ...common }, ['all']),
      closed({ any: { ...list, description: 'At least one of them holds' }, ...common }, ['any']),
      closed({ not: { $ref: '#/$defs/condition', description: 'It does not hold' }, ...common }, ['not']),
      closed({ condition: { type: 'string', description: 'A condition of the policy by name' }, ...common }, [
        'condition',
      ]),
      { $ref: '#/$defs/leaf' },
    ],
  };
}

function leaf(): Schema {
  return closed(
    {
      fact: oneOf(describedFacts()),
      path: path(),
      operator: operator(),
      value: { $ref: '#/$defs/value' },
      name: { type: 'string' },
      priority: { type: 'integer', minimum: 1 },
    },
    ['fact', 'operator', 'value'],
  );
}

function describedFacts(): Record<string, string> {
  return Object.fromEntries(
    Object.entries<FactDefinition>(FACTS).map(([name, { description, unit }]) => [
      name,
      unit === '' ? description : `${description} (${unit})`,
    ]),
  );
}

function path(): Schema {
  const classFacts = Object.keys(CLASS_FACTS).join('|');
  return {
    type: 'string',
    pattern: `^\\$(\\..+|\\['.+'\\])(\\.(${classFacts})|\\['(${classFacts})'\\])$`,
    description: 'Of byClass: $.<class>.<name>',
    examples: Object.keys(CLASS_FACTS).map((name) => `$.video.${name}`),
  };
}

function operator(): Schema {
  const decorators = Object.keys(DECORATOR_DESCRIPTIONS).join('|');
  const operators = Object.keys(OPERATOR_DESCRIPTIONS).join('|');
  return {
    anyOf: [
      oneOf(OPERATOR_DESCRIPTIONS),
      { type: 'string', pattern: `^((${decorators}):){1,${MAX_DECORATORS}}(${operators})$` },
    ],
  };
}

function value(): Schema {
  return {
    anyOf: [
      { type: ['number', 'string', 'boolean', 'null'] },
      { type: 'array', minItems: 1 },
      {
        ...closed({ fact: { enum: Object.keys(FACTS) }, path: path() }, ['fact']),
        description: 'The value of another fact',
      },
    ],
  };
}

function until(): Schema {
  return {
    description:
      'How long it is held: while the conditions hold, to the end of the cycle, or for so many seconds',
    anyOf: [{ enum: ['while', 'cycle-end'] }, closed({ seconds: whole(SECONDS) }, ['seconds'])],
    default: 'while',
  };
}

function event(): Schema {
  const holding = {
    until: { $ref: '#/$defs/until' },
    minHoldSeconds: {
      ...whole(HOLD_SECONDS),
      default: 900,
      description: 'With until "while": held at least so long',
    },
  };
  const name = { type: 'string', minLength: 1, maxLength: MAX_NAME };
  const speeds = { downBps: whole(SPEED), upBps: whole(SPEED) };
  const of = (type: keyof typeof EVENTS, params: Schema): Schema => ({
    ...closed({ type: { const: type, description: EVENTS[type].about }, params }, ['type', 'params']),
    description: EVENTS[type].about,
  });
  return {
    anyOf: [
      of('throttle', closed({ ...speeds, ...holding }, ['downBps', 'upBps'])),
      of('throttle', closed({ profile: name, ...holding }, ['profile'])),
      of('block', closed(holding, [])),
      of('redirect', closed({ profile: name, ...holding }, ['profile'])),
      of('overage', closed(overage(), [])),
      of('topup', closed({ productId: name, maxPerCycle: whole(TOP_UPS) }, ['productId', 'maxPerCycle'])),
      of('notify', closed({ template: name, channel: name }, ['template', 'channel'])),
    ],
  };
}

function overage(): Schema {
  return {
    blockBytes: whole(BLOCK_BYTES),
    blockPriceMinor: { ...whole(PRICE), description: 'Minor units of the currency' },
    currency: { type: 'string', pattern: '^[A-Z]{3}$' },
    maxBlocks: { anyOf: [whole(BLOCKS), { type: 'null' }] },
  };
}

function names(): Schema {
  return {
    type: 'array',
    items: {
      type: 'string',
      minLength: 1,
      maxLength: MAX_NAME,
      description: 'A * at the end stands for any rest',
    },
  };
}
