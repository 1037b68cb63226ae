import type { FastifyInstance } from 'fastify';
import { ruleCycleAt } from '../../rules/cycle.ts';
import { exponentOf } from '../../rules/tariff/currencies.ts';
import { STANDARD_TAX_CLASS } from '../../schemas/billing.ts';
import type { CycleRule } from '../../schemas/profile.ts';
import type { Account } from '../../schemas/tariff.ts';
import type { CycleChangeView } from '../../schemas/tariff-views.ts';
import type { Changed } from '../../storage/tariff-ports.ts';
import { answers } from '../answers.ts';
import { answerHeaders, CHANGE_HEADERS, changeContext, params, REASON, REVISION_HEADERS } from '../change.ts';
import { checkedRule, CYCLE_RULE } from '../cycle-rule.ts';
import { CURRENCY, sumOf } from '../money.ts';
import { NAME } from '../names.ts';
import type { AskedPage } from '../paging.ts';
import { PAGE_QUERY, pagePart, pageView } from '../paging.ts';
import { Problem } from '../problem.ts';
import { requiredRevision, tagged } from '../revision.ts';
import type { TariffSources } from '../tariff-sources.ts';
import { accountView, iso, itemView, spanView } from '../tariff-view.ts';

/** Accounts are persons', as subscribers are. */
const MAY_LOOK = { roles: ['viewer', 'analyst', 'operator', 'billing'] } as const;
const MAY_CHANGE = { roles: ['billing'] } as const;
const TAGS = ['accounts'];

const STATUS = { type: 'string', enum: ['current', 'overdue', 'suspended'] } as const;
const FIELDS = {
  currency: { ...CURRENCY, description: 'ISO 4217; stays once something was charged' },
  taxClass: { ...NAME, description: 'carried to items; no tax is computed' },
  cycle: CYCLE_RULE,
  billingStatus: STATUS,
  billingRef: {
    anyOf: [NAME, { type: 'null' }],
    description: 'its id in the billing system; null = it is called there as here',
  },
} as const;

const WHOLE = {
  type: 'object',
  description: 'billingStatus is current, taxClass standard if not given',
  properties: FIELDS,
  required: ['currency', 'cycle', 'billingRef'],
  additionalProperties: false,
} as const;

const PARTS = {
  type: 'object',
  properties: { ...FIELDS, reason: REASON },
  minProperties: 1,
  additionalProperties: false,
} as const;

const CYCLE_CHANGE = {
  type: 'object',
  properties: {
    cycle: CYCLE_RULE,
    at: { type: 'string', enum: ['cycle-end'], description: 'a cycle that runs is not cut' },
    reason: REASON,
  },
  required: ['cycle', 'at'],
  additionalProperties: false,
} as const;

type Given = Omit<Account, 'accountId' | 'revision' | 'cycleChanges'>;
type Whole = Omit<Given, 'taxClass' | 'billingStatus'> & Partial<Given>;

/** `/v1/accounts`: who pays, in which currency, and when a cycle begins. */
export function accountRoutes(app: FastifyInstance, sources: TariffSources): void {
  const { reads } = sources;
  app.get<{ Querystring: AskedPage & { status?: string } }>(
    '/v1/accounts',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'Accounts by id',
        tags: TAGS,
        querystring: {
          type: 'object',
          properties: { ...PAGE_QUERY, status: STATUS },
          additionalProperties: false,
        },
        response: answers({ 200: ['Accounts', 'One page'] }),
      },
    },
    async ({ query: { status = null, ...query } }) => {
      const { limit, after } = pagePart(query);
      return pageView(await reads.accounts({ status }, limit, after), accountView);
    },
  );
  app.get<{ Params: { accountId: string } }>(
    '/v1/accounts/:accountId',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'One account',
        tags: TAGS,
        params: params('accountId'),
        response: answers({ 200: ['Account', 'With its revision as ETag'] }),
      },
    },
    async ({ params: { accountId } }, reply) => {
      const account = await storedAccount(sources, accountId);
      tagged(reply, account.revision);
      return accountView(account);
    },
  );
  putRoutes(app, sources);
  cycleRoute(app, sources);
}

function putRoutes(app: FastifyInstance, sources: TariffSources): void {
  const { store, reads } = sources;
  app.put<{ Params: { accountId: string }; Body: Whole }>(
    '/v1/accounts/:accountId',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Make an account, or change all of it',
        tags: TAGS,
        params: params('accountId'),
        headers: REVISION_HEADERS,
        body: WHOLE,
        response: answers({ 200: ['Account', 'Changed'], 201: ['Account', 'Made'] }),
      },
    },
    async (request, reply) => {
      const { accountId } = request.params;
      const { taxClass = STANDARD_TAX_CLASS, billingStatus = 'current', ...rest } = request.body;
      const stored = await reads.account(accountId);
      const revision = requiredRevision(request.headers['if-match'], stored?.revision ?? null);
      const account = checked({ accountId, taxClass, billingStatus, ...rest });
      const changed = await store.putAccount(account, changeContext(request, sources, { revision }));
      answerHeaders(reply, changed);
      return reply.code(stored === null ? 201 : 200).send(accountView(changed.value));
    },
  );
  app.patch<{ Params: { accountId: string }; Body: Partial<Given> & { reason?: string } }>(
    '/v1/accounts/:accountId',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Change what is named of an account',
        tags: TAGS,
        params: params('accountId'),
        headers: REVISION_HEADERS,
        body: PARTS,
        response: answers({ 200: ['Account', 'Changed'] }),
      },
    },
    async (request, reply) => {
      const { accountId } = request.params;
      const { reason, ...given } = request.body;
      const { revision: stored, cycleChanges: _, ...before } = await storedAccount(sources, accountId);
      // Of any: what was read just now is put together with what is given, so it must be that still.
      const revision = requiredRevision(request.headers['if-match'], stored) ?? stored;
      const account = checked({ ...before, ...given });
      const context = changeContext(request, sources, { reason, revision });
      const changed = await store.putAccount(account, context, given.currency !== undefined);
      answerHeaders(reply, changed);
      return accountView(changed.value);
    },
  );
}

function cycleRoute(app: FastifyInstance, sources: TariffSources): void {
  app.post<{ Params: { accountId: string }; Body: { cycle: CycleRule; at: 'cycle-end'; reason?: string } }>(
    '/v1/accounts/:accountId/cycle-changes',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Begin cycles by another rule, from the end of the running one on',
        tags: TAGS,
        params: params('accountId'),
        headers: CHANGE_HEADERS,
        body: CYCLE_CHANGE,
        response: answers({ 200: ['CycleChange', 'From when on, and the shorter cycle in between'] }),
      },
    },
    async (request, reply) => {
      const { accountId } = request.params;
      const { cycle, reason } = request.body;
      const context = changeContext(request, sources, { reason });
      const changed = await sources.store.changeCycle(accountId, checkedRule(cycle), context);
      answerHeaders(reply, changed);
      return cycleChangeView(sources, changed, context.atMs);
    },
  );
}

/** The stub is one service's: others of the account may live in another zone. */
async function cycleChangeView(
  { reads }: TariffSources,
  { value, items }: Changed<Account>,
  nowMs: number,
): Promise<CycleChangeView> {
  const [last] = value.cycleChanges.filter(({ fromMs }) => fromMs > nowMs).slice(-1);
  const charged = { items: items.map(itemView), sum: sumOf(items) };
  const account = accountView(value);
  if (last === undefined) return { account, from: null, stub: null, ...charged };
  const filter = { segment: null, planId: null, poolId: null, status: null, text: null, atMs: nowMs };
  const [first] = (await reads.list({ ...filter, accountId: value.accountId }, 1, null)).items;
  const rows = first === undefined ? null : await reads.rows(first.subscriberId);
  const whole = rows === null ? null : ruleCycleAt(rows.zone, last.cycle, last.fromMs);
  // It begins where a cycle of the new rule begins: there is nothing in between.
  const stub = whole === null || whole.startMs === last.fromMs ? null : { ...whole, startMs: last.fromMs };
  return { account, from: iso(last.fromMs), stub: stub && spanView(stub), ...charged };
}

/** @throws Problem 404 */
async function storedAccount({ reads }: TariffSources, accountId: string): Promise<Account> {
  const account = await reads.account(accountId);
  if (account !== null) return account;
  throw new Problem(404, 'not-found', `there is no account ${accountId}`);
}

/** @throws Problem 422 for a currency that nobody has, or a date that is none */
function checked<T extends Pick<Account, 'currency' | 'cycle'>>(account: T): T {
  const { currency, cycle } = account;
  if (exponentOf(currency) === null)
    throw new Problem(422, 'invalid-input', `${currency} is no currency of ISO 4217`);
  return { ...account, cycle: checkedRule(cycle) };
}
