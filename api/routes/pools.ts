import type { FastifyInstance } from 'fastify';
import { changedCycleAt, isZone } from '../../rules/cycle.ts';
import type { CycleRule } from '../../schemas/profile.ts';
import type { PoolView } from '../../schemas/tariff-views.ts';
import type { PoolGiven, StoredPool } from '../../storage/tariff-ports.ts';
import { answers } from '../answers.ts';
import {
  answerHeaders,
  changeContext,
  changeView,
  CHARGE_HEADERS,
  params,
  REVISION_HEADERS,
} from '../change.ts';
import { checkedRule, CYCLE_RULE } from '../cycle-rule.ts';
import type { AskedOctets } from '../money.ts';
import { OCTETS, octetsOf } from '../money.ts';
import { NAME, NAME_PATTERN } from '../names.ts';
import type { AskedPage } from '../paging.ts';
import { PAGE_QUERY, pagePart, pageView } from '../paging.ts';
import { Problem } from '../problem.ts';
import { requiredRevision, tagged } from '../revision.ts';
import type { AskedTopUp, Purchase } from '../subscriber-changes.ts';
import { buyOnce, purchaseOf, TOP_UP } from '../subscriber-changes.ts';
import type { TariffSources } from '../tariff-sources.ts';
import { poolRowsView, poolSummaryView } from '../tariff-view.ts';
import { AT_QUERY, SPAN, spanOf, whenOf } from '../when.ts';
import { refuseOthers, takeBack, topUpAnswer } from './top-ups.ts';

/** Members are persons. */
const MAY_LOOK = { roles: ['viewer', 'analyst', 'operator', 'billing'] } as const;
const MAY_CHANGE = { roles: ['operator', 'billing'] } as const;
const TAGS = ['pools'];

const WHOLE = {
  type: 'object',
  properties: {
    allowanceBytes: { anyOf: [...OCTETS.anyOf, { type: 'null' }], description: 'octets; null = no limit' },
    zone: { type: 'string', minLength: 1, maxLength: 64, pattern: NAME_PATTERN, description: 'IANA zone' },
    anchorDay: { type: 'integer', minimum: 1, maximum: 31 },
    cycle: { ...CYCLE_RULE, description: 'monthly on anchorDay if not given' },
    segment: { type: 'string', maxLength: 256, pattern: NAME_PATTERN },
    planId: { anyOf: [NAME, { type: 'null' }], description: 'whose terms hold for paid blocks; null = none' },
    overageConsent: { type: 'boolean' },
    billTo: { ...NAME, description: 'subscriber that notices and charges go to' },
  },
  required: ['allowanceBytes', 'zone', 'anchorDay', 'segment', 'planId', 'overageConsent', 'billTo'],
  additionalProperties: false,
} as const;

type Whole = Omit<PoolGiven, 'poolId' | 'allowanceBytes' | 'cycle'> & {
  allowanceBytes: AskedOctets | null;
  cycle?: CycleRule;
};

const MEMBERSHIP = { type: 'object', properties: SPAN, additionalProperties: false } as const;

/** `/v1/pools`: one allowance that several subscribers share. */
export function poolRoutes(app: FastifyInstance, sources: TariffSources): void {
  const { reads } = sources;
  app.get<{ Querystring: AskedPage }>(
    '/v1/pools',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'Pools by id',
        tags: TAGS,
        querystring: { type: 'object', properties: PAGE_QUERY, additionalProperties: false },
        response: answers({ 200: ['Pools', 'One page'] }),
      },
    },
    async ({ query }) => {
      const { limit, after } = pagePart(query);
      return pageView(await reads.pools(limit, after), poolSummaryView);
    },
  );
  app.get<{ Params: { poolId: string } }>(
    '/v1/pools/:poolId',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'One pool: members, what each used of the cycle, allowance, rules in force',
        tags: TAGS,
        params: params('poolId'),
        response: answers({ 200: ['Pool', 'Usage as of the last commit; its revision as ETag'] }),
      },
    },
    async ({ params: { poolId } }, reply): Promise<PoolView> => {
      const pool = await storedPool(sources, poolId);
      tagged(reply, pool.revision);
      return { ...poolRowsView(pool), usage: await sources.poolUsage(poolId) };
    },
  );
  putRoute(app, sources);
  memberRoutes(app, sources);
  topUpRoute(app, sources);
  takeBackRoute(app, sources);
}

function putRoute(app: FastifyInstance, sources: TariffSources): void {
  app.put<{ Params: { poolId: string }; Body: Whole }>(
    '/v1/pools/:poolId',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Make a pool, or change all of it but members and purchases',
        tags: TAGS,
        params: params('poolId'),
        headers: REVISION_HEADERS,
        body: WHOLE,
        response: answers({ 200: ['PoolSummary', 'Changed'], 201: ['PoolSummary', 'Made'] }),
      },
    },
    async (request, reply) => {
      const { poolId } = request.params;
      const { allowanceBytes, cycle, ...rest } = request.body;
      if (!isZone(rest.zone))
        throw new Problem(422, 'invalid-input', `zone: ${rest.zone} is no known time zone`);
      const stored = await sources.reads.pool(poolId);
      const revision = requiredRevision(request.headers['if-match'], stored?.revision ?? null);
      const given: PoolGiven = {
        ...{ poolId, ...rest },
        allowanceBytes: allowanceBytes === null ? null : octetsOf(allowanceBytes, 'allowanceBytes'),
        ...(cycle === undefined ? {} : { cycle: checkedRule(cycle) }),
      };
      const changed = await sources.store.putPool(given, changeContext(request, sources, { revision }));
      answerHeaders(reply, changed);
      return reply.code(stored === null ? 201 : 200).send(poolSummaryView(changed.value));
    },
  );
}

function memberRoutes(app: FastifyInstance, sources: TariffSources): void {
  const { store } = sources;
  app.put<{
    Params: { poolId: string; subscriberId: string };
    Body: { from?: string; to?: string | null };
  }>(
    '/v1/pools/:poolId/members/:subscriberId',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Take a subscriber into a pool; it is in one at a time',
        tags: TAGS,
        params: params('poolId', 'subscriberId'),
        headers: REVISION_HEADERS,
        body: MEMBERSHIP,
        response: answers({ 200: ['SubscriberChange', 'In force as the log comes to it'] }),
      },
    },
    async (request, reply) => {
      const { poolId, subscriberId } = request.params;
      const context = changeContext(request, sources);
      const changed = await store.joinPool(poolId, subscriberId, spanOf(request.body, context.atMs), context);
      answerHeaders(reply, changed);
      return changeView(changed, null, context.atMs);
    },
  );
  app.delete<{ Params: { poolId: string; subscriberId: string }; Querystring: { at?: string } }>(
    '/v1/pools/:poolId/members/:subscriberId',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Let a subscriber go; what it used of this cycle stays the pool’s',
        tags: TAGS,
        params: params('poolId', 'subscriberId'),
        headers: REVISION_HEADERS,
        querystring: AT_QUERY,
        response: answers({ 200: ['SubscriberChange', 'In force as the log comes to it'] }),
      },
    },
    async (request, reply) => {
      const { poolId, subscriberId } = request.params;
      const context = changeContext(request, sources);
      const when = whenOf(request.query.at ?? 'now');
      const changed = await store.leavePool(poolId, subscriberId, when, context);
      answerHeaders(reply, changed);
      return changeView(changed, null, context.atMs);
    },
  );
}

function topUpRoute(app: FastifyInstance, sources: TariffSources): void {
  app.post<{ Params: { poolId: string }; Body: AskedTopUp }>(
    '/v1/pools/:poolId/top-ups',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Buy bytes for all members; they are charged at once to who pays for the pool',
        tags: TAGS,
        params: params('poolId'),
        headers: CHARGE_HEADERS,
        body: TOP_UP,
        response: answers({ 201: ['TopUpChange', 'In force as the log comes to it, within a second'] }),
      },
    },
    async (request, reply) => {
      const { poolId } = request.params;
      const { profile } = await storedPool(sources, poolId);
      const context = changeContext(request, sources, request.body);
      const { zone, anchorDay, cycle = { kind: 'month', anchorDay }, cycleChanges = [] } = profile;
      const { endMs } = changedCycleAt(zone, cycle, cycleChanges, context.atMs);
      const think = async (): Promise<Purchase> => {
        const purchase = await purchaseOf(sources, request.body, endMs, context);
        if (purchase.topUp.kind === 'bytes') return purchase;
        const why = 'a pool shares bytes: a boost or no limit is a subscriber’s own';
        throw new Problem(422, 'invalid-input', why);
      };
      const changed = await buyOnce(sources, { poolId }, think, context);
      return topUpAnswer(reply.code(201), changed);
    },
  );
}

function takeBackRoute(app: FastifyInstance, sources: TariffSources): void {
  app.delete<{ Params: { poolId: string; topUpId: string } }>(
    '/v1/pools/:poolId/top-ups/:topUpId',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Take a pool’s top-up back; it is credited where none of its bytes were used',
        tags: TAGS,
        params: params('poolId', 'topUpId'),
        headers: REVISION_HEADERS,
        response: answers({ 200: ['TopUpChange', 'As it is now'] }),
      },
    },
    async (request, reply) => {
      const { poolId, topUpId } = request.params;
      refuseOthers((await storedPool(sources, poolId)).profile.topUps ?? [], topUpId);
      const context = changeContext(request, sources);
      return topUpAnswer(reply, await takeBack(sources, { poolId }, topUpId, context));
    },
  );
}

/** @throws Problem 404 */
async function storedPool({ reads }: TariffSources, poolId: string): Promise<StoredPool> {
  const pool = await reads.pool(poolId);
  if (pool !== null) return pool;
  throw new Problem(404, 'not-found', `there is no pool ${poolId}`);
}
