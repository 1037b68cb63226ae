import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { jobViews } from '../pipeline/schedule/job-views.ts';
import { MemoryJobStore } from '../storage/memory/job-store.ts';
import { apiOptions } from './api-rig.contract.ts';
import { docsPage } from './docs-page.ts';
import type { ShownSchema } from './docs-schema.ts';
import { createApi } from './server.ts';

async function servedPage() {
  const options = apiOptions();
  const audit = { audit: () => Promise.resolve({ items: [], next: null }) };
  const admin = { jobs: jobViews(new MemoryJobStore()), keys: options.keys, audit };
  const { app } = await createApi({ ...options, admin });
  const answer = await app.inject('/v1/docs');
  return { app, answer, html: answer.body };
}

describe('/v1/docs', () => {
  it('needs no key, and is a page', async () => {
    const { answer } = await servedPage();
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
  });

  it('shows every route of the document and every answer, each once', async () => {
    const { app, html } = await servedPage();
    const { paths = {}, components } = app.swagger() as {
      paths?: Record<string, Record<string, unknown>>;
      components?: { schemas?: Record<string, unknown> };
    };
    for (const [path, operations] of Object.entries(paths))
      for (const method of Object.keys(operations))
        expect(html.split(`<h3><code>${method.toUpperCase()} ${path}</code></h3>`)).toHaveLength(2);
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const name of Object.keys(components?.schemas ?? {})) expect(ids).toContain(`schema-${name}`);
    for (const [, to] of html.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(to);
  });

  it('says how a route is asked', async () => {
    const { html } = await servedPage();
    expect(html).toContain('curl -X POST &#34;$WEIR/v1/keys&#34; -H &#34;Authorization: Bearer $KEY&#34;');
    expect(html).toContain('{&#34;name&#34;:&#34;...&#34;,&#34;roles&#34;:[&#34;viewer&#34;]}');
    expect(html).toContain('curl &#34;$WEIR/healthz&#34;</pre>');
  });

  it('loads nothing, runs nothing, and says so to the browser', async () => {
    const { answer, html } = await servedPage();
    expect(html).not.toMatch(/<(script|link|img|iframe|object|form)|style=| on\w+=|https?:\/\//i);
    const style = /<style>([^]*)<\/style>/.exec(html)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(answer.headers['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
  });
});

describe('docsPage', () => {
  it('shows what the document says as text', () => {
    const evil = '<script>alert("x")</script>&\'';
    const schema = {
      description: evil,
      properties: { [evil]: { enum: [evil], description: evil } },
    };
    const html = docsPage({
      info: { title: evil, description: evil },
      paths: {
        [`/${evil}`]: {
          post: {
            ...{ summary: evil, description: evil, tags: [evil] },
            parameters: [
              { name: evil, in: evil, description: evil, schema: { pattern: evil, type: 'string' } },
            ],
            requestBody: { content: { [evil]: { schema }, 'application/json': { schema } } },
            responses: { [evil]: { description: evil, content: { [evil]: { schema } } } },
          },
        },
      },
      components: { schemas: { [evil]: schema } },
    });
    expect(html).not.toContain('<script');
    expect(html.match(/&#60;script&#62;/g)?.length).toBeGreaterThan(20);
  });

  it('ends also where schemas hold each other', () => {
    const ring: { properties: Record<string, ShownSchema>; required: string[] } = {
      properties: {},
      required: ['in'],
    };
    ring.properties['in'] = ring;
    const paths = { '/x': { post: { requestBody: { content: { 'application/json': { schema: ring } } } } } };
    expect(docsPage({ info: { title: 'x' }, paths })).toContain('in.in.in');
  });
});
