import type { FastifyInstance, FastifyReply } from 'fastify';
import type { SubscriberRows } from '../../schemas/tariff.ts';
import type { SubscriberChangeView } from '../../schemas/tariff-views.ts';
import type { Changed } from '../../storage/tariff-ports.ts';
import { answers } from '../answers.ts';
import {
  answerHeaders,
  CHANGE_HEADERS,
  changeContext,
  changeView,
  CHARGE_HEADERS,
  params,
  REVISION_HEADERS,
} from '../change.ts';
import type { AskedAddOn, AskedAssignment, AskedHold, AskedTermination } from '../subscriber-changes.ts';
import {
  ADD_ON,
  assign,
  ASSIGNMENT,
  bookAddOn,
  HOLD,
  hold,
  terminate,
  TERMINATION,
} from '../subscriber-changes.ts';
import type { TariffSources } from '../tariff-sources.ts';
import { AT_QUERY, whenOf } from '../when.ts';

const BY_BILLING = { roles: ['billing'] } as const;
const BY_SUPPORT = { roles: ['operator', 'billing'] } as const;
const TAGS = ['subscribers'];
const MADE = answers({ 201: ['SubscriberChange', 'In force as the log comes to it, within a second'] });
const DONE = answers({ 200: ['SubscriberChange', 'In force as the log comes to it, within a second'] });

/** Plans, end of service, holds and add-ons of one subscriber. Each change says what it charges and credits. */
export function subscriberChangeRoutes(app: FastifyInstance, sources: TariffSources): void {
  app.post<{ Params: { id: string }; Body: AskedAssignment }>(
    '/v1/subscribers/:id/assignments',
    {
      config: BY_BILLING,
      schema: {
        summary: 'Give a plan: now, at the end of the cycle, at a date, or from a day of this cycle on',
        tags: TAGS,
        params: params('id'),
        headers: CHARGE_HEADERS,
        body: ASSIGNMENT,
        response: MADE,
      },
    },
    async (request, reply) => {
      const { params: asked, body } = request;
      const context = changeContext(request, sources, body);
      const { changed, id } = await assign(sources, asked.id, body, context);
      return answer(reply.code(201), changed, id, context.atMs);
    },
  );
  app.post<{ Params: { id: string }; Body: AskedTermination }>(
    '/v1/subscribers/:id/termination',
    {
      config: BY_BILLING,
      schema: {
        summary: 'End the service; fees in advance are credited',
        tags: TAGS,
        params: params('id'),
        headers: CHANGE_HEADERS,
        body: TERMINATION,
        response: DONE,
      },
    },
    async (request, reply) => {
      const context = changeContext(request, sources, request.body);
      const changed = await terminate(sources, request.params.id, request.body, context);
      return answer(reply, changed, null, context.atMs);
    },
  );
  holdRoutes(app, sources);
  addOnRoutes(app, sources);
}

function holdRoutes(app: FastifyInstance, sources: TariffSources): void {
  app.post<{ Params: { id: string }; Body: AskedHold }>(
    '/v1/subscribers/:id/holds',
    {
      config: BY_SUPPORT,
      schema: {
        summary: 'Hold the service back; what it carries is metered, and there are no notices',
        tags: TAGS,
        params: params('id'),
        headers: CHANGE_HEADERS,
        body: HOLD,
        response: MADE,
      },
    },
    async (request, reply) => {
      const { params: asked, body } = request;
      const context = changeContext(request, sources, body);
      const { changed, id } = await hold(sources, asked.id, body, context);
      return answer(reply.code(201), changed, id, context.atMs);
    },
  );
  app.delete<{ Params: { id: string; holdId: string } }>(
    '/v1/subscribers/:id/holds/:holdId',
    {
      config: BY_SUPPORT,
      schema: {
        summary: 'End a hold now; one that lies ahead goes',
        tags: TAGS,
        params: params('id', 'holdId'),
        headers: REVISION_HEADERS,
        response: DONE,
      },
    },
    async (request, reply) => {
      const { id, holdId } = request.params;
      const context = changeContext(request, sources);
      return answer(reply, await sources.store.endHold(id, holdId, context), holdId, context.atMs);
    },
  );
}

function addOnRoutes(app: FastifyInstance, sources: TariffSources): void {
  app.post<{ Params: { id: string }; Body: AskedAddOn }>(
    '/v1/subscribers/:id/add-ons',
    {
      config: BY_BILLING,
      schema: {
        summary: 'Book an add-on',
        tags: TAGS,
        params: params('id'),
        headers: CHARGE_HEADERS,
        body: ADD_ON,
        response: MADE,
      },
    },
    async (request, reply) => {
      const { params: asked, body } = request;
      const context = changeContext(request, sources, body);
      const { changed, id } = await bookAddOn(sources, asked.id, body, context);
      return answer(reply.code(201), changed, id, context.atMs);
    },
  );
  app.delete<{ Params: { id: string; addOnAssignmentId: string }; Querystring: { at?: string } }>(
    '/v1/subscribers/:id/add-ons/:addOnAssignmentId',
    {
      config: BY_BILLING,
      schema: {
        summary: 'End an add-on',
        tags: TAGS,
        params: params('id', 'addOnAssignmentId'),
        headers: REVISION_HEADERS,
        querystring: AT_QUERY,
        response: DONE,
      },
    },
    async (request, reply) => {
      const { id, addOnAssignmentId } = request.params;
      const context = changeContext(request, sources);
      const when = whenOf(request.query.at ?? 'now');
      const changed = await sources.store.endAddOn(id, addOnAssignmentId, when, context);
      return answer(reply, changed, addOnAssignmentId, context.atMs);
    },
  );
}

function answer(
  reply: FastifyReply,
  changed: Changed<SubscriberRows>,
  id: string | null,
  nowMs: number,
): SubscriberChangeView {
  answerHeaders(reply, changed);
  return changeView(changed, id, nowMs);
}
