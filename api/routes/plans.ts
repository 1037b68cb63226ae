import type { FastifyInstance } from 'fastify';
import { encodeControl } from '../../pipeline/decode/control-codec.ts';
import { planFaults } from '../../rules/tariff/lint-terms.ts';
import type { TermsFault } from '../../rules/tariff/lint-terms.ts';
import type { PlanTerms } from '../../schemas/tariff.ts';
import type { PlanSummaryView } from '../../schemas/tariff-views.ts';
import type { StoredPlan } from '../../storage/tariff-ports.ts';
import { answers } from '../answers.ts';
import { answerHeaders, CHANGE_HEADERS, changeContext, params, REASON, REVISION_HEADERS } from '../change.ts';
import { INSTANT, instantMs } from '../instant.ts';
import { NAME_PATTERN } from '../names.ts';
import type { AskedPage } from '../paging.ts';
import { PAGE_QUERY, pagePart, pageView } from '../paging.ts';
import type { AskedTerms } from '../plan-view.ts';
import { currentOf, planVersionView, termsOf } from '../plan-view.ts';
import { nextVersion, TERMS, VERSION } from '../plan-terms.ts';
import { Problem } from '../problem.ts';
import { requiredRevision, tagged } from '../revision.ts';
import type { TariffSources } from '../tariff-sources.ts';

/** No person is named in any of it. */
const MAY_LOOK = { roles: ['viewer', 'analyst', 'product', 'operator', 'billing'] } as const;
const MAY_CHANGE = { roles: ['product'] } as const;
const TAGS = ['plans'];
/** Tiers, classes and names of the largest terms. */
const BODY_LIMIT_BYTES = 262_144;

const NEW_VERSION = {
  type: 'object',
  properties: {
    version: { ...VERSION, description: 'the one after the newest if not given' },
    terms: TERMS,
    effectiveFrom: {
      anyOf: [INSTANT, { type: 'null' }],
      description:
        'it holds from the first cycle or assignment that begins at or after it; null = at once, ' +
        'also in cycles that run, in the place of the version in force and at its prices',
    },
    reason: REASON,
  },
  required: ['terms', 'effectiveFrom'],
  additionalProperties: false,
} as const;

const PLAN_CHANGE = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 256, pattern: NAME_PATTERN },
    archived: { type: 'boolean', description: 'who has it keeps it, nobody else gets it' },
    reason: REASON,
  },
  minProperties: 1,
  additionalProperties: false,
} as const;

interface AskedVersion {
  version?: number;
  terms: AskedTerms;
  effectiveFrom: string | null;
  reason?: string;
}

/** `/v1/plans`: what there is to be had, and what it costs. */
export function planRoutes(app: FastifyInstance, sources: TariffSources): void {
  const { store, reads, nowMs } = sources;
  app.get<{ Querystring: AskedPage }>(
    '/v1/plans',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'Plans by id, archived ones too',
        tags: TAGS,
        querystring: { type: 'object', properties: PAGE_QUERY, additionalProperties: false },
        response: answers({ 200: ['Plans', 'One page'] }),
      },
    },
    async ({ query }) => {
      const { limit, after } = pagePart(query);
      return pageView(await reads.plans(limit, after), summaryView);
    },
  );
  app.get<{ Params: { planId: string } }>(
    '/v1/plans/:planId',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'One plan with the version in effect and those to come',
        tags: TAGS,
        params: params('planId'),
        response: answers({ 200: ['Plan', 'With its revision as ETag'] }),
      },
    },
    async ({ params: { planId } }, reply) => {
      const plan = await storedPlan(sources, planId);
      const versions = await store.planVersions(planId);
      const now = nowMs();
      const current = currentOf(versions, now);
      tagged(reply, plan.revision);
      return {
        ...summaryView(plan),
        current: current && planVersionView(current),
        upcoming: versions
          .filter(({ effectiveFromMs }) => (effectiveFromMs ?? -Infinity) > now)
          .map(planVersionView),
      };
    },
  );
  changeRoute(app, sources);
  versionRoutes(app, sources);
}

function changeRoute(app: FastifyInstance, sources: TariffSources): void {
  app.patch<{ Params: { planId: string }; Body: { name?: string; archived?: boolean; reason?: string } }>(
    '/v1/plans/:planId',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Rename a plan, or take it off the shelf',
        tags: TAGS,
        params: params('planId'),
        headers: REVISION_HEADERS,
        body: PLAN_CHANGE,
        response: answers({ 200: ['PlanSummary', 'As it is now'] }),
      },
    },
    async (request, reply) => {
      const { planId } = request.params;
      const { reason, ...change } = request.body;
      const { revision: stored } = await storedPlan(sources, planId);
      const revision = requiredRevision(request.headers['if-match'], stored);
      const context = changeContext(request, sources, { reason, revision });
      const changed = await sources.store.changePlan(planId, change, context);
      answerHeaders(reply, changed);
      return summaryView(changed.value);
    },
  );
}

function versionRoutes(app: FastifyInstance, sources: TariffSources): void {
  const { store } = sources;
  app.get<{ Params: { planId: string } }>(
    '/v1/plans/:planId/versions',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'Its versions with terms, the first made first',
        tags: TAGS,
        params: params('planId'),
        response: answers({ 200: ['PlanVersions', 'None for a plan that is metered alone'] }),
      },
    },
    async ({ params: { planId } }) => {
      const versions = await store.planVersions(planId);
      if (versions.length === 0) await storedPlan(sources, planId);
      return { versions: versions.map(planVersionView) };
    },
  );
  app.get<{ Params: { planId: string; version: string } }>(
    '/v1/plans/:planId/versions/:version',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'One version',
        tags: TAGS,
        params: {
          ...params('planId', 'version'),
          properties: {
            ...params('planId').properties,
            version: { type: 'string', pattern: '^[1-9][0-9]{0,9}$' },
          },
        },
        response: answers({ 200: ['PlanVersion', 'It never changes'] }),
      },
    },
    async ({ params: { planId, version } }) => {
      const found = (await store.planVersions(planId)).find((terms) => terms.version === Number(version));
      if (found !== undefined) return planVersionView(found);
      throw new Problem(404, 'not-found', `plan ${planId} has no version ${version} with terms`);
    },
  );
  app.post<{ Params: { planId: string }; Body: AskedVersion }>(
    '/v1/plans/:planId/versions',
    {
      config: MAY_CHANGE,
      bodyLimit: BODY_LIMIT_BYTES,
      schema: {
        summary: 'Make a version; the first one makes the plan',
        tags: TAGS,
        params: params('planId'),
        headers: CHANGE_HEADERS,
        body: NEW_VERSION,
        response: answers({ 201: ['PlanVersion', 'Stored; it never changes'] }),
      },
    },
    async (request, reply) => {
      const { planId } = request.params;
      const terms = await askedTerms(sources, planId, request.body);
      const context = changeContext(request, sources, { reason: request.body.reason });
      const changed = await store.putPlanVersion(terms, context);
      answerHeaders(reply, changed);
      return reply.code(201).send(planVersionView(changed.value));
    },
  );
}

/** @throws Problem 404 */
async function storedPlan({ reads }: TariffSources, planId: string): Promise<StoredPlan> {
  const plan = await reads.plan(planId);
  if (plan !== null) return plan;
  throw new Problem(404, 'not-found', `there is no plan ${planId}`);
}

/** @throws Problem 422 where they make no sense, 400 where the log's readers would refuse them */
async function askedTerms(
  { store }: TariffSources,
  planId: string,
  { version, terms: asked, effectiveFrom }: AskedVersion,
): Promise<PlanTerms> {
  const made = version ?? nextVersion(await store.planVersions(planId));
  const effectiveFromMs = effectiveFrom === null ? null : instantMs(effectiveFrom, 'effectiveFrom');
  const terms = termsOf(asked, { planId, version: made, effectiveFromMs });
  refuseFaults(planFaults(terms));
  const effective = effectiveFromMs === null ? {} : { effectiveFromMs };
  encodeControl({
    kind: 'plan-version',
    plan: { ...terms.metering, planId, version: made, ...effective },
  });
  return terms;
}

/** @throws Problem 422 that names every fault */
export function refuseFaults(faults: readonly TermsFault[]): void {
  if (faults.length === 0) return;
  const told = faults.map(({ path, message }) => `${path} ${message}`).join('; ');
  throw new Problem(422, 'invalid-input', told);
}

function summaryView({ planId, name, archivedMs, revision }: StoredPlan): PlanSummaryView {
  return { planId, name, archived: archivedMs !== null, revision };
}
