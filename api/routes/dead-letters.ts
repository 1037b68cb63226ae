import type { FastifyInstance } from 'fastify';
import type { LetterQuery } from '../../pipeline/dead-letter/look-at-letters.ts';
import type { ReplayRequest } from '../../pipeline/dead-letter/replay-letters.ts';
import { MAX_REPLAYED } from '../../pipeline/dead-letter/replay-letters.ts';
import type {
  DeadLetterDetailView,
  DeadLetterListView,
  DeadLetterReplayView,
  DeadLetterSummaryView,
} from '../../schemas/dead-letter-views.ts';
import type { DeadLetterReason } from '../../schemas/outcome.ts';
import { DEAD_LETTER_REASONS } from '../../schemas/outcome.ts';
import type { DeadLetterFilter } from '../../storage/people-ports.ts';
import { answers } from '../answers.ts';
import { INSTANT } from '../instant.ts';
import { Problem } from '../problem.ts';

/** What the API shows of dead letters and does with them. May throw AppErrors as `ApiViews`. */
export interface DeadLetterViews {
  list(query: LetterQuery): Promise<DeadLetterListView>;
  /** null = no such letter */
  show(id: string): Promise<DeadLetterDetailView | null>;
  summary(): Promise<DeadLetterSummaryView>;
  replay(request: ReplayRequest): Promise<DeadLetterReplayView>;
}

/** Letters hold records of persons: roles that work with usage or the network. */
const MAY_LOOK = { roles: ['analyst', 'operator'] } as const;
const MAY_REPLAY = { roles: ['operator'] } as const;
/** 1,000 letters are decoded and their controls written. */
const REPLAY_TIMEOUT_MS = 60_000;
const MAX_LIMIT = 200;
const DEFAULT_LIMIT = 50;
const TAGS = ['dead letters'];

const ID = { type: 'string', pattern: '^[0-9]{1,9}:[0-9]{1,16}$', description: '<partition>:<offset>' };
const REASON = { type: 'string', enum: DEAD_LETTER_REASONS };
const NAS = { type: 'string', minLength: 1, maxLength: 256 };
const FROM = { ...INSTANT, description: 'appended at or after' };
const TO = { ...INSTANT, description: 'appended before' };

const QUERY = {
  type: 'object',
  properties: {
    reason: REASON,
    partition: { type: 'string', pattern: '^[0-9]{1,9}$' },
    nas: NAS,
    from: FROM,
    to: TO,
    replayed: { type: 'string', enum: ['true', 'false'] },
    limit: {
      type: 'string',
      pattern: '^[1-9][0-9]{0,2}$',
      description: `letters, at most ${MAX_LIMIT}; ${DEFAULT_LIMIT} if not given`,
    },
    before: { ...ID, description: '`next` of the page before' },
  },
  additionalProperties: false,
} as const;

const REPLAY = {
  type: 'object',
  description: 'ids, or a filter',
  properties: {
    ids: { type: 'array', items: ID, minItems: 1, maxItems: MAX_REPLAYED },
    filter: {
      type: 'object',
      description: 'an empty one selects every letter that was not replayed',
      properties: {
        reason: REASON,
        partition: { type: 'integer', minimum: 0, maximum: 999_999_999 },
        nas: NAS,
        from: FROM,
        to: TO,
      },
      additionalProperties: false,
    },
    before: { ...ID, description: '`next` of the answer before, with a filter' },
    set: {
      type: 'object',
      description: 'put over the fields of every record, as text; empty text = absent',
      additionalProperties: { type: 'string', maxLength: 1000 },
      maxProperties: 50,
    },
    dryRun: { type: 'boolean', description: 'only say what would be done' },
  },
  additionalProperties: false,
} as const;

/** A filter as it is asked for, in a query or a body. */
interface AskedFilter {
  reason?: DeadLetterReason;
  partition?: string | number;
  nas?: string;
  from?: string;
  to?: string;
}
type AskedList = AskedFilter & { replayed?: 'true' | 'false'; limit?: string; before?: string };
interface AskedReplay {
  ids?: string[];
  filter?: AskedFilter;
  before?: string;
  set?: Record<string, string>;
  dryRun?: boolean;
}

/** `/v1/dead-letters`: records that could not be metered, and their replay. */
export function deadLetterRoutes(app: FastifyInstance, views: DeadLetterViews): void {
  app.get<{ Querystring: AskedList }>(
    '/v1/dead-letters',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'Records that could not be metered, the newest first, with what could be read of them',
        tags: TAGS,
        querystring: QUERY,
        response: answers({ 200: ['DeadLetterList', 'One page; by NAS it may be short though more follow'] }),
      },
    },
    async ({ query }) => views.list(queryOf(query)),
  );
  app.get(
    '/v1/dead-letters/summary',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'Number of letters by reason',
        tags: TAGS,
        response: answers({ 200: ['DeadLetterSummary', 'The most frequent reason first'] }),
      },
    },
    async () => views.summary(),
  );
  app.get<{ Params: { id: string } }>(
    '/v1/dead-letters/:id',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'One letter with its bytes',
        tags: TAGS,
        params: { type: 'object', properties: { id: ID }, required: ['id'], additionalProperties: false },
        response: answers({ 200: ['DeadLetter', 'With key and value as hex'] }),
      },
    },
    async ({ params }) => {
      const view = await views.show(params.id);
      if (view === null) throw new Problem(404, 'not-found', `there is no dead letter ${params.id}`);
      return view;
    },
  );
  replayRoute(app, views);
}

function replayRoute(app: FastifyInstance, views: DeadLetterViews): void {
  app.post<{ Body: AskedReplay }>(
    '/v1/dead-letters/replay',
    {
      config: MAY_REPLAY,
      handlerTimeout: REPLAY_TIMEOUT_MS,
      schema: {
        summary: 'Bring the records of some letters to the meter: each once, by the same rules',
        tags: TAGS,
        body: REPLAY,
        response: answers({ 200: ['DeadLetterReplay', 'What is replayed, and what is refused and why'] }),
      },
    },
    async ({ body, apiKey }) =>
      views.replay({
        selection: selectionOf(body),
        set: body.set ?? {},
        by: apiKey?.name ?? 'unknown',
        dryRun: body.dryRun ?? false,
      }),
  );
}

function queryOf(asked: AskedList): LetterQuery {
  const replayed = asked.replayed === undefined ? null : asked.replayed === 'true';
  const limit = Math.min(MAX_LIMIT, Number(asked.limit ?? DEFAULT_LIMIT));
  return { filter: filterOf(asked, replayed), limit, before: asked.before ?? null };
}

function selectionOf({ ids, filter, before }: AskedReplay): ReplayRequest['selection'] {
  if (ids !== undefined && filter === undefined && before === undefined) return { ids };
  if (filter !== undefined && ids === undefined)
    return { filter: filterOf(filter, false), before: before ?? null };
  throw new Problem(400, 'invalid-input', 'give either ids, or a filter (with before for what follows)');
}

function filterOf(asked: AskedFilter, replayed: boolean | null): DeadLetterFilter {
  const { reason, partition, nas, from, to } = asked;
  return {
    reason: reason ?? null,
    partition: partition === undefined ? null : Number(partition),
    nasId: nas ?? null,
    fromMs: instantOf('from', from),
    toMs: instantOf('to', to),
    replayed,
  };
}

function instantOf(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const timeMs = Date.parse(text);
  // The format allows leap seconds, which Date does not know.
  if (Number.isNaN(timeMs)) throw new Problem(400, 'invalid-input', `${name} is not an instant`);
  return timeMs;
}
