import type { FastifyInstance } from 'fastify';
import { isZone } from '../../rules/cycle.ts';
import type { SubscriberRows } from '../../schemas/tariff.ts';
import type { SubscriberSummaryView } from '../../schemas/tariff-views.ts';
import type { SubscriberView } from '../../schemas/views.ts';
import type { SubscriberFilter, SubscriberGiven, SubscriberStatus } from '../../storage/tariff-ports.ts';
import { answers } from '../answers.ts';
import { answerHeaders, changeContext, changeView, params, PATH_ID, REVISION_HEADERS } from '../change.ts';
import { NAME, NAME_PATTERN } from '../names.ts';
import type { AskedPage } from '../paging.ts';
import { PAGE_QUERY, pagePart, pageView } from '../paging.ts';
import { Problem } from '../problem.ts';
import { requiredRevision, tagged } from '../revision.ts';
import type { TariffSources } from '../tariff-sources.ts';
import { tariffView } from '../tariff-view.ts';
import { viewWriter } from '../view-writer.ts';
import { SPAN, spanOf } from '../when.ts';

/** Of persons: roles that work with them, not product or feed. */
const MAY_LOOK = { roles: ['viewer', 'analyst', 'operator', 'billing'] } as const;
const MAY_CHANGE = { roles: ['operator', 'billing'] } as const;
const TAGS = ['subscribers'];

const TEXT = { type: 'string', maxLength: 256, pattern: NAME_PATTERN } as const;

const FILTERS = {
  account: NAME,
  segment: TEXT,
  plan: { ...NAME, description: 'in force now' },
  pool: { ...NAME, description: 'in it now' },
  status: { type: 'string', enum: ['active', 'held', 'terminated'] },
  q: { ...NAME, description: 'beginning of an id, external id or user name' },
} as const;

interface AskedFilter {
  account?: string;
  segment?: string;
  plan?: string;
  pool?: string;
  status?: SubscriberStatus;
  q?: string;
}

const WHOLE = {
  type: 'object',
  description: 'all of it but plans and purchases: what is not named goes',
  properties: {
    accountId: { ...NAME, description: 'who pays; it is there already' },
    externalId: { anyOf: [NAME, { type: 'null' }], description: 'id in the provider’s own system' },
    credentials: {
      type: 'array',
      maxItems: 100,
      items: {
        type: 'object',
        properties: {
          userName: { ...NAME, description: 'RADIUS User-Name, case sensitive; one subscriber’s at a time' },
          ...SPAN,
        },
        required: ['userName'],
        additionalProperties: false,
      },
    },
    segment: TEXT,
    tags: { type: 'array', items: NAME, maxItems: 100 },
    zone: { type: 'string', minLength: 1, maxLength: 64, pattern: NAME_PATTERN, description: 'IANA zone' },
    overageConsent: { type: 'boolean', description: 'agreed to paid blocks beyond the cap' },
  },
  required: ['accountId', 'externalId', 'credentials', 'segment', 'tags', 'zone', 'overageConsent'],
  additionalProperties: false,
} as const;

type Whole = Omit<SubscriberGiven, 'subscriberId' | 'credentials'> & {
  credentials: { userName: string; from?: string; to?: string | null }[];
};

/** `/v1/subscribers/:id`, and where tariffs are served the list and its change. */
export function subscriberRoutes(
  app: FastifyInstance,
  views: { subscriber(id: string): Promise<SubscriberView | null> },
  tariffs: TariffSources | null,
): void {
  app.get<{ Params: { id: string } }>(
    '/v1/subscribers/:id',
    {
      config: MAY_LOOK,
      serializerCompiler: viewWriter,
      schema: {
        summary:
          'Usage of the cycle and of the last hour, sessions, effective speed and why, actions; plans and purchases',
        tags: ['usage'],
        params: {
          ...params('id'),
          properties: { id: { ...PATH_ID, description: 'subscriber id' } },
        },
        response: answers({
          200: ['Subscriber', 'Usage as of the last commit; the tariff’s revision as ETag'],
        }),
      },
    },
    async ({ params: { id } }, reply) => {
      const rows = tariffs === null ? null : await tariffs.reads.rows(id);
      const usage = await views.subscriber(id);
      if (rows === null || tariffs === null) {
        if (usage === null) throw new Problem(404, 'not-found', 'nothing is known of this subscriber');
        return usage;
      }
      tagged(reply, rows.revision);
      return { ...(usage ?? unmetered(rows, tariffs.nowMs())), tariff: tariffView(rows, tariffs.nowMs()) };
    },
  );
  if (tariffs === null) return;
  listRoute(app, tariffs);
  putRoute(app, tariffs);
}

function listRoute(app: FastifyInstance, { reads, nowMs }: TariffSources): void {
  app.get<{ Querystring: AskedPage & AskedFilter }>(
    '/v1/subscribers',
    {
      config: MAY_LOOK,
      serializerCompiler: viewWriter,
      schema: {
        summary: 'Subscribers by id',
        tags: TAGS,
        querystring: {
          type: 'object',
          properties: { ...PAGE_QUERY, ...FILTERS },
          additionalProperties: false,
        },
        response: answers({ 200: ['Subscribers', 'One page'] }),
      },
    },
    async ({ query }) => {
      const { limit, after } = pagePart(query);
      return pageView(
        await reads.list(filterOf(query, nowMs()), limit, after),
        (one): SubscriberSummaryView => one,
      );
    },
  );
}

function filterOf({ account, segment, plan, pool, status, q }: AskedFilter, atMs: number): SubscriberFilter {
  return {
    accountId: account ?? null,
    segment: segment ?? null,
    planId: plan ?? null,
    poolId: pool ?? null,
    status: status ?? null,
    text: q ?? null,
    atMs,
  };
}

function putRoute(app: FastifyInstance, sources: TariffSources): void {
  app.put<{ Params: { id: string }; Body: Whole }>(
    '/v1/subscribers/:id',
    {
      config: MAY_CHANGE,
      serializerCompiler: viewWriter,
      schema: {
        summary: 'Make a subscriber, or change all of it but plans and purchases',
        tags: TAGS,
        params: params('id'),
        headers: REVISION_HEADERS,
        body: WHOLE,
        response: answers({ 200: ['SubscriberChange', 'Changed'], 201: ['SubscriberChange', 'Made'] }),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { zone } = request.body;
      if (!isZone(zone)) throw new Problem(422, 'invalid-input', `zone: ${zone} is no known time zone`);
      const stored = await sources.reads.rows(id);
      const revision = requiredRevision(request.headers['if-match'], stored?.revision ?? null);
      const context = changeContext(request, sources, { revision });
      const given = givenOf(id, request.body, stored, context.atMs);
      const changed = await sources.store.putSubscriber(given, context);
      answerHeaders(reply, changed);
      return reply.code(stored === null ? 201 : 200).send(changeView(changed, null, context.atMs));
    },
  );
}

/** A name that is not said to begin at an instant is one that the subscriber has, or begins now. */
function givenOf(
  subscriberId: string,
  { credentials, ...body }: Whole,
  stored: SubscriberRows | null,
  nowMs: number,
): SubscriberGiven {
  return {
    ...body,
    subscriberId,
    credentials: credentials.map(({ userName, from, to }) => {
      const had = stored?.credentials.find(
        (one) => one.userName === userName && (one.toMs ?? Infinity) > nowMs,
      );
      const span = { ...(from === undefined ? {} : { from }), to: to ?? null };
      return { userName, ...spanOf(span, had?.fromMs ?? nowMs) };
    }),
  };
}

/**
 * What is stored of a subscriber.
 *
 * @throws Problem 404
 */
export async function storedSubscriber(
  { reads }: Pick<TariffSources, 'reads'>,
  id: string,
): Promise<SubscriberRows> {
  const rows = await reads.rows(id);
  if (rows !== null) return rows;
  throw new Problem(404, 'not-found', 'nothing is known of this subscriber');
}

/** A subscriber whose profile has not come to its worker yet. */
function unmetered({ subscriberId, credentials, segment }: SubscriberRows, nowMs: number): SubscriberView {
  const name = credentials.find(({ fromMs, toMs }) => fromMs <= nowMs && (toMs ?? Infinity) > nowMs);
  return {
    ...{ subscriberId, userName: name?.userName ?? null, segment },
    ...{ plan: null, cycle: null, previousCycles: [], windows: [], sessions: [], actions: [] },
    speed: { downBps: 0, upBps: 0, reason: 'its worker has not heard of it yet' },
  };
}
