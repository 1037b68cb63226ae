import type { FastifyInstance } from 'fastify';
import type { SubscriberView } from '../../schemas/views.ts';
import { answers } from '../answers.ts';
import { Problem } from '../problem.ts';

const PARAMS = {
  type: 'object',
  properties: { id: { type: 'string', minLength: 1, maxLength: 128, description: 'subscriber id' } },
  required: ['id'],
  additionalProperties: false,
} as const;

/** `/v1/subscribers/:id`. It holds a person's name and address: roles that work with persons, not product or feed. */
export function subscriberRoutes(
  app: FastifyInstance,
  views: { subscriber(id: string): Promise<SubscriberView | null> },
): void {
  app.get<{ Params: { id: string } }>(
    '/v1/subscribers/:id',
    {
      config: { roles: ['viewer', 'analyst', 'operator', 'billing'] },
      schema: {
        summary: 'Usage of the cycle and of the last hour, sessions, effective speed and why, actions',
        tags: ['usage'],
        params: PARAMS,
        response: answers({ 200: ['Subscriber', 'As of the last commit'] }),
      },
    },
    async ({ params }) => {
      const view = await views.subscriber(params.id);
      if (view === null) throw new Problem(404, 'not-found', 'nothing is known of this subscriber');
      return view;
    },
  );
}
