import type { FastifyInstance } from 'fastify';
import type { JobViews } from '../../pipeline/schedule/job-views.ts';
import { answers } from '../answers.ts';
import { NAME } from '../names.ts';
import { Problem } from '../problem.ts';

const OPERATOR = { roles: ['operator'] } as const;
const TAGS = ['jobs'];
const RUNS_SHOWN = 50;

const PARAMS = {
  type: 'object',
  properties: { name: { ...NAME, description: 'of the job' } },
  required: ['name'],
  additionalProperties: false,
} as const;

/** Nothing is to be said of a run: a body may be left out. */
const NO_BODY = { type: ['object', 'null'], additionalProperties: false } as const;

const PAUSED = {
  type: 'object',
  properties: { paused: { type: 'boolean' } },
  required: ['paused'],
  additionalProperties: false,
} as const;

/** `/v1/jobs`: what runs by itself, and runs by hand. */
export function jobRoutes(app: FastifyInstance, jobs: JobViews): void {
  app.get(
    '/v1/jobs',
    {
      config: OPERATOR,
      schema: {
        summary: 'Jobs with their last run and next time',
        tags: TAGS,
        response: answers({ 200: ['Jobs', 'As the process has them that runs them, or did last'] }),
      },
    },
    async () => jobs.list(),
  );
  app.get<{ Params: { name: string } }>(
    '/v1/jobs/:name/runs',
    {
      config: OPERATOR,
      schema: {
        summary: `The last ${String(RUNS_SHOWN)} runs of a job`,
        tags: TAGS,
        params: PARAMS,
        response: answers({ 200: ['JobRuns', 'The one in hand too'] }),
      },
    },
    async ({ params: { name } }) => {
      const view = await jobs.runs(name, RUNS_SHOWN);
      if (view === null) throw unknown(name);
      return view;
    },
  );
  app.post<{ Params: { name: string } }>(
    '/v1/jobs/:name/runs',
    {
      config: OPERATOR,
      schema: {
        summary: 'Have a job run now; 409 while it runs',
        tags: TAGS,
        params: PARAMS,
        body: NO_BODY,
        response: answers({ 202: ['JobRequest', 'It begins within a second or two'] }),
      },
    },
    async ({ params: { name }, apiKey }, reply) => {
      const by = apiKey?.name ?? 'unknown';
      const became = await jobs.request(name, by);
      if (became === 'unknown') throw unknown(name);
      if (became === 'running') throw new Problem(409, 'conflict', `${name} runs already`);
      return reply.code(202).send({ name, by });
    },
  );
  pauseRoute(app, jobs);
}

function pauseRoute(app: FastifyInstance, jobs: JobViews): void {
  app.patch<{ Params: { name: string }; Body: { paused: boolean } }>(
    '/v1/jobs/:name',
    {
      config: OPERATOR,
      schema: {
        summary: 'Have a job run by hand alone, or at its times again',
        tags: TAGS,
        params: PARAMS,
        body: PAUSED,
        response: answers({ 200: ['JobPaused', 'What was missed meanwhile is done once when it goes on'] }),
      },
    },
    async ({ params: { name }, body: { paused }, apiKey }) => {
      const by = apiKey?.name ?? 'unknown';
      if (!(await jobs.setPaused(name, paused, by))) throw unknown(name);
      return { name, paused, by };
    },
  );
}

function unknown(name: string): Problem {
  return new Problem(404, 'not-found', `there is no job ${name}`);
}
