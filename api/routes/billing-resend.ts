import type { FastifyInstance } from 'fastify';
import { ITEM_TYPES, RESENDABLE_STATES } from '../../schemas/billing.ts';
import type { ItemType, ResendableState } from '../../schemas/billing.ts';
import type { ResentItemsView } from '../../schemas/billing-views.ts';
import type { ResendFilter } from '../../storage/billing-ports.ts';
import { answers } from '../answers.ts';
import type { BillingSources } from '../billing-sources.ts';
import { INSTANT, instantMs } from '../instant.ts';
import { NAME } from '../names.ts';

/** A million items. */
const TIMEOUT_MS = 600_000;

const WHICH = {
  type: 'object',
  properties: {
    state: { type: 'string', enum: RESENDABLE_STATES, description: 'of the delivery' },
    account: { ...NAME, description: 'of one account' },
    subscriber: { ...NAME, description: 'of one subscriber' },
    type: { type: 'string', enum: ITEM_TYPES },
    from: { ...INSTANT, description: 'made at or after' },
    to: { ...INSTANT, description: 'made before' },
  },
  required: ['state'],
  additionalProperties: false,
} as const;

interface Which {
  state: ResendableState;
  account?: string;
  subscriber?: string;
  type?: ItemType;
  from?: string;
  to?: string;
}

/** `POST /v1/billing-items/resend`: all items of a state. In pieces that stand; asked again it goes on with the rest. */
export function resendAllRoute(
  app: FastifyInstance,
  ledger: Pick<BillingSources['ledger'], 'resendAll'>,
): void {
  app.post<{ Body: Which }>(
    '/v1/billing-items/resend',
    {
      config: { roles: ['billing'] },
      handlerTimeout: TIMEOUT_MS,
      schema: {
        summary: 'Deliver all items again that were rejected, held, given up or are of unknown outcome',
        tags: ['billing items'],
        body: WHICH,
        response: answers({ 200: ['ResentItems', 'How many are on their way'] }),
      },
    },
    async ({ body, apiKey, signal }): Promise<ResentItemsView> => {
      const by = apiKey?.name ?? 'unknown';
      const filter = filterOf(body);
      let [resent, after]: [number, string | null] = [0, null];
      do {
        const piece = await ledger.resendAll(filter, by, after);
        resent += piece.resent;
        after = piece.next;
      } while (after !== null && !signal.aborted);
      return { resent, by };
    },
  );
}

function filterOf({ state, account, subscriber, type, from, to }: Which): ResendFilter {
  return {
    state,
    accountId: account ?? null,
    subscriberId: subscriber ?? null,
    type: type ?? null,
    fromMs: from === undefined ? null : instantMs(from, 'from'),
    toMs: to === undefined ? null : instantMs(to, 'to'),
  };
}
