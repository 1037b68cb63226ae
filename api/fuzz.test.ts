import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { PROBLEM_TYPE } from './problem.ts';
import type { JsonSchema } from './schema-arbitrary.contract.ts';
import { anyJson, arbitraryOf, nearlyOf } from './schema-arbitrary.contract.ts';
import { tariffApi } from './tariff-rig.contract.ts';
import { wholeApiOptions } from './whole-api.contract.ts';

/** Requests of each route; WEIR_TEST_RUNS raises it. */
const RUNS = Number(process.env['WEIR_TEST_RUNS'] ?? 30);
const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;

interface Operation {
  parameters?: { name: string; in: 'path' | 'query' | 'header'; required?: boolean; schema: JsonSchema }[];
  requestBody?: { content: Record<string, { schema: JsonSchema }> };
  responses: Record<string, { content?: Record<string, unknown> }>;
}

interface Route {
  method: (typeof METHODS)[number];
  path: string;
  operation: Operation;
}

/** Bodies of their own, or of binary records: their routes have tests of their own. */
const ELSEWHERE = ['/v1/accounting', '/v1/imports'];

let rig: Awaited<ReturnType<typeof open>>;
let routes: Route[];

function open() {
  const options = wholeApiOptions();
  return tariffApi(options.tariffs, options);
}

beforeAll(async () => {
  rig = await open();
  const { paths = {} } = rig.app.swagger() as unknown as {
    paths?: Record<string, Record<string, Operation>>;
  };
  routes = Object.entries(paths)
    .filter(([path]) => !ELSEWHERE.includes(path))
    .flatMap(([path, operations]) =>
      METHODS.flatMap((method) => {
        const operation = operations[method];
        return operation === undefined ? [] : [{ method, path, operation }];
      }),
    );
}, 120_000);

/** A request: parameters and body by their schemas, or nearly, or anything. */
function requestOf({ path, operation: { parameters = [], requestBody } }: Route) {
  const texts = (place: 'path' | 'query' | 'header'): fc.Arbitrary<Record<string, string>> =>
    fc.record(
      Object.fromEntries(
        parameters
          .filter((parameter) => parameter.in === place)
          .map(({ name, schema }) => [name, fc.oneof(arbitraryOf(schema), nearlyOf(schema)).map(textOf)]),
      ),
      { requiredKeys: [] },
    ) as fc.Arbitrary<Record<string, string>>;
  const body = requestBody?.content['application/json']?.schema;
  return fc.record({
    path: texts('path').map((given) =>
      path.replace(/\{([^}]*)\}/g, (_, name: string) => encodeURIComponent(wellFormed(given[name] ?? 's1'))),
    ),
    query: texts('query'),
    headers: texts('header'),
    body:
      body === undefined
        ? fc.constant(undefined)
        : fc.oneof({ weight: 3, arbitrary: arbitraryOf(body) }, nearlyOf(body), anyJson),
  });
}

/** As it stands in a path, query or header. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** No half of a character: URLs cannot have one. */
function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, '?');
}

/** What a header may carry; anything else no client can send. */
function sendable(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => /^[\x20-\x7e]*$/.test(value)));
}

describe('every route', () => {
  it('answers anything that is sent as its document says, and never by a fault of its own', async () => {
    for (const route of routes) {
      await fc.assert(
        fc.asyncProperty(requestOf(route), async ({ path, query, headers, body }) => {
          const search = new URLSearchParams(
            Object.entries(query).map(([name, value]) => [name, wellFormed(value)]),
          ).toString();
          const url = search === '' ? path : `${path}?${search}`;
          const method = route.method.toUpperCase() as 'GET';
          const answer = await rig.ask(method, url, body, sendable(headers));
          const told = `${method} ${url} ${JSON.stringify(body)}: ${answer.status} ${answer.text.slice(0, 300)}`;
          expect(answer.status, told).toBeLessThan(500);
          const { responses } = route.operation;
          if (answer.status >= 400) {
            expect(answer.headers['content-type'], told).toContain(PROBLEM_TYPE);
            expect(answer.body, told).toMatchObject({
              status: answer.status,
              code: expect.any(String) as string,
            });
            expect(responses, told).toHaveProperty('default');
          } else expect(responses, told).toHaveProperty(String(answer.status));
        }),
        { numRuns: RUNS },
      );
    }
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
