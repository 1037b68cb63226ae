import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { ErasureView } from '../../schemas/tariff-views.ts';
import { answers } from '../answers.ts';
import { CHANGE_HEADERS, changeContext, params, REASON } from '../change.ts';
import { PROBLEM_TYPE, Problem } from '../problem.ts';
import type { TariffSources } from '../tariff-sources.ts';
import { storedSubscriber } from './subscribers.ts';

/** Admin alone: all of a person at once. */
const BY_ADMIN = { roles: [] } as const;
const TAGS = ['subscribers'];
/** Years of actions and items of one person. */
const EXPORT_TIMEOUT_MS = 120_000;
const ERASURE_TIMEOUT_MS = 60_000;
const NDJSON = 'application/x-ndjson';

const ERASURE = {
  type: 'object',
  properties: {
    force: { type: 'boolean', description: 'ends the service first, where it has not ended' },
    reason: REASON,
  },
  additionalProperties: false,
} as const;

/** What a person may ask of whoever stores something of them: a copy, and to be forgotten. Both are in the audit. */
export function subjectRoutes(app: FastifyInstance, sources: TariffSources): void {
  app.get<{ Params: { id: string } }>(
    '/v1/subscribers/:id/export',
    {
      config: BY_ADMIN,
      handlerTimeout: EXPORT_TIMEOUT_MS,
      // Lines are written one by one; problems have no other fields than those they are made of.
      serializerCompiler: () => (data) => JSON.stringify(data),
      schema: {
        summary: 'Everything that is stored of a subscriber, a JSON object a line: {of, row}',
        tags: TAGS,
        params: params('id'),
        response: {
          200: {
            description: 'Rows as they are stored; one snapshot. The last line is {"of":"end"}',
            content: { [NDJSON]: { schema: { type: 'string' } } },
          },
          default: {
            description: 'What was wrong',
            content: { [PROBLEM_TYPE]: { schema: { $ref: 'Problem#' } } },
          },
        },
      },
    },
    async ({ params: { id }, apiKey }, reply) => {
      const rows = sources.exports.rows(id, apiKey?.name ?? 'unknown')[Symbol.asyncIterator]();
      // The first row is waited for: afterwards nothing but a cut connection could say that something failed.
      const first = await rows.next();
      if (first.done === true) throw new Problem(404, 'not-found', 'nothing is known of this subscriber');
      void reply.type(NDJSON);
      return reply.send(Readable.from(lines(first.value, rows)));
    },
  );
  app.post<{ Params: { id: string }; Body: { force?: boolean; reason?: string } }>(
    '/v1/subscribers/:id/erasure',
    {
      config: BY_ADMIN,
      handlerTimeout: ERASURE_TIMEOUT_MS,
      schema: {
        summary: 'Forget who a subscriber was; what was billed stays, and the log forgets by its retention',
        tags: TAGS,
        params: params('id'),
        headers: CHANGE_HEADERS,
        body: ERASURE,
        response: answers({ 200: ['Erasure', 'How many values went, by what they were'] }),
      },
    },
    async (request): Promise<ErasureView> => {
      const { id } = request.params;
      const { force = false, reason } = request.body;
      const { terminatedMs } = await storedSubscriber(sources, id);
      const context = changeContext(request, sources, { reason });
      const { idempotency: _, ...once } = context;
      // A change of its own: its answer is not the one that a repeat is given.
      if (force && terminatedMs === null) await sources.store.terminate(id, { at: 'now' }, once);
      const { revision: _revision, ...erasure } = context;
      return { subscriberId: id, erased: await sources.store.erase(id, force ? erasure : context) };
    },
  );
}

async function* lines(first: unknown, rest: AsyncIterator<unknown>): AsyncGenerator<string> {
  yield line(first);
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield line(next.value);
  // Whoever does not see it has not got everything.
  yield line({ of: 'end' });
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
