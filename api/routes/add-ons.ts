import type { FastifyInstance } from 'fastify';
import { addOnFaults } from '../../rules/tariff/lint-terms.ts';
import type { AddOnTerms } from '../../schemas/tariff.ts';
import { answers } from '../answers.ts';
import { answerHeaders, CHANGE_HEADERS, changeContext, params, REASON } from '../change.ts';
import { INSTANT, instantMs } from '../instant.ts';
import type { AskedOctets } from '../money.ts';
import { CURRENCY, MINOR, OCTETS, octetsOf } from '../money.ts';
import { NAME_PATTERN } from '../names.ts';
import { nextVersion, VERSION } from '../plan-terms.ts';
import { addOnVersionView } from '../plan-view.ts';
import { Problem } from '../problem.ts';
import type { TariffSources } from '../tariff-sources.ts';
import { refuseFaults } from './plans.ts';

const TAGS = ['plans'];

const NEW_VERSION = {
  type: 'object',
  properties: {
    version: { ...VERSION, description: 'the one after the newest if not given' },
    name: { type: 'string', maxLength: 256, pattern: NAME_PATTERN },
    currency: CURRENCY,
    feeMinor: MINOR,
    when: { type: 'string', enum: ['advance', 'arrears'] },
    capBytes: { ...OCTETS, description: 'octets on top of the cap, every cycle; 0 = none' },
    prorated: { type: 'boolean', description: 'a part of a cycle gives a part of the bytes' },
    effectiveFrom: { ...INSTANT, description: 'add-ons that are booked at or after it have it' },
    reason: REASON,
  },
  required: ['name', 'currency', 'feeMinor', 'when', 'capBytes', 'prorated', 'effectiveFrom'],
  additionalProperties: false,
} as const;

type AskedVersion = Omit<AddOnTerms, 'addOnId' | 'version' | 'capBytes' | 'effectiveFromMs'> & {
  version?: number;
  capBytes: AskedOctets;
  effectiveFrom: string;
  reason?: string;
};

/** `/v1/add-ons`: bytes on top of a plan's cap, for a fee. */
export function addOnRoutes(app: FastifyInstance, sources: TariffSources): void {
  const { store, reads } = sources;
  app.get<{ Params: { addOnId: string } }>(
    '/v1/add-ons/:addOnId/versions',
    {
      config: { roles: ['viewer', 'analyst', 'product', 'operator', 'billing'] },
      schema: {
        summary: 'Versions of an add-on, the first made first',
        tags: TAGS,
        params: params('addOnId'),
        response: answers({ 200: ['AddOnVersions', 'At least one'] }),
      },
    },
    async ({ params: { addOnId } }) => {
      const versions = await reads.addOnVersions(addOnId);
      if (versions.length === 0) throw new Problem(404, 'not-found', `there is no add-on ${addOnId}`);
      return { versions: versions.map(addOnVersionView) };
    },
  );
  app.post<{ Params: { addOnId: string }; Body: AskedVersion }>(
    '/v1/add-ons/:addOnId/versions',
    {
      config: { roles: ['product'] },
      schema: {
        summary: 'Make a version; the first one makes the add-on',
        tags: TAGS,
        params: params('addOnId'),
        headers: CHANGE_HEADERS,
        body: NEW_VERSION,
        response: answers({ 201: ['AddOnVersion', 'Stored; it never changes'] }),
      },
    },
    async (request, reply) => {
      const { addOnId } = request.params;
      const { version, capBytes, effectiveFrom, reason, ...asked } = request.body;
      const terms: AddOnTerms = {
        ...asked,
        addOnId,
        version: version ?? nextVersion(await reads.addOnVersions(addOnId)),
        capBytes: octetsOf(capBytes, 'capBytes'),
        effectiveFromMs: instantMs(effectiveFrom, 'effectiveFrom'),
      };
      refuseFaults(addOnFaults(terms));
      const changed = await store.putAddOnVersion(terms, changeContext(request, sources, { reason }));
      answerHeaders(reply, changed);
      return reply.code(201).send(addOnVersionView(changed.value));
    },
  );
}
