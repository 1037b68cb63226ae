import type { FastifyInstance } from 'fastify';
import type { AuditEntryView } from '../../schemas/admin-views.ts';
import type { AuditEntry } from '../../storage/tariff-ports.ts';
import type { AdminSources } from '../admin-sources.ts';
import { answers } from '../answers.ts';
import { INSTANT, instantMs } from '../instant.ts';
import { NAME } from '../names.ts';
import type { AskedPage } from '../paging.ts';
import { PAGE_QUERY, pagePart, pageView } from '../paging.ts';

const QUERY = {
  type: 'object',
  properties: {
    ...PAGE_QUERY,
    subject: { ...NAME, description: 'id of what was changed' },
    who: { ...NAME, description: 'name of the key by which it was changed' },
    action: { ...NAME, description: 'what was done' },
    from: { ...INSTANT, description: 'at or after' },
    to: { ...INSTANT, description: 'before' },
  },
  additionalProperties: false,
} as const;

interface Asked extends AskedPage {
  subject?: string;
  who?: string;
  action?: string;
  from?: string;
  to?: string;
}

/** `/v1/audit`: who changed what. */
export function auditRoutes(app: FastifyInstance, source: AdminSources['audit']): void {
  app.get<{ Querystring: Asked }>(
    '/v1/audit',
    {
      config: { roles: ['operator'] },
      schema: {
        summary: 'Changes, the last one first; the audit is only ever added to',
        tags: ['audit'],
        querystring: QUERY,
        response: answers({ 200: ['AuditEntries', 'Part of the audit'] }),
      },
    },
    async ({ query }) => {
      const { subject = null, who = null, action = null, from, to } = query;
      const { limit, after } = pagePart(query);
      const filter = { subject, who, action, fromMs: msOf('from', from), toMs: msOf('to', to) };
      return pageView(await source.audit(filter, limit, after), entryView);
    },
  );
}

function msOf(name: string, text: string | undefined): number | null {
  return text === undefined ? null : instantMs(text, name);
}

function entryView({ id, atMs, who, action, subject, content }: AuditEntry): AuditEntryView {
  return { id, at: new Date(atMs).toISOString(), who, action, subject, content };
}
