import type { FastifyInstance } from 'fastify';
import { encodeControl } from '../../pipeline/decode/control-codec.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import { defaultNasProfile } from '../../schemas/profile.ts';
import type { Directory } from '../../storage/people-ports.ts';
import { answers } from '../answers.ts';
import { NAME, NAME_PATTERN } from '../names.ts';

const TAGS = ['feeds'];

const PARAMS = {
  type: 'object',
  properties: { nasId: { ...NAME, description: 'NAS id; * = all that have no profile of their own' } },
  required: ['nasId'],
  additionalProperties: false,
} as const;

const CLASS = {
  type: 'object',
  properties: {
    match: { ...NAME, description: 'service name, or RADIUS Class' },
    serviceClass: { type: 'string', maxLength: 256, pattern: NAME_PATTERN },
  },
  required: ['match', 'serviceClass'],
  additionalProperties: false,
};

const BODY = {
  type: 'object',
  description: 'what is not said is as for a NAS that nobody described',
  properties: {
    reversed: { type: 'boolean', description: 'Input means download' },
    unit: { enum: ['octets', 'kilobytes'], description: 'of the counters' },
    startToleranceSeconds: { type: 'integer', minimum: 0, maximum: 86_400 },
    gigawords: { type: 'boolean', description: 'false = 32-bit counters that wrap' },
    countersReset: { type: 'boolean', description: 'a restarted counter begins at 0' },
    redundancyGroup: {
      anyOf: [NAME, { type: 'null' }],
      description: 'NAS of one group continue each other’s sessions',
    },
    onOff: { enum: ['close', 'ignore'], description: 'what Accounting-On and -Off do to sessions' },
    interimSeconds: {
      type: ['integer', 'null'],
      minimum: 0,
      maximum: 604_800,
      description: 'null = learned, 0 = it sends no interims',
    },
    subSessions: { enum: ['sum', 'parent', 'children', 'split', 'shared'] },
    ipv6: {
      enum: ['subset', 'additive'],
      description: 'IPv6 counters are part of the octets or come on top',
    },
    classes: { type: 'array', items: CLASS, maxItems: 1000 },
  },
  additionalProperties: false,
} as const;

/** `/v1/nas/profiles`: how the records of each NAS are read. No secret is in any of it. */
export function nasRoutes(
  app: FastifyInstance,
  directory: Pick<Directory, 'putNasProfile' | 'nasProfiles'>,
): void {
  app.get(
    '/v1/nas/profiles',
    {
      config: { roles: ['viewer', 'analyst', 'operator', 'billing'] },
      schema: {
        summary: 'How the records of NAS are read: units, direction, gigawords, sub-sessions, ...',
        tags: TAGS,
        response: answers({ 200: ['NasProfiles', 'By NAS id; a NAS that is not listed is read as *'] }),
      },
    },
    async () => ({ profiles: await directory.nasProfiles() }),
  );
  app.put<{ Params: { nasId: string }; Body: Partial<Omit<NasProfile, 'nasId'>> }>(
    '/v1/nas/profiles/:nasId',
    {
      config: { roles: ['operator'] },
      schema: {
        summary: 'Say how the records of a NAS are read',
        tags: TAGS,
        params: PARAMS,
        body: BODY,
        response: answers({ 200: ['NasProfile', 'Stored; takes effect within seconds, without a restart'] }),
      },
    },
    async ({ params: { nasId }, body }) => {
      const nas = { ...defaultNasProfile(nasId), ...body };
      // What the log's readers would refuse must not get in.
      encodeControl({ kind: 'nas-profile', nas });
      await directory.putNasProfile(nas);
      return nas;
    },
  );
}
