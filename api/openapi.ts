import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';

/** Options of @fastify/swagger: the document is made of the routes' own schemas, so it cannot say anything else. */
export function openApiOptions(): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Weir',
        version: '1',
        description:
          'Usage, sessions, speed and actions of subscribers. Octets are decimal text, times are ISO 8601 UTC, ' +
          'errors are problem documents (RFC 9457) with a `code`.',
      },
      components: {
        securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'an API key, weir_...' } },
      },
    },
    // Names of components are the names of the views, not def-0.
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json['$id'] ?? `def-${i}`) },
    transform: ({ schema, url, route }) => {
      const roles = route.config?.roles ?? [];
      const access =
        roles === 'public'
          ? { security: [] }
          : {
              security: [{ key: [] }],
              description: `Roles: ${[...new Set([...roles, 'admin'])].join(', ')}.`,
            };
      return { schema: { ...schema, ...access }, url };
    },
  };
}
