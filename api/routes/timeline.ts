import type { FastifyInstance, FastifySerializerCompiler } from 'fastify';
import type { z } from 'zod';
import type { TimelineQuery } from '../../pipeline/views/timeline.ts';
import type { ExplainView, TimelineView } from '../../schemas/timeline-views.ts';
import { answers } from '../answers.ts';
import { INSTANT, instantMs } from '../instant.ts';
import { Problem } from '../problem.ts';
import { TIMELINE_SCHEMAS } from '../timeline-schemas.ts';

/** As of one subscriber: roles that work with persons. */
const MAY_LOOK = { roles: ['viewer', 'analyst', 'operator', 'billing'] } as const;
const TAGS = ['usage'];
const MAX_LIMIT = 500;
const DEFAULT_LIMIT = 100;
/** As far as it looks back where nobody says. */
const DEFAULT_MS = 7 * 24 * 3_600_000;

const PARAMS = {
  type: 'object',
  properties: { id: { type: 'string', minLength: 1, maxLength: 128, description: 'subscriber id' } },
  required: ['id'],
  additionalProperties: false,
} as const;

const TIMELINE_QUERY = {
  type: 'object',
  properties: {
    from: { ...INSTANT, description: 'from this instant on; 7 days before `to` if not given' },
    to: { ...INSTANT, description: 'up to this instant; now if not given' },
    limit: {
      type: 'string',
      pattern: '^[1-9][0-9]{0,2}$',
      description: `entries, at most ${MAX_LIMIT}; ${DEFAULT_LIMIT} if not given`,
    },
    before: {
      type: 'string',
      pattern: '^[0-9]{1,15}\\.[0-9]{1,4}$',
      description: '`next` of the page before, with the same `from` and `to`',
    },
  },
  additionalProperties: false,
} as const;

const EXPLAIN_QUERY = {
  type: 'object',
  properties: { at: { ...INSTANT, description: 'a time in the past; now if not given' } },
  additionalProperties: false,
} as const;

/** What the API tells of a subscriber's past. May throw AppErrors as `ApiViews`; null = unknown subscriber. */
export interface TimelineViews {
  /** ms since 1970 UTC */
  nowMs(): number;
  timeline(id: string, query: TimelineQuery): Promise<TimelineView | null>;
  /** @param atMs null = now */
  explain(id: string, atMs: number | null): Promise<ExplainView | null>;
}

/**
 * Writes an answer by its schema, as everywhere: undeclared fields never leave. By zod, since what Fastify makes of a union
 * costs 150 ms of every start and 100 ms of the first answer.
 */
function writtenBy(view: z.ZodType): FastifySerializerCompiler<unknown> {
  return ({ httpStatus }) =>
    httpStatus === '200' ? (data) => JSON.stringify(view.parse(data)) : (data) => JSON.stringify(data);
}

/** `/v1/subscribers/:id/timeline` and `/explain`: what happened to a line, and why it is as it is. */
export function timelineRoutes(app: FastifyInstance, views: TimelineViews): void {
  app.get<{
    Params: { id: string };
    Querystring: { from?: string; to?: string; limit?: string; before?: string };
  }>(
    '/v1/subscribers/:id/timeline',
    {
      config: MAY_LOOK,
      serializerCompiler: writtenBy(TIMELINE_SCHEMAS.Timeline),
      schema: {
        summary:
          'What happened: usage by hour, sessions, cycles, actions with reasons and answers, changes by people',
        tags: TAGS,
        params: PARAMS,
        querystring: TIMELINE_QUERY,
        response: answers({ 200: ['Timeline', 'A page, newest first'] }),
      },
    },
    async ({ params, query: { from, to, limit, before } }) => {
      const toMs = to === undefined ? views.nowMs() : instantMs(to, 'to');
      const fromMs = from === undefined ? Math.max(0, toMs - DEFAULT_MS) : instantMs(from, 'from');
      if (fromMs < 0 || fromMs > toMs)
        throw new Problem(400, 'invalid-input', 'from is after to, or before 1970');
      const query: TimelineQuery = {
        fromMs,
        toMs,
        limit: Math.min(Number(limit ?? DEFAULT_LIMIT), MAX_LIMIT),
        before: before ?? null,
      };
      return known(await views.timeline(params.id, query));
    },
  );
  app.get<{ Params: { id: string }; Querystring: { at?: string } }>(
    '/v1/subscribers/:id/explain',
    {
      config: MAY_LOOK,
      serializerCompiler: writtenBy(TIMELINE_SCHEMAS.Explanation),
      schema: {
        summary:
          'Why a line is as it is: facts, each condition with its values, versions, what acts, what the network answered',
        tags: TAGS,
        params: PARAMS,
        querystring: EXPLAIN_QUERY,
        response: answers({
          200: ['Explanation', 'Of the last commit, or put together for a time that is over'],
        }),
      },
    },
    async ({ params, query: { at } }) =>
      known(await views.explain(params.id, at === undefined ? null : instantMs(at, 'at'))),
  );
}

function known<View>(view: View | null): View {
  if (view === null) throw new Problem(404, 'not-found', 'nothing is known of this subscriber');
  return view;
}
