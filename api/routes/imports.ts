import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Importer } from '../../pipeline/import/importer.ts';
import type { ImportFormat } from '../../pipeline/import/read-file.ts';
import type { ImportView } from '../../schemas/import-views.ts';
import type { ImportJob, ImportKind, Imports } from '../../storage/import-ports.ts';
import { answers } from '../answers.ts';
import { mayUse } from '../auth.ts';
import { params } from '../change.ts';
import type { AskedPage } from '../paging.ts';
import { PAGE_QUERY, pagePart, pageView } from '../paging.ts';
import { Problem } from '../problem.ts';
import { bounded, paced } from '../request-time.ts';

/** What takes files in, and what is kept of them. */
export interface ImportSources {
  importer: Pick<Importer, 'take' | 'resume'>;
  imports: Pick<Imports, 'find' | 'list' | 'faults' | 'remove' | 'givesPlans'>;
  /** largest file */
  maxBytes: number;
}

const FORMATS: Record<string, ImportFormat> = { 'text/csv': 'csv', 'application/x-ndjson': 'ndjson' };
const SUPPORT = { roles: ['operator', 'billing'] } as const;
const TAGS = ['imports'];
/** Nothing is sent for so long: the sender is gone. */
const IDLE_MS = 30_000;
/** Reading, checking and staging of the largest file. */
const TAKE_MS = 3_600_000;

const QUERY = {
  type: 'object',
  properties: {
    kind: { type: 'string', enum: ['subscribers', 'assignments'] },
    dryRun: { type: 'string', enum: ['true', 'false'], description: 'true = it is checked alone' },
  },
  required: ['kind'],
  additionalProperties: false,
} as const;

const FILE = { type: 'string', format: 'binary' } as const;

/** `/v1/imports`: files of subscribers and of assignments. */
export async function importRoutes(app: FastifyInstance, sources: ImportSources): Promise<void> {
  await app.register((scope, _, done) => {
    takeRoute(scope, sources);
    done();
  });
  lookRoutes(app, sources);
  changeRoutes(app, sources);
}

/** In a scope of its own: its bodies are not read before it is asked. */
function takeRoute(scope: FastifyInstance, { importer, maxBytes }: ImportSources): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(Object.keys(FORMATS), (_request, _payload, parsed) => parsed(null));
  scope.post<{ Querystring: { kind: ImportKind; dryRun?: 'true' | 'false' } }>(
    '/v1/imports',
    {
      config: { ...SUPPORT, ownPace: true },
      handlerTimeout: TAKE_MS,
      bodyLimit: maxBytes,
      schema: {
        summary: 'Bring a file in: checked as a whole, then applied chunk by chunk',
        description:
          'Nothing of a file with a fault is applied. Plans are brought in by billing alone, as one by one. A file that is the last one of its kind again answers the import that was made of it, with 200: nothing is applied then. One file is read at a time, and one of a kind goes in at a time; others are answered 409.',
        tags: TAGS,
        querystring: QUERY,
        body: {
          content: Object.fromEntries(Object.keys(FORMATS).map((type) => [type, { schema: FILE }])),
        },
        response: answers({
          200: ['Import', 'The last file of its kind again: nothing is applied'],
          202: ['Import', 'Read to its end; `state` says what became of it'],
        }),
      },
      validatorCompiler:
        ({ httpPart }) =>
        (data) =>
          httpPart === 'querystring' ? checkedQuery(data) : true,
    },
    async (request, reply) => {
      const { kind, dryRun } = request.query;
      refuseOthers(request, kind);
      // What is not taken is not read either.
      void reply.header('connection', 'close');
      if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
      const { job, isKnown } = await importer.take({
        kind,
        format: formatOf(request),
        dryRun: dryRun === 'true',
        by: request.apiKey?.name ?? 'unknown',
        mayGivePlans: mayUse(request.apiKey, ['billing']),
        bytes: bounded(paced(request.raw, IDLE_MS), maxBytes, () => tooLarge(maxBytes)),
      });
      return reply.code(isKnown ? 200 : 202).send({ ...importView(job), known: isKnown });
    },
  );
}

function tooLarge(maxBytes: number): Problem {
  return new Problem(413, 'too-large', `a file may have ${String(maxBytes)} bytes: split it`);
}

/** Who may give a plan may do so by a file, and nobody else. @throws Problem 403 */
function refuseOthers({ apiKey }: FastifyRequest, kind: ImportKind): void {
  if (kind === 'subscribers' || mayUse(apiKey, ['billing'])) return;
  throw new Problem(403, 'forbidden', 'plans are brought in by keys of the role billing');
}

/** The body is a file, whatever its schema says to readers; of the query each value is one of a few texts. */
function checkedQuery(data: unknown): true | { error: Error } {
  const { kind, dryRun, ...others } = data as Record<string, unknown>;
  const isKind = QUERY.properties.kind.enum.some((one) => one === kind);
  const isDryRun = dryRun === undefined || QUERY.properties.dryRun.enum.some((one) => one === dryRun);
  if (isKind && isDryRun && Object.keys(others).length === 0) return true;
  return {
    error: new Problem(
      400,
      'invalid-input',
      'the query is kind=subscribers or kind=assignments, and dryRun=true or dryRun=false where it is wanted',
    ),
  };
}

function formatOf({ headers }: FastifyRequest): ImportFormat {
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  const format = FORMATS[type.trim().toLowerCase()];
  if (format === undefined)
    throw new Problem(415, 'bad-request', `the body must be one of ${Object.keys(FORMATS).join(', ')}`);
  return format;
}

function lookRoutes(app: FastifyInstance, { imports }: ImportSources): void {
  app.get<{ Querystring: AskedPage }>(
    '/v1/imports',
    {
      config: SUPPORT,
      schema: {
        summary: 'Imports, the last first',
        tags: TAGS,
        querystring: { type: 'object', properties: PAGE_QUERY, additionalProperties: false },
        response: answers({ 200: ['Imports', 'One page'] }),
      },
    },
    async ({ query }) => {
      const { limit, after } = pagePart(query);
      const found = await imports.list(limit + 1, after);
      const items = found.slice(0, limit);
      const next = found.length > limit ? (items.at(-1)?.importId ?? null) : null;
      return pageView({ items, next }, importView);
    },
  );
  app.get<{ Params: { importId: string } }>(
    '/v1/imports/:importId',
    {
      config: SUPPORT,
      schema: {
        summary: 'How far one import is',
        tags: TAGS,
        params: params('importId'),
        response: answers({ 200: ['Import', 'As it stands'] }),
      },
    },
    async ({ params: { importId } }) => importView(await stored(imports, importId)),
  );
  app.get<{ Params: { importId: string }; Querystring: AskedPage }>(
    '/v1/imports/:importId/faults',
    {
      config: SUPPORT,
      schema: {
        summary: 'What is wrong with its records, or why a chunk did not go in',
        tags: TAGS,
        params: params('importId'),
        querystring: { type: 'object', properties: PAGE_QUERY, additionalProperties: false },
        response: answers({ 200: ['ImportFaults', 'One page, in the order of the file'] }),
      },
    },
    async ({ params: { importId }, query }) => {
      const { limit, after } = pagePart(query);
      await stored(imports, importId);
      const found = await imports.faults(importId, recordOf(after), limit + 1);
      const items = found.slice(0, limit);
      const last = items.at(-1);
      const next = found.length > limit && last !== undefined ? String(last.record) : null;
      return pageView({ items, next }, (fault) => fault);
    },
  );
}

function changeRoutes(app: FastifyInstance, { importer, imports }: ImportSources): void {
  app.post<{ Params: { importId: string } }>(
    '/v1/imports/:importId/resume',
    {
      config: SUPPORT,
      schema: {
        summary: 'Go on with an import that stopped; 409 where there is nothing to go on with',
        tags: TAGS,
        params: params('importId'),
        response: answers({ 202: ['Import', 'It goes on after the last chunk that went in'] }),
      },
    },
    async (request, reply) => {
      const { importId } = request.params;
      refuseOthers(request, (await stored(imports, importId)).kind);
      if (!mayUse(request.apiKey, ['billing']) && (await imports.givesPlans(importId)))
        refuseOthers(request, 'assignments');
      const job = await importer.resume(importId, request.apiKey?.name ?? 'unknown');
      return reply.code(202).send(importView(job));
    },
  );
  app.delete<{ Params: { importId: string } }>(
    '/v1/imports/:importId',
    {
      config: SUPPORT,
      schema: {
        summary: 'Forget an import and its records; what it applied stays',
        tags: TAGS,
        params: params('importId'),
        response: answers({ 200: ['Import', 'As it stood'] }),
      },
    },
    async (request) => {
      const { importId } = request.params;
      const job = await stored(imports, importId);
      refuseOthers(request, job.kind);
      if (!(await imports.remove(importId, request.apiKey?.name ?? 'unknown')))
        throw new Problem(
          409,
          'conflict',
          'the import is under way: it can be forgotten once it is done or stopped, or an hour after something of its file came last',
        );
      return importView(job);
    },
  );
}

async function stored(imports: Pick<Imports, 'find'>, importId: string): Promise<ImportJob> {
  const job = await imports.find(importId);
  if (job === null) throw new Problem(404, 'not-found', 'there is no such import');
  return job;
}

function recordOf(after: string | null): number {
  if (after === null) return 0;
  if (/^[1-9]\d{0,9}$/.test(after)) return Number(after);
  throw new Problem(400, 'invalid-input', 'after is no cursor of this list: take it from `next`');
}

function importView(job: ImportJob): ImportView {
  const { importId, kind, state, dryRun, rowsTotal, rowsApplied, by, reason } = job;
  const { createdMs, movedMs, endedMs } = job;
  return {
    importId,
    kind,
    state,
    dryRun,
    records: rowsTotal,
    applied: rowsApplied,
    by,
    reason,
    known: false,
    created: new Date(createdMs).toISOString(),
    moved: new Date(movedMs).toISOString(),
    ended: endedMs === null ? null : new Date(endedMs).toISOString(),
  };
}
