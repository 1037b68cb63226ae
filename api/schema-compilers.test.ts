import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { answerCompilers, requestCompiler } from './schema-compilers.ts';

let servers: FastifyInstance[] = [];

afterEach(async () => {
  for (const app of servers) await app.close();
  servers = [];
});

interface Schemas {
  /** of the view with the name 'Thing' */
  view: object;
  body?: object;
}

/** Answers what it is sent, and more, as a Thing. */
async function server({ view, body = {} }: Schemas): Promise<FastifyInstance> {
  const app = fastify({ schemaController: { compilersFactory: { buildSerializer: answerCompilers } } });
  app.setValidatorCompiler(requestCompiler);
  servers.push(app);
  app.addSchema({ ...view, $id: 'Thing' });
  const response = { 200: { content: { 'application/json': { schema: { $ref: 'Thing#' } } } } };
  app.post('/', { schema: { body, response } }, (request) =>
    Promise.resolve({ ...(request.body as object), more: 1 }),
  );
  await app.ready();
  return app;
}

const thing = (...names: string[]): object => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, { type: 'number' }])),
});

async function answer(app: FastifyInstance, payload: object): Promise<unknown> {
  return (await app.inject({ method: 'POST', url: '/', payload })).json();
}

describe('schemas that were compiled before', () => {
  it('are those of the same text, not of the same name or path', async () => {
    const a = await server({ view: thing('a'), body: thing('a') });
    const again = await server({ view: thing('a'), body: thing('a') });
    const b = await server({ view: thing('b'), body: thing('b') });
    for (const app of [a, again]) {
      expect(await answer(app, { a: 1, b: 2 })).toEqual({ a: 1 });
      expect(await answer(app, { a: 'one' })).toMatchObject({ message: 'body/a must be number' });
      expect(await answer(app, { b: 'two' })).toEqual({});
    }
    expect(await answer(b, { a: 1, b: 2 })).toEqual({ b: 2 });
    expect(await answer(b, { a: 1, b: 'two' })).toMatchObject({ message: 'body/b must be number' });
  });

  it('change nothing in a request', async () => {
    const number = { type: 'object', properties: { a: { type: 'number', default: 5 } } };
    const app = await server({ view: thing('a', 'b'), body: { ...number, additionalProperties: true } });
    expect(await answer(app, { b: 1 })).toEqual({ b: 1 });
    expect(await answer(app, { a: '1' })).toMatchObject({ statusCode: 400 });
  });

  it('are of requests that declare themselves whole', async () => {
    const body = { $ref: 'Thing#' };
    await expect(server({ view: thing('a'), body })).rejects.toThrow("can't resolve reference");
  });
});
