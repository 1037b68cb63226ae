import type { FastifyInstance, FastifyReply } from 'fastify';
import type { BoughtTopUp } from '../../schemas/tariff.ts';
import type { TopUpChangeView } from '../../schemas/tariff-views.ts';
import type { ChangeContext, Changed } from '../../storage/tariff-ports.ts';
import type { StoredTopUp } from '../../storage/tariff-transaction.ts';
import { answers } from '../answers.ts';
import { answerHeaders, changeContext, CHARGE_HEADERS, params, REVISION_HEADERS } from '../change.ts';
import { sumOf } from '../money.ts';
import { Problem } from '../problem.ts';
import type { AskedTopUp } from '../subscriber-changes.ts';
import { buyTopUp, TOP_UP } from '../subscriber-changes.ts';
import type { TariffSources } from '../tariff-sources.ts';
import { itemView, topUpView } from '../tariff-view.ts';
import { storedSubscriber } from './subscribers.ts';

const MAY_CHANGE = { roles: ['operator', 'billing'] } as const;
const TAGS = ['subscribers'];

/** What is bought on top of a plan: bytes, a speed for a time, or a time without a limit. */
export function topUpRoutes(app: FastifyInstance, sources: TariffSources): void {
  app.get<{ Params: { id: string } }>(
    '/v1/subscribers/:id/top-ups',
    {
      config: { roles: ['viewer', 'analyst', 'operator', 'billing'] },
      schema: {
        summary: 'Top-ups of a subscriber, used up and expired ones too',
        tags: TAGS,
        params: params('id'),
        response: answers({ 200: ['TopUps', 'As they are stored'] }),
      },
    },
    async ({ params: { id } }) => ({
      topUps: (await storedSubscriber(sources, id)).topUps.map(topUpView),
    }),
  );
  app.post<{ Params: { id: string }; Body: AskedTopUp }>(
    '/v1/subscribers/:id/top-ups',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Buy a top-up; it is charged at once',
        tags: TAGS,
        params: params('id'),
        headers: CHARGE_HEADERS,
        body: TOP_UP,
        response: answers({ 201: ['TopUpChange', 'In force as the log comes to it, within a second'] }),
      },
    },
    async (request, reply) => {
      const rows = await storedSubscriber(sources, request.params.id);
      const context = changeContext(request, sources, request.body);
      const changed = await buyTopUp(sources, rows, request.body, context);
      return topUpAnswer(reply.code(201), changed);
    },
  );
  app.delete<{ Params: { id: string; topUpId: string } }>(
    '/v1/subscribers/:id/top-ups/:topUpId',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Take a top-up back; it is credited where it has not begun, or none of its bytes were used',
        tags: TAGS,
        params: params('id', 'topUpId'),
        headers: REVISION_HEADERS,
        response: answers({ 200: ['TopUpChange', 'As it is now'] }),
      },
    },
    async (request, reply) => {
      const { id, topUpId } = request.params;
      refuseOthers((await storedSubscriber(sources, id)).topUps, topUpId);
      const context = changeContext(request, sources);
      return topUpAnswer(reply, await takeBack(sources, { subscriberId: id }, topUpId, context));
    },
  );
}

/** @throws Problem 404 */
export function refuseOthers(topUps: readonly { id: string }[], topUpId: string): void {
  if (topUps.some(({ id }) => id === topUpId)) return;
  throw new Problem(404, 'not-found', 'there is no such top-up of this subscriber or pool');
}

/**
 * Ends a top-up, and credits it where the last commit had used nothing of it. What is used between that and the change is not
 * seen: a second or two of bytes at most.
 */
export async function takeBack(
  { store, topUpUse }: TariffSources,
  owner: StoredTopUp['owner'],
  topUpId: string,
  context: ChangeContext,
): Promise<Changed<BoughtTopUp>> {
  return store.cancelTopUp(topUpId, context, (await topUpUse(owner, topUpId)) === 0);
}

/** Answers a purchase, or its end. */
export function topUpAnswer(reply: FastifyReply, changed: Changed<BoughtTopUp>): TopUpChangeView {
  answerHeaders(reply, changed);
  const { value, items } = changed;
  return { topUp: topUpView(value), items: items.map(itemView), sum: sumOf(items) };
}
