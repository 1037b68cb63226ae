import type { FastifyInstance } from 'fastify';
import { encodeControl } from '../../pipeline/decode/control-codec.ts';
import type { FeedsQuery } from '../../pipeline/views/feeds.ts';
import type { FeedProfileView, FeedsView } from '../../schemas/feed-views.ts';
import type { FeedProfile } from '../../schemas/profile.ts';
import type { Directory } from '../../storage/people-ports.ts';
import { answers } from '../answers.ts';
import { INSTANT, instantMs } from '../instant.ts';
import { NAME_PATTERN } from '../names.ts';

/** No person is named in any of it. */
const MAY_LOOK = { roles: ['viewer', 'analyst', 'product', 'operator', 'billing'] } as const;
const MAY_CHANGE = { roles: ['operator'] } as const;
const TAGS = ['feeds'];

const QUERY = {
  type: 'object',
  properties: {
    from: { ...INSTANT, description: 'hours from this one on; a day before `to` if not given' },
    to: { ...INSTANT, description: 'hours that begin before; now if not given' },
    nas: { type: 'string', minLength: 1, maxLength: 256, description: 'id of one NAS' },
  },
  additionalProperties: false,
} as const;

const PARAMS = {
  type: 'object',
  properties: {
    feedId: {
      type: 'string',
      maxLength: 256,
      pattern: NAME_PATTERN,
      description: 'feed_id of its records; nothing = of records without one',
    },
  },
  required: ['feedId'],
  additionalProperties: false,
} as const;

const BODY = {
  type: 'object',
  properties: {
    countFrom: {
      anyOf: [INSTANT, { type: 'null' }],
      description:
        'sessions that began before and are not known are not charged for what they carried before their first ' +
        'record; null = everything is charged',
    },
  },
  required: ['countFrom'],
  additionalProperties: false,
} as const;

/** What the routes of feeds use. */
export interface FeedSources {
  feeds(query: FeedsQuery): Promise<FeedsView>;
  directory: Pick<Directory, 'putFeed' | 'feeds'>;
}

/** `/v1/feeds`: how good the records of each NAS are, and from when on a feed counts. */
export function feedRoutes(app: FastifyInstance, { feeds, directory }: FeedSources): void {
  app.get<{ Querystring: { from?: string; to?: string; nas?: string } }>(
    '/v1/feeds',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'Feed quality by NAS and hour: outcomes, flags, missing Stops, clock skew, interim interval',
        tags: TAGS,
        querystring: QUERY,
        response: answers({ 200: ['Feeds', 'As of the last rows that analytics has'] }),
      },
    },
    async ({ query: { from, to, nas } }) =>
      feeds({
        fromMs: from === undefined ? null : instantMs(from, 'from'),
        toMs: to === undefined ? null : instantMs(to, 'to'),
        nasId: nas ?? null,
      }),
  );
  app.get(
    '/v1/feeds/profiles',
    {
      config: MAY_LOOK,
      schema: {
        summary: 'Feeds that do not charge everything',
        tags: TAGS,
        response: answers({ 200: ['FeedProfiles', 'By feed id'] }),
      },
    },
    async () => ({ profiles: (await directory.feeds()).map(profileView) }),
  );
  app.put<{ Params: { feedId: string }; Body: { countFrom: string | null } }>(
    '/v1/feeds/:feedId',
    {
      config: MAY_CHANGE,
      schema: {
        summary: 'Say from when on the sessions of a feed count; for a network that is running already',
        tags: TAGS,
        params: PARAMS,
        body: BODY,
        response: answers({ 200: ['FeedProfile', 'Stored; takes effect within seconds, without a restart'] }),
      },
    },
    async ({ params: { feedId }, body: { countFrom } }) => {
      const feed = { feedId, countFromMs: countFrom === null ? null : instantMs(countFrom, 'countFrom') };
      // What the log's readers would refuse must not get in.
      encodeControl({ kind: 'feed-profile', feed });
      await directory.putFeed(feed);
      return profileView(feed);
    },
  );
}

function profileView({ feedId, countFromMs }: FeedProfile): FeedProfileView {
  return { feedId, countFrom: countFromMs === null ? null : new Date(countFromMs).toISOString() };
}
