import type { FastifyInstance } from 'fastify';
import { docsRoute } from '../docs-page.ts';

const PAGE = `<!doctype html>
<html lang="en">
<title>Weir</title>
<h1>Weir</h1>
<p>Usage metering and policy enforcement. This is its API:</p>
<ul>
<li><a href="/v1/docs">/v1/docs</a> describes it, <a href="/v1/openapi.json">/v1/openapi.json</a> does so for programs</li>
<li><a href="/healthz">/healthz</a> and <a href="/readyz">/readyz</a> need no key</li>
<li>/v1/overview, /v1/subscribers/ID, /v1/feeds and the others need <code>Authorization: Bearer weir_...</code></li>
</ul>
</html>
`;

/** The page at `/`, the OpenAPI document and its viewer; they tell nothing that the source does not. */
export function documentRoutes(app: FastifyInstance): void {
  const hidden = { config: { roles: 'public' }, schema: { hide: true } } as const;
  app.get('/', hidden, async (_, reply) => reply.type('text/html; charset=utf-8').send(PAGE));
  app.get('/v1/openapi.json', hidden, async (_, reply) =>
    reply.type('application/json; charset=utf-8').send(JSON.stringify(app.swagger())),
  );
  docsRoute(app);
}
