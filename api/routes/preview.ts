import type { FastifyInstance } from 'fastify';
import type { CycleStanding } from '../../pipeline/views/cycle-standing.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import type { SubscriberRows } from '../../schemas/tariff.ts';
import type { PreviewView } from '../../schemas/tariff-views.ts';
import type { ChangeContext } from '../../storage/tariff-ports.ts';
import { answers } from '../answers.ts';
import { changeContext, params } from '../change.ts';
import { IDEMPOTENCY_KEY } from '../idempotency.ts';
import { sumOf } from '../money.ts';
import type {
  AskedAddOn,
  AskedAssignment,
  AskedHold,
  AskedTermination,
  AskedTopUp,
} from '../subscriber-changes.ts';
import {
  ADD_ON,
  assign,
  ASSIGNMENT,
  bookAddOn,
  buyTopUp,
  HOLD,
  hold,
  terminate,
  TERMINATION,
  TOP_UP,
} from '../subscriber-changes.ts';
import type { TariffSources } from '../tariff-sources.ts';
import { cycleOf, itemView, spanView } from '../tariff-view.ts';
import { storedSubscriber } from './subscribers.ts';

type Asked =
  | { kind: 'assignment'; change: AskedAssignment }
  | { kind: 'termination'; change: AskedTermination }
  | { kind: 'hold'; change: AskedHold }
  | { kind: 'add-on'; change: AskedAddOn }
  | { kind: 'top-up'; change: AskedTopUp };

const BODY = {
  type: 'object',
  discriminator: { propertyName: 'kind' },
  required: ['kind'],
  oneOf: [
    form('assignment', ASSIGNMENT),
    form('termination', TERMINATION),
    form('hold', HOLD),
    form('add-on', ADD_ON),
    form('top-up', TOP_UP),
  ],
} as const;

function form(kind: Asked['kind'], change: object) {
  return { properties: { kind: { const: kind }, change }, required: ['change'], additionalProperties: false };
}

/** `POST /v1/subscribers/:id/preview`: a change as it would be made, done and taken back. */
export function previewRoute(app: FastifyInstance, sources: TariffSources): void {
  app.post<{ Params: { id: string }; Body: Asked }>(
    '/v1/subscribers/:id/preview',
    {
      config: { roles: ['viewer', 'analyst', 'operator', 'billing'] },
      schema: {
        summary: 'What a change would charge and credit, and what the cycle could carry; nothing is stored',
        tags: ['subscribers'],
        params: params('id'),
        headers: {
          type: 'object',
          properties: {
            'idempotency-key': { ...IDEMPOTENCY_KEY, description: 'without effect: nothing is done' },
          },
        },
        body: BODY,
        response: answers({ 200: ['Preview', 'By the same transaction as the change, taken back'] }),
      },
    },
    async (request) => {
      const rows = await storedSubscriber(sources, request.params.id);
      // Without a key: a preview that answered a later request would have to have happened.
      const { idempotency: _, ...context } = changeContext(request, sources);
      const { items, after } = await tried(sources, rows, request.body, { ...context, dryRun: true });
      return previewView(items, await sources.standing(after), cycleOf(rows, context.atMs));
    },
  );
}

async function tried(
  sources: TariffSources,
  rows: SubscriberRows,
  asked: Asked,
  context: ChangeContext,
): Promise<{ items: BillingItem[]; after: SubscriberRows }> {
  if (asked.kind === 'top-up') {
    const { value, items } = await buyTopUp(sources, rows, asked.change, context);
    return { items, after: { ...rows, asOfMs: context.atMs, topUps: [...rows.topUps, value] } };
  }
  const { items, value } = await triedRows(sources, rows.subscriberId, asked, context);
  return { items, after: value };
}

async function triedRows(
  sources: TariffSources,
  id: string,
  asked: Exclude<Asked, { kind: 'top-up' }>,
  context: ChangeContext,
) {
  switch (asked.kind) {
    case 'assignment':
      return (await assign(sources, id, asked.change, context)).changed;
    case 'termination':
      return terminate(sources, id, asked.change, context);
    case 'hold':
      return (await hold(sources, id, asked.change, context)).changed;
    case 'add-on':
      return (await bookAddOn(sources, id, asked.change, context)).changed;
  }
}

function previewView(
  items: readonly BillingItem[],
  standing: { before: CycleStanding; after: CycleStanding } | null,
  cycle: { startMs: number; endMs: number },
): PreviewView {
  return {
    items: items.map(itemView),
    sum: sumOf(items),
    allowance: {
      before: octets(standing?.before.allowanceBytes),
      after: octets(standing?.after.allowanceBytes),
    },
    countedBytes: {
      before: octets(standing?.before.countedBytes),
      after: octets(standing?.after.countedBytes),
    },
    cycle: spanView(cycle),
  };
}

function octets(bytes: number | null | undefined): string | null {
  return bytes === null || bytes === undefined ? null : String(bytes);
}
