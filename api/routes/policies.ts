import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { GivenPolicy, PublishRequest } from '../../pipeline/policies/policy-life.ts';
import type { PolicyFile } from '../../schemas/policy.ts';
import type {
  PolicyCheckView,
  PolicyContentView,
  PolicyDetailView,
  PolicyDraftView,
  PolicyListView,
  PolicyPublishedView,
  ShadowReportView,
} from '../../schemas/policy-views.ts';
import type { Authorship } from '../../storage/policy-ports.ts';
import { answers } from '../answers.ts';
import { INSTANT, instantMs } from '../instant.ts';
import { NAME_PATTERN } from '../names.ts';
import { Problem } from '../problem.ts';
import { bounded } from './policy-bounds.ts';

/**
 * What the API shows of policies and does with them. May throw AppErrors as `ApiViews`, ConfirmationNeeded, TooManyChecks.
 * `signal`: whoever asked waits no longer, and nothing is changed any more.
 */
export interface PolicyViews {
  validate(given: GivenPolicy, author: Authorship, signal?: AbortSignal): Promise<PolicyCheckView>;
  draft(given: GivenPolicy, author: Authorship, signal?: AbortSignal): Promise<PolicyDraftView>;
  publish(request: PublishRequest, author: Authorship, signal?: AbortSignal): Promise<PolicyPublishedView>;
  rollback(id: string, author: Authorship): Promise<PolicyPublishedView>;
  withdraw(id: string, author: Authorship): Promise<PolicyPublishedView>;
  list(): Promise<PolicyListView>;
  /** null = no such policy */
  show(id: string): Promise<PolicyDetailView | null>;
  /** null = no such version */
  version(id: string, version: string): Promise<PolicyContentView | null>;
  /** null = no such policy */
  shadowReport(id: string, sinceMs: number | null): Promise<ShadowReportView | null>;
}

const MAY_LOOK = { roles: ['viewer', 'analyst', 'product', 'operator'] } as const;
const MAY_CHANGE = { roles: ['product'] } as const;
const TAGS = ['policies'];
/** A policy and its tests, as JSON within JSON. */
const BODY_LIMIT_BYTES = 262_144;
/** Lint and tests are bounded to some seconds. */
const CHECK_TIMEOUT_MS = 30_000;
/** After this nothing is begun any more: shorter than what callers wait. */
export const GIVE_UP_MS = 25_000;
/** A comparison reads the whole ledger. */
const REPORT_TIMEOUT_MS = 60_000;

const ID = { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,62}$', description: 'policy id' } as const;
const VERSION = { type: 'string', minLength: 1, maxLength: 128, pattern: NAME_PATTERN } as const;
const COMMENT = {
  type: 'string',
  maxLength: 1000,
  pattern: NAME_PATTERN,
  description: 'why; it is kept with the change',
} as const;
const PARAMS = {
  type: 'object',
  properties: { id: ID },
  required: ['id'],
  additionalProperties: false,
} as const;

const GIVEN = {
  policy: {
    description: 'a policy file, as an object or (places of findings are those of the text) as text',
    anyOf: [{ type: 'object' }, { type: 'string' }],
  },
  tests: {
    description: 'its tests, likewise',
    anyOf: [{ type: 'object' }, { type: 'array' }, { type: 'string' }],
  },
} as const;

interface Given {
  policy: object | string;
  tests?: object | string;
}

interface Publish {
  version: string;
  mode?: PolicyFile['mode'];
  percent?: number;
  comment?: string;
  confirm?: boolean;
}

/** `/v1/policies`: check, keep, publish, roll back, withdraw; what is in force, where, and what a shadow decided. */
export function policyRoutes(app: FastifyInstance, views: PolicyViews): void {
  lookRoutes(app, views);
  givenRoutes(app, views);
  changeRoutes(app, views);
}

function lookRoutes(app: FastifyInstance, views: PolicyViews): void {
  app.get(
    '/v1/policies',
    {
      config: MAY_LOOK,
      schema: {
        summary:
          'Policies: what is in force, since when, by whom, on how many partitions, and faults of files',
        tags: TAGS,
        response: answers({ 200: ['PolicyList', 'By id'] }),
      },
    },
    async () => views.list(),
  );
  app.get<{ Params: { id: string } }>(
    '/v1/policies/:id',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'One policy with its versions and changes',
        tags: TAGS,
        params: PARAMS,
        response: answers({ 200: ['Policy', 'The newest 200 versions and changes'] }),
      },
    },
    async ({ params }) => found(await views.show(params.id), `there is no policy ${params.id}`),
  );
  app.get<{ Params: { id: string; version: string } }>(
    '/v1/policies/:id/versions/:version',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'One version with its content',
        tags: TAGS,
        params: { ...PARAMS, properties: { id: ID, version: VERSION }, required: ['id', 'version'] },
        response: answers({ 200: ['PolicyVersion', 'As it was given'] }),
      },
    },
    async ({ params: { id, version } }) =>
      found(await views.version(id, version), `policy ${id} has no version ${version}`),
  );
  app.get<{ Params: { id: string }; Querystring: { since?: string } }>(
    '/v1/policies/:id/shadow-report',
    {
      config: MAY_LOOK,
      handlerTimeout: REPORT_TIMEOUT_MS,
      schema: {
        summary: 'What a policy in shadow decided beside what the same policy did live',
        tags: TAGS,
        params: PARAMS,
        querystring: {
          type: 'object',
          properties: {
            since: { ...INSTANT, description: 'stored at or after; since it is in shadow if not given' },
          },
          additionalProperties: false,
        },
        response: answers({ 200: ['ShadowReport', 'Subscribers gained, lost and the same, with samples'] }),
      },
    },
    async ({ params: { id }, query: { since } }) =>
      found(
        await views.shadowReport(id, since === undefined ? null : instantMs(since, 'since')),
        `there is no policy ${id}`,
      ),
  );
}

function givenRoutes(app: FastifyInstance, views: PolicyViews): void {
  const limits = { bodyLimit: BODY_LIMIT_BYTES, handlerTimeout: CHECK_TIMEOUT_MS };
  app.post<{ Body: Given }>(
    '/v1/policies/validate',
    {
      config: { roles: ['product', 'analyst'] },
      ...limits,
      schema: {
        summary: 'Check a policy and run its tests; nothing is stored',
        tags: TAGS,
        body: { type: 'object', properties: GIVEN, required: ['policy'], additionalProperties: false },
        response: answers({ 200: ['PolicyCheck', 'ok = it may be published'] }),
      },
    },
    (request, reply) =>
      bounded(reply, GIVE_UP_MS, async (signal) =>
        views.validate(givenOf(request.body), authorOf(request), signal),
      ),
  );
  app.post<{ Body: Given & { comment?: string } }>(
    '/v1/policies',
    {
      config: MAY_CHANGE,
      ...limits,
      schema: {
        summary: 'Keep a policy as a draft: a version that is not in force',
        tags: TAGS,
        body: {
          type: 'object',
          properties: { ...GIVEN, comment: COMMENT },
          required: ['policy'],
          additionalProperties: false,
        },
        response: answers({ 200: ['PolicyDraft', 'Kept for ever; the same content is the same version'] }),
      },
    },
    (request, reply) =>
      bounded(reply, GIVE_UP_MS, async (signal) =>
        views.draft(givenOf(request.body), authorOf(request, request.body.comment), signal),
      ),
  );
}

function changeRoutes(app: FastifyInstance, views: PolicyViews): void {
  app.post<{ Params: { id: string }; Body: Publish }>(
    '/v1/policies/:id/publish',
    {
      config: MAY_CHANGE,
      handlerTimeout: CHECK_TIMEOUT_MS,
      schema: {
        summary: 'Bring a stored version into force; another mode makes another version',
        tags: TAGS,
        params: PARAMS,
        body: {
          type: 'object',
          properties: {
            version: VERSION,
            mode: { type: 'string', enum: ['off', 'shadow', 'percent', 'enforce'] },
            percent: { type: 'number', minimum: 0, maximum: 100 },
            comment: COMMENT,
            confirm: { type: 'boolean', description: 'do it though it acts on many subscribers at once' },
          },
          required: ['version'],
          additionalProperties: false,
        },
        response: answers({
          200: ['PolicyPublished', 'Durable; every partition changes over as its log comes to it'],
        }),
      },
    },
    (request, reply) =>
      bounded(reply, GIVE_UP_MS, async (signal) => {
        const { params, body } = request;
        return views.publish(requestOf(params.id, body), authorOf(request, body.comment), signal);
      }),
  );
  app.post<{ Params: { id: string }; Body: { comment?: string } }>(
    '/v1/policies/:id/rollback',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Back to what was before: drops a candidate, else brings the base before this one back',
        tags: TAGS,
        params: PARAMS,
        body: { type: 'object', properties: { comment: COMMENT }, additionalProperties: false },
        response: answers({ 200: ['PolicyPublished', 'What is in force now'] }),
      },
    },
    async (request) => views.rollback(request.params.id, authorOf(request, request.body.comment)),
  );
  app.delete<{ Params: { id: string }; Querystring: { comment?: string } }>(
    '/v1/policies/:id',
    {
      config: MAY_CHANGE,
      schema: {
        summary:
          'Withdraw a policy: nothing of it stays in force, whom only it held is restored; versions are kept',
        tags: TAGS,
        params: PARAMS,
        querystring: { type: 'object', properties: { comment: COMMENT }, additionalProperties: false },
        response: answers({ 200: ['PolicyPublished', 'changed = false where nothing was in force'] }),
      },
    },
    async (request) => views.withdraw(request.params.id, authorOf(request, request.query.comment)),
  );
}

/** By the key's name; the commands name themselves, as the way by which it came. */
export function authorOf({ apiKey, headers }: FastifyRequest, comment = ''): Authorship {
  const isCli = headers['user-agent']?.startsWith('weir-cli') === true;
  return { by: apiKey?.name ?? '', source: isCli ? 'cli' : 'api', comment };
}

function requestOf(id: string, { version, mode, percent, confirm }: Publish): PublishRequest {
  if (percent !== undefined && mode !== 'percent')
    throw new Problem(400, 'invalid-input', 'percent goes with mode percent only');
  if (mode === 'percent' && percent === undefined)
    throw new Problem(400, 'invalid-input', 'mode percent needs percent');
  return { id, version, mode: mode ?? null, percent: percent ?? null, confirm: confirm ?? false };
}

function givenOf({ policy, tests }: Given): GivenPolicy {
  return { policy: textOf(policy), tests: tests === undefined ? null : textOf(tests) };
}

function textOf(given: object | string): string {
  return typeof given === 'string' ? given : JSON.stringify(given, null, 2);
}

function found<T>(view: T | null, missing: string): T {
  if (view === null) throw new Problem(404, 'not-found', missing);
  return view;
}
