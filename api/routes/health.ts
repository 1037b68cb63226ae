import type { FastifyInstance } from 'fastify';
import type { HealthView } from '../../schemas/views.ts';
import { answers } from '../answers.ts';

/** `/healthz`: is it making progress? `/readyz`: may it be given work? Both without a key, for supervisors. */
export function healthRoutes(
  app: FastifyInstance,
  views: { health(): Promise<HealthView>; ready(): Promise<HealthView> },
): void {
  const looks = [
    ['/healthz', 'Whether offsets make progress', () => views.health()],
    ['/readyz', 'Whether this process is up and reaches its servers', () => views.ready()],
  ] as const;
  for (const [url, summary, look] of looks) {
    const response = answers({ 200: ['Health', 'Yes'], 503: ['Health', 'No, and why'] });
    app.get(
      url,
      { config: { roles: 'public' }, schema: { summary, tags: ['health'], response } },
      async (_, reply) => {
        const view = await look();
        return reply
          .code(view.ok ? 200 : 503)
          .header('cache-control', 'no-store')
          .send(view);
      },
    );
  }
}
