import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { escaped, exampleOf, fieldsHtml, kindHtml } from './docs-schema.ts';
import type { ShownSchema } from './docs-schema.ts';

/** An OpenAPI document, as far as the page shows it. */
export interface ShownDocument {
  info: { title: string; description?: string };
  paths?: Readonly<Record<string, Readonly<Record<string, ShownOperation>>>>;
  components?: { schemas?: Readonly<Record<string, ShownSchema>> };
}

interface ShownOperation {
  summary?: string;
  description?: string;
  tags?: readonly string[];
  security?: readonly unknown[];
  parameters?: readonly ShownParameter[];
  requestBody?: { content?: Content };
  responses?: Readonly<Record<string, { description?: string; content?: Content }>>;
}

type Content = Readonly<Record<string, { schema?: ShownSchema }>>;

interface ShownParameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: ShownSchema;
}

interface Route extends ShownOperation {
  method: string;
  path: string;
  id: string;
}

const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 0 1rem 4rem; color: #222; background: #fff }
code, pre { font: 0.875rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere }
pre { background: #f4f4f4; padding: 0.75rem; overflow-x: auto; white-space: pre-wrap }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 }
th, td { text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; padding: 0.25rem 0.75rem 0.25rem 0; font-size: 0.9rem }
h2 { margin-top: 3rem; border-bottom: 2px solid #222 }
h3 { margin-top: 2rem }
section:target h3 { background: #fff3bf }
nav { columns: 2; font-size: 0.9rem } nav ul { margin: 0 0 1rem; padding-left: 1rem; break-inside: avoid }
@media (max-width: 40rem) { nav { columns: 1 } }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } pre { background: #262626 }
th, td { border-color: #444 } h2 { border-color: #ddd } a { color: #8ab4f8 } section:target h3 { background: #5c4a00 } }
`;

/** The page has no script at all; its style is allowed by what it is. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** `/v1/docs`: the OpenAPI document for people to read. */
export function docsRoute(app: FastifyInstance): void {
  let page: string | null = null;
  const hidden = { config: { roles: 'public' }, schema: { hide: true } } as const;
  app.get('/v1/docs', hidden, async (_, reply) => {
    // Made once: routes cannot change any more.
    page ??= docsPage(app.swagger() as unknown as ShownDocument);
    return reply
      .header('content-security-policy', POLICY)
      .header('cache-control', 'no-cache')
      .type('text/html; charset=utf-8')
      .send(page);
  });
}

/** The whole page. What the document says is shown as text, never as HTML. */
export function docsPage({ info, paths = {}, components }: ShownDocument): string {
  const routes = routesOf(paths);
  const tags = [...new Set(routes.map(tagOf))];
  const schemas = Object.entries(components?.schemas ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const title = escaped(info.title);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} API</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title} API</h1>
<p>${escaped(info.description ?? '')}</p>
<p>For programs: <a href="/v1/openapi.json">/v1/openapi.json</a>. Fields with ? may be left out.</p>
<nav>
${tags.map((tag) => navHtml(tag, routes)).join('\n')}
</nav>
${tags.map((tag) => tagHtml(tag, routes)).join('\n')}
<h2>What answers hold</h2>
${schemas.map(([name, schema]) => componentHtml(name, schema)).join('\n')}
</body>
</html>
`;
}

function routesOf(paths: NonNullable<ShownDocument['paths']>): Route[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    METHODS.flatMap((method) => {
      const operation = operations[method];
      const id = `${method}-${path.replace(/[^\w]+/g, '-').replace(/^-|-$/g, '')}`;
      return operation === undefined ? [] : [{ ...operation, method: method.toUpperCase(), path, id }];
    }),
  );
}

function tagOf({ tags }: Route): string {
  return tags?.[0] ?? 'others';
}

function navHtml(tag: string, routes: readonly Route[]): string {
  const links = routes
    .filter((route) => tagOf(route) === tag)
    .map(({ id, method, path }) => `<li><a href="#${id}"><code>${method} ${escaped(path)}</code></a></li>`);
  return `<ul><b>${escaped(tag)}</b>${links.join('')}</ul>`;
}

function tagHtml(tag: string, routes: readonly Route[]): string {
  const own = routes.filter((route) => tagOf(route) === tag);
  return `<h2>${escaped(tag)}</h2>\n${own.map(routeHtml).join('\n')}`;
}

function routeHtml(route: Route): string {
  const { id, method, path, summary = '', description = '', parameters = [] } = route;
  const given = parameters.map(parameterHtml);
  const table =
    given.length === 0
      ? ''
      : `<table><tr><th>parameter</th><th>where</th><th>what</th><th></th></tr>${given.join('')}</table>`;
  return `<section id="${id}">
<h3><code>${method} ${escaped(path)}</code></h3>
<p>${escaped(summary)}. ${escaped(description)}</p>
${table}
${bodyHtml(route)}
<pre>${escaped(exampleCall(route))}</pre>
<table><tr><th>answer</th><th>what</th><th></th></tr>${answersHtml(route)}</table>
</section>`;
}

function parameterHtml({ name, in: where, required, description = '', schema = {} }: ShownParameter): string {
  const mark = required === true ? '' : '?';
  return `<tr><td><code>${escaped(name)}</code>${mark}</td><td>${escaped(where)}</td><td>${kindHtml(schema)}</td><td>${escaped(description || (schema.description ?? ''))}</td></tr>`;
}

function bodyHtml({ requestBody }: Route): string {
  return Object.entries(requestBody?.content ?? {})
    .map(([type, { schema = {} }]) => {
      const about = schema.description === undefined ? '' : `: ${escaped(schema.description)}`;
      return `<p>Body, ${escaped(type)}${about}</p>${fieldsHtml(schema)}`;
    })
    .join('');
}

function answersHtml({ responses = {} }: Route): string {
  return Object.entries(responses)
    .map(([status, { description = '', content = {} }]) => {
      const kinds = Object.values(content).map(({ schema = {} }) => kindHtml(schema));
      const what = status === 'default' ? 'others' : status;
      return `<tr><td>${escaped(what)}</td><td>${[...new Set(kinds)].join(' or ')}</td><td>${escaped(description)}</td></tr>`;
    })
    .join('');
}

/** How it is asked with curl; $WEIR is where it listens, $KEY an API key. */
function exampleCall({ method, path, security, requestBody }: Route): string {
  const key = security?.length === 0 ? '' : ` -H "Authorization: Bearer $KEY"`;
  const schema = requestBody?.content?.['application/json']?.schema;
  const body =
    schema === undefined
      ? ''
      : ` \\\n  -H 'Content-Type: application/json' -d '${JSON.stringify(exampleOf(schema))}'`;
  const verb = method === 'GET' ? '' : ` -X ${method}`;
  return `curl${verb} "$WEIR${path.replace(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase())}"${key}${body}`;
}

function componentHtml(name: string, schema: ShownSchema): string {
  const fields = fieldsHtml(schema);
  return `<section id="schema-${escaped(name)}">
<h3>${escaped(name)}</h3>
<p>${escaped(schema.description ?? '')}</p>
${fields === '' ? `<p>${kindHtml(schema)}</p>` : fields}
</section>`;
}
