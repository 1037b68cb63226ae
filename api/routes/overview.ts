import type { FastifyInstance } from 'fastify';
import type { OverviewView } from '../../schemas/views.ts';
import { answers } from '../answers.ts';

/** `/v1/overview`: what is going on, at a glance. */
export function overviewRoutes(app: FastifyInstance, views: { overview(): Promise<OverviewView> }): void {
  app.get(
    '/v1/overview',
    {
      config: { roles: ['viewer', 'analyst', 'product', 'operator', 'billing'] },
      schema: {
        summary: 'Rates, population, lag by partition, actions by state',
        tags: ['usage'],
        response: answers({ 200: ['Overview', 'As of now, of the process that answers'] }),
      },
    },
    async () => views.overview(),
  );
}
