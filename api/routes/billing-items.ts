import type { FastifyInstance } from 'fastify';
import { ACTION_STATES } from '../../schemas/action.ts';
import type { ActionState } from '../../schemas/action.ts';
import { ITEM_TYPES } from '../../schemas/billing.ts';
import type { InvoiceDelivery, ItemType } from '../../schemas/billing.ts';
import type { DeliveredItemView } from '../../schemas/billing-views.ts';
import type { Money } from '../../schemas/tariff.ts';
import type { ItemFilter } from '../../storage/billing-ports.ts';
import { answers } from '../answers.ts';
import type { BillingSources } from '../billing-sources.ts';
import { answerHeaders, changeContext, CHARGE_HEADERS, params, REASON } from '../change.ts';
import { FORMAT, orCsv, sendCsv } from '../csv.ts';
import type { CsvValue } from '../csv.ts';
import { INSTANT, instantMs } from '../instant.ts';
import { CURRENCY, MOST_MINOR } from '../money.ts';
import { NAME, NAME_PATTERN } from '../names.ts';
import type { AskedPage } from '../paging.ts';
import { PAGE_QUERY, pagePart, pageView } from '../paging.ts';
import { Problem } from '../problem.ts';
import type { TariffSources } from '../tariff-sources.ts';
import { itemView } from '../tariff-view.ts';
import { resendAllRoute } from './billing-resend.ts';

const MAY_LOOK = { roles: ['analyst', 'billing'] } as const;
const MAY_CHANGE = { roles: ['billing'] } as const;
const TAGS = ['billing items'];
/** A million lines of CSV. */
const CSV_TIMEOUT_MS = 600_000;

const QUERY = {
  type: 'object',
  properties: {
    ...PAGE_QUERY,
    account: { ...NAME, description: 'of one account' },
    subscriber: { ...NAME, description: 'of one subscriber' },
    type: { type: 'string', enum: ITEM_TYPES },
    state: { type: 'string', enum: ACTION_STATES, description: 'of the delivery to the billing system' },
    from: { ...INSTANT, description: 'made at or after' },
    to: { ...INSTANT, description: 'made before' },
    format: FORMAT,
  },
  additionalProperties: false,
} as const;

const ONE_OFF = {
  type: 'object',
  properties: {
    subscriberId: NAME,
    amount: {
      type: 'object',
      properties: {
        amountMinor: {
          type: 'integer',
          minimum: -MOST_MINOR,
          maximum: MOST_MINOR,
          description: 'minor units of the currency, net of tax; negative = a credit',
        },
        currency: CURRENCY,
      },
      required: ['amountMinor', 'currency'],
      additionalProperties: false,
    },
    description: { type: 'string', minLength: 1, maxLength: 500, pattern: NAME_PATTERN },
    reason: REASON,
  },
  required: ['subscriberId', 'amount', 'description'],
  additionalProperties: false,
} as const;

interface Asked extends AskedPage {
  account?: string;
  subscriber?: string;
  type?: ItemType;
  state?: ActionState;
  from?: string;
  to?: string;
  format?: 'json' | 'csv';
}

interface AskedOneOff {
  subscriberId: string;
  amount: Money;
  description: string;
  reason?: string;
}

/** `/v1/billing-items`: what is charged, and whether the billing system has it. */
export function billingItemRoutes(
  app: FastifyInstance,
  { ledger }: Pick<BillingSources, 'ledger'>,
  tariffs: Pick<TariffSources, 'store' | 'nowMs'> | null,
): void {
  app.get<{ Querystring: Asked }>(
    '/v1/billing-items',
    {
      config: MAY_LOOK,
      handlerTimeout: CSV_TIMEOUT_MS,
      schema: {
        summary: 'Items of invoices, the last made first, and how their delivery stands',
        tags: TAGS,
        querystring: QUERY,
        response: orCsv(answers({ 200: ['DeliveredItems', 'Part of the list, or all of it as CSV'] })),
      },
    },
    async ({ query }, reply) => {
      const filter = filterOf(query);
      const { limit, after } = pagePart(query);
      if (query.format !== 'csv') return pageView(await ledger.list(filter, limit, after), deliveredItemView);
      if (after !== null) throw new Problem(400, 'invalid-input', 'CSV is the whole list: leave after out');
      return sendCsv(
        reply,
        'billing-items.csv',
        CSV_HEAD,
        (size, from) => ledger.list(filter, size, from),
        csvFields,
      );
    },
  );
  resendRoute(app, ledger);
  resendAllRoute(app, ledger);
  if (tariffs !== null) oneOffRoute(app, tariffs);
}

function resendRoute(app: FastifyInstance, ledger: BillingSources['ledger']): void {
  app.post<{ Params: { key: string } }>(
    '/v1/billing-items/:key/resend',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Deliver an item that was rejected, held, given up or is of unknown outcome',
        tags: TAGS,
        params: params('key'),
        response: answers({ 202: ['ResentItem', 'It is on its way'] }),
      },
    },
    async ({ params: { key }, apiKey }, reply) => {
      const by = apiKey?.name ?? 'unknown';
      if (!(await ledger.resend(key, by)))
        throw new Problem(409, 'conflict', 'there is no such item, or it is delivered or under way');
      return reply.code(202).send({ key, by });
    },
  );
}

function oneOffRoute(app: FastifyInstance, tariffs: Pick<TariffSources, 'store' | 'nowMs'>): void {
  app.post<{ Body: AskedOneOff }>(
    '/v1/billing-items',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Charge a subscriber once, or credit',
        tags: TAGS,
        headers: CHARGE_HEADERS,
        body: ONE_OFF,
        response: answers({ 201: ['BookedItem', 'The item'] }),
      },
    },
    async (request, reply) => {
      const { subscriberId, amount, description, reason } = request.body;
      const context = changeContext(request, tariffs, { reason });
      const changed = await tariffs.store.bookOneOff(subscriberId, amount, description, context);
      answerHeaders(reply, changed);
      return reply.code(201).send(itemView(changed.value));
    },
  );
}

function filterOf({ account, subscriber, type, state, from, to }: Asked): ItemFilter {
  return {
    accountId: account ?? null,
    subscriberId: subscriber ?? null,
    type: type ?? null,
    state: state ?? null,
    fromMs: from === undefined ? null : instantMs(from, 'from'),
    toMs: to === undefined ? null : instantMs(to, 'to'),
  };
}

function deliveredItemView(delivery: InvoiceDelivery): DeliveredItemView {
  const { item, state, detail, attempts, remoteId, createdAtMs, updatedAtMs } = delivery;
  return {
    ...itemView(item),
    ...{ state, detail, attempts, remoteId },
    createdAt: new Date(createdAtMs).toISOString(),
    updatedAt: new Date(updatedAtMs).toISOString(),
  };
}

const CSV_HEAD = [
  ...['key', 'created', 'account', 'subscriber', 'pool', 'type', 'amount_minor', 'currency', 'quantity'],
  ...['tax_class', 'line', 'period_from', 'period_to', 'cycle_start', 'description', 'state', 'remote_id'],
];

function csvFields(delivery: InvoiceDelivery): CsvValue[] {
  const view = deliveredItemView(delivery);
  return [
    ...[view.key, view.createdAt, view.accountId, view.subscriberId, view.poolId, view.type],
    ...[view.amount.amountMinor, view.amount.currency, view.quantity, view.taxClass, view.line],
    ...[view.periodFrom, view.periodTo, view.cycleStart, view.description, view.state],
    view.remoteId,
  ];
}
