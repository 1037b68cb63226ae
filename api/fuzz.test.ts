import { beforeAll, describe, it, expect } from 'vitest';
import type { Route } from './route-fuzz.contract.ts';
import { routesOf, sendAnything } from './route-fuzz.contract.ts';
import type { JsonSchema } from './schema-arbitrary.contract.ts';
import { tariffApi } from './tariff-rig.contract.ts';
import { wholeApiOptions } from './whole-api.contract.ts';

/** Requests of each route; WEIR_TEST_RUNS raises it. */
const RUNS = Number(process.env['WEIR_TEST_RUNS'] ?? 30);

let rig: Awaited<ReturnType<typeof open>>;
let routes: Route[];

function open() {
  const options = wholeApiOptions();
  return tariffApi(options.tariffs, options);
}

beforeAll(async () => {
  rig = await open();
  routes = routesOf(rig.app);
}, 120_000);

describe('every route', () => {
  it('answers anything that is sent as its document says, and never by a fault of its own', async () => {
    for (const route of routes) await sendAnything(rig.ask, route, RUNS);
  }, 300_000);

  it('bounds every text, list and number that it takes', () => {
    const open = routes.flatMap(({ method, path, operation: { parameters = [], requestBody } }) => {
      const body = requestBody?.content['application/json']?.schema;
      const given = parameters.map(({ name, schema }) => ({ name, schema }));
      return [...given, ...(body === undefined ? [] : [{ name: 'body', schema: body }])].flatMap(
        ({ name, schema }) => unbounded(schema, name).map((at) => `${method} ${path} ${at}`),
      );
    });
    expect(open).toEqual(UNBOUNDED);
  });
});

/** By nothing but the size of the body, and looked at whole by the code behind. */
const UNBOUNDED = [
  'post /v1/policies body.policy',
  'post /v1/policies body.tests',
  'post /v1/policies body.tests',
  'post /v1/policies/validate body.policy',
  'post /v1/policies/validate body.tests',
  'post /v1/policies/validate body.tests',
];

/** Where a schema takes more than a stated amount. */
function unbounded(schema: JsonSchema, at: string): string[] {
  const variants = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  const below = [
    ...variants.flatMap((variant) => unbounded(variant, at)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, one]) => unbounded(one, `${at}.${name}`)),
    ...(schema.items === undefined ? [] : unbounded(schema.items, `${at}[]`)),
    ...(typeof schema.additionalProperties === 'object'
      ? unbounded(schema.additionalProperties, `${at}.*`)
      : []),
  ];
  if (schema.enum !== undefined || schema.const !== undefined) return below;
  const types = [schema.type ?? []].flat();
  if (types.includes('string') && schema.maxLength === undefined && !endsItself(schema.pattern))
    below.push(at);
  if (types.includes('array') && schema.maxItems === undefined) below.push(at);
  if (types.some((type) => type === 'integer' || type === 'number') && schema.maximum === undefined)
    below.push(at);
  if (typeof schema.additionalProperties === 'object' && schema.maxProperties === undefined) below.push(at);
  return below;
}

/** A pattern without a repeat that has no end. */
function endsItself(pattern: string | undefined): boolean {
  return (
    pattern !== undefined && pattern.startsWith('^') && pattern.endsWith('$') && !/[*+]|,\}/.test(pattern)
  );
}
