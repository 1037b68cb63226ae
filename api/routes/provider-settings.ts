import type { FastifyInstance } from 'fastify';
import type { ProviderSettings } from '../../schemas/provider.ts';
import type { ProviderSettingsView } from '../../schemas/policy-views.ts';
import type { Authorship } from '../../storage/policy-ports.ts';
import { answers } from '../answers.ts';
import { authorOf, GIVE_UP_MS } from './policies.ts';
import { bounded } from './policy-bounds.ts';

/** What the API shows and sets of the provider. May throw AppErrors as `ApiViews`. */
export interface SettingsViews {
  settings(): Promise<ProviderSettingsView>;
  putSettings(
    settings: ProviderSettings,
    author: Authorship,
    signal?: AbortSignal,
  ): Promise<ProviderSettingsView>;
}

const TAGS = ['policies'];
const BODY_LIMIT_BYTES = 262_144;

/** `/v1/provider-settings`: off-peak calendar, profiles and top-ups that policies refer to. */
export function settingsRoutes(app: FastifyInstance, views: SettingsViews): void {
  app.get(
    '/v1/provider-settings',
    {
      config: { roles: ['viewer', 'analyst', 'product', 'operator'] },
      schema: {
        summary: 'Off-peak calendar, throttle and redirect profiles, top-ups, neutrality',
        tags: TAGS,
        response: answers({ 200: ['ProviderSettings', 'Those in force'] }),
      },
    },
    async () => views.settings(),
  );
  app.put<{ Body: { settings: ProviderSettings; comment?: string } }>(
    '/v1/provider-settings',
    {
      config: { roles: ['product'] },
      bodyLimit: BODY_LIMIT_BYTES,
      schema: {
        summary: 'Set them, all at once',
        tags: TAGS,
        body: {
          type: 'object',
          properties: {
            settings: { type: 'object', description: 'as provider.json of the policies folder' },
            comment: { type: 'string', maxLength: 1000 },
          },
          required: ['settings'],
          additionalProperties: false,
        },
        response: answers({
          200: ['ProviderSettings', 'Durable; in force as each partition’s log comes to it'],
        }),
      },
    },
    (request, reply) =>
      bounded(reply, GIVE_UP_MS, async (signal) =>
        views.putSettings(request.body.settings, authorOf(request, request.body.comment), signal),
      ),
  );
}
