import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { expect } from 'vitest';
import { PROBLEM_TYPE } from './problem.ts';
import type { JsonSchema, KnownNames } from './schema-arbitrary.contract.ts';
import { anyJson, arbitraryOf, namedOf, nearlyOf } from './schema-arbitrary.contract.ts';
import type { tariffApi } from './tariff-rig.contract.ts';

const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;

/** What the document says of a route, as far as it is asked here. */
interface Operation {
  parameters?: { name: string; in: 'path' | 'query' | 'header'; required?: boolean; schema: JsonSchema }[];
  requestBody?: { content: Record<string, { schema: JsonSchema }> };
  responses: Record<string, { content?: Record<string, unknown> }>;
}

/** A route of the document. */
export interface Route {
  method: (typeof METHODS)[number];
  path: string;
  operation: Operation;
}

/** Bodies of their own, or of binary records: their routes have tests of their own. */
const ELSEWHERE = ['/v1/accounting', '/v1/imports'];

/** Routes of the document but for those that have tests of their own. */
export function routesOf(app: FastifyInstance): Route[] {
  const { paths = {} } = app.swagger() as unknown as {
    paths?: Record<string, Record<string, Operation>>;
  };
  return Object.entries(paths)
    .filter(([path]) => !ELSEWHERE.includes(path))
    .flatMap(([path, operations]) =>
      METHODS.flatMap((method) => {
        const operation = operations[method];
        return operation === undefined ? [] : [{ method, path, operation }];
      }),
    );
}

/** A request: parameters and body by their schemas, or nearly, or anything. */
function requestOf({ path, operation: { parameters = [], requestBody } }: Route, known: KnownNames) {
  const texts = (place: 'path' | 'query' | 'header'): fc.Arbitrary<Record<string, string>> =>
    fc.record(
      Object.fromEntries(
        parameters
          .filter((parameter) => parameter.in === place)
          .map(({ name, schema }) => [
            name,
            fc
              .oneof({ weight: 3, arbitrary: namedOf(name, schema, known) }, nearlyOf(schema, known))
              .map(textOf),
          ]),
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
        : fc.oneof({ weight: 3, arbitrary: arbitraryOf(body, known) }, nearlyOf(body, known), anyJson),
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

/**
 * Sends a route whatever: it answers as its document says, and never by a fault of its own.
 *
 * @param known what is likely of fields and parameters, by their names
 */
export async function sendAnything(
  ask: Awaited<ReturnType<typeof tariffApi>>['ask'],
  route: Route,
  numRuns: number,
  known: KnownNames = {},
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(requestOf(route, known), async ({ path, query, headers, body }) => {
      const search = new URLSearchParams(
        Object.entries(query).map(([name, value]): [string, string] => [name, wellFormed(value)]),
      ).toString();
      const url = search === '' ? path : `${path}?${search}`;
      const method = route.method.toUpperCase() as 'GET';
      const answer = await ask(method, url, body, sendable(headers));
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
    { numRuns },
  );
}
