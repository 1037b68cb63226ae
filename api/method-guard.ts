import type { FastifyInstance, HTTPMethods } from 'fastify';
import { Problem } from './problem.ts';

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * Answers 405 with `Allow` where a path has routes but none of the method; Fastify's own answer would be 404.
 * Call before the routes are registered; the returned function after them.
 */
export function guardMethods(app: FastifyInstance): () => void {
  const allowed = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = allowed.get(url) ?? new Set();
    for (const name of [method].flat()) methods.add(name);
    allowed.set(url, methods);
  });
  return () => {
    for (const [url, known] of [...allowed]) {
      const allow = [...known].join(', ');
      app.route({
        url,
        method: METHODS.filter((name) => !known.has(name)),
        config: { roles: 'public' },
        schema: { hide: true },
        // In a hook, before any body is read.
        onRequest: async (_, reply) => {
          void reply.header('allow', allow);
          throw new Problem(405, 'method-not-allowed', `this path knows ${allow}`);
        },
        handler: (_, reply) => reply.send(),
      });
    }
  };
}
