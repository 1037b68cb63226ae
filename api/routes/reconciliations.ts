import type { FastifyInstance } from 'fastify';
import { RECONCILIATION_KINDS } from '../../schemas/billing.ts';
import type { Reconciliation, ReconciliationDifference, ReconciliationKind } from '../../schemas/billing.ts';
import type { ReconciliationView } from '../../schemas/billing-views.ts';
import { answers } from '../answers.ts';
import type { BillingSources } from '../billing-sources.ts';
import { params } from '../change.ts';
import { FORMAT, orCsv, sendCsv } from '../csv.ts';
import type { CsvValue } from '../csv.ts';
import { INSTANT, instantMs } from '../instant.ts';
import type { AskedPage } from '../paging.ts';
import { PAGE_QUERY, pagePart, pageView } from '../paging.ts';
import { Problem } from '../problem.ts';

const ACCESS = { roles: ['billing'] } as const;
const TAGS = ['reconciliations'];
const CSV_TIMEOUT_MS = 60_000;

const WINDOW = {
  type: 'object',
  properties: {
    from: { ...INSTANT, description: 'items made at or after' },
    to: { ...INSTANT, description: 'items made before; at most 400 days after `from`' },
  },
  required: ['from', 'to'],
  additionalProperties: false,
} as const;

type Sources = Pick<BillingSources, 'reconciliations' | 'reconcile'>;

/** `/v1/reconciliations`: what differs between here and the billing system. */
export function reconciliationRoutes(app: FastifyInstance, sources: Sources): void {
  listRoute(app, sources);
  reportRoute(app, sources);
  app.post<{ Body: { from: string; to: string } }>(
    '/v1/reconciliations',
    {
      config: ACCESS,
      schema: {
        summary: 'Compare items with those of the billing system; look at the report by its id',
        tags: TAGS,
        body: WINDOW,
        response: answers({ 202: ['BegunReconciliation', 'It is under way'] }),
      },
    },
    async ({ body: { from, to } }, reply) => {
      const window = { fromMs: instantMs(from, 'from'), toMs: instantMs(to, 'to') };
      return reply.code(202).send({ id: await sources.reconcile(window) });
    },
  );
}

function listRoute(app: FastifyInstance, { reconciliations }: Sources): void {
  app.get<{ Querystring: AskedPage & { kind?: ReconciliationKind } }>(
    '/v1/reconciliations',
    {
      config: ACCESS,
      schema: {
        summary: 'Comparisons with other systems, the last begun first',
        tags: TAGS,
        querystring: {
          type: 'object',
          properties: { ...PAGE_QUERY, kind: { type: 'string', enum: RECONCILIATION_KINDS } },
          additionalProperties: false,
        },
        response: answers({ 200: ['Reconciliations', 'Part of the list'] }),
      },
    },
    async ({ query }) => {
      const { limit, after } = pagePart(query);
      return pageView(await reconciliations.list(query.kind ?? null, limit, after), reconciliationView);
    },
  );
}

function reportRoute(app: FastifyInstance, { reconciliations }: Sources): void {
  app.get<{ Params: { id: string }; Querystring: AskedPage & { format?: 'json' | 'csv' } }>(
    '/v1/reconciliations/:id',
    {
      config: ACCESS,
      handlerTimeout: CSV_TIMEOUT_MS,
      schema: {
        summary: 'One comparison and what differed',
        tags: TAGS,
        params: params('id'),
        querystring: {
          type: 'object',
          properties: { ...PAGE_QUERY, format: FORMAT },
          additionalProperties: false,
        },
        response: orCsv(answers({ 200: ['ReconciliationReport', 'With part of the differences'] })),
      },
    },
    async ({ params: { id }, query }, reply) => {
      const { limit, after } = pagePart(query);
      const found = await reconciliations.find(id);
      if (found === null) throw new Problem(404, 'not-found', 'there is no such reconciliation');
      if (query.format === 'csv')
        return sendCsv(
          reply,
          `reconciliation-${found.id}.csv`,
          ['class', 'subject', 'ours', 'theirs'],
          (size, from) => reconciliations.differences(id, size, from),
          csvFields,
        );
      const { items, next } = pageView(await reconciliations.differences(id, limit, after), (one) => one);
      return { ...reconciliationView(found), differences: items, next };
    },
  );
}

function csvFields({ class: of, subject, ours, theirs }: ReconciliationDifference): CsvValue[] {
  return [
    of,
    subject,
    ours === null ? null : JSON.stringify(ours),
    theirs === null ? null : JSON.stringify(theirs),
  ];
}

function reconciliationView({ id, kind, summary, ...times }: Reconciliation): ReconciliationView {
  return {
    ...{ id, kind, summary },
    from: new Date(times.fromMs).toISOString(),
    to: new Date(times.toMs).toISOString(),
    started: new Date(times.startedMs).toISOString(),
    ended: times.endedMs === null ? null : new Date(times.endedMs).toISOString(),
  };
}
