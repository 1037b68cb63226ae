import { CLASS_FACTS, FACTS } from '../facts/catalogue.ts';
import type { FactDefinition } from '../facts/catalogue.ts';
import { MAX_CASES, MAX_STEPS } from './format.ts';

type Schema = Record<string, unknown>;

/**
 * JSON Schema (2020-12) of a test file, made from the catalogue: editors complete facts from it and show what they mean.
 * It lets through more than `checkPolicyTests` does, never less.
 */
export function policyTestsSchema(): Schema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Tests of a Weir policy',
    description: 'Cases that `weir policy test` runs; docs/policies.md explains them',
    ...closed(
      {
        $schema: { type: 'string' },
        cases: { type: 'array', maxItems: MAX_CASES, items: { $ref: '#/$defs/case' } },
      },
      ['cases'],
    ),
    $defs: { case: testCase(), step: step(), facts: facts(), rules: rules() },
  };
}

function testCase(): Schema {
  const common = {
    name: { type: 'string', minLength: 1, maxLength: 200 },
    plan: { type: ['string', 'null'], description: 'Short for the fact planId' },
    facts: { $ref: '#/$defs/facts' },
  };
  const expect = { $ref: '#/$defs/rules', description: 'Rules that hold; no others may' };
  const steps = { type: 'array', minItems: 1, maxItems: MAX_STEPS, items: { $ref: '#/$defs/step' } };
  return {
    anyOf: [
      closed({ ...common, expect }, ['name', 'expect']),
      closed({ ...common, steps: { ...steps, description: 'In order of time' } }, ['name', 'steps']),
    ],
  };
}

function step(): Schema {
  return closed(
    {
      at: { type: 'integer', minimum: 0, description: 'Seconds since the case began' },
      newCycle: { type: 'boolean', description: 'The billing cycle has rolled since the step before' },
      facts: { $ref: '#/$defs/facts', description: 'Over those of the case' },
      begin: { $ref: '#/$defs/rules', description: 'Rules that begin now; no others may' },
      end: { $ref: '#/$defs/rules', description: 'Rules that end now; no others may' },
    },
    ['at'],
  );
}

function rules(): Schema {
  const named = closed({ rule: { type: 'string' }, event: { type: 'string' } }, ['rule']);
  return { type: 'array', items: { anyOf: [{ type: 'string' }, named] } };
}

function facts(): Schema {
  const {
    byClass: { description },
    ...plain
  } = FACTS;
  const classes = { type: 'object', additionalProperties: closed(schemasOf(CLASS_FACTS), []) };
  return {
    description: 'What matters; the rest is a subscriber at rest',
    ...closed({ ...schemasOf(plain), byClass: { ...classes, description } }, []),
  };
}

function schemasOf(definitions: Readonly<Record<string, FactDefinition>>): Schema {
  return Object.fromEntries(Object.entries(definitions).map(([name, one]) => [name, schemaOf(one)]));
}

function schemaOf({ type, unit, description, nullable, values, min, max, example }: FactDefinition): Schema {
  const about = { description: unit === '' ? description : `${description} (${unit})`, examples: [example] };
  switch (type) {
    case 'number':
      return {
        ...about,
        type: nullable ? ['number', 'null'] : 'number',
        ...(min === undefined ? {} : { minimum: min }),
        ...(max === undefined ? {} : { maximum: max }),
      };
    case 'string':
      return {
        ...about,
        ...(values === undefined ? { type: nullable ? ['string', 'null'] : 'string' } : { enum: values }),
      };
    case 'boolean':
      return { ...about, type: 'boolean' };
    case 'strings':
      return { ...about, type: 'array', items: { type: 'string' } };
    case 'classes':
      return { ...about, type: 'object' };
  }
}

function closed(properties: Schema, required: string[]): Schema {
  return { type: 'object', properties, required, additionalProperties: false };
}
