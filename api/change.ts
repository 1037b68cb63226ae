import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SubscriberRows } from '../schemas/tariff.ts';
import type { SubscriberChangeView } from '../schemas/tariff-views.ts';
import type { ChangeContext, Changed } from '../storage/tariff-ports.ts';
import { IDEMPOTENCY_KEY, idempotencyOf, markReplayed } from './idempotency.ts';
import { sumOf } from './money.ts';
import { NAME, NAME_PATTERN } from './names.ts';
import { IF_MATCH, ifMatch, tagged } from './revision.ts';
import type { TariffSources } from './tariff-sources.ts';
import { itemView, tariffView } from './tariff-view.ts';

/* What all changes of tariffs have in common. */

/** Ids in paths: whatever a body or a file may call something can be asked for. */
export const PATH_ID = NAME;

/** Params of a route by the names of its ids. */
export function params<const Names extends readonly string[]>(...names: Names) {
  const properties = Object.fromEntries(names.map((name) => [name, PATH_ID]));
  return { type: 'object', properties, required: names, additionalProperties: false } as const;
}

/** Why something is done; it stands in the audit. */
export const REASON = {
  type: 'string',
  maxLength: 500,
  pattern: NAME_PATTERN,
  description: 'for the audit',
} as const;

const HEADERS = { 'if-match': IF_MATCH, 'idempotency-key': IDEMPOTENCY_KEY };

/** Headers of a PUT, PATCH or DELETE. */
export const REVISION_HEADERS = { type: 'object', properties: { 'if-match': IF_MATCH } } as const;

/** Headers of a POST that may be sent again, and may name the revision that it was thought out for. */
export const CHANGE_HEADERS = { type: 'object', properties: HEADERS } as const;

/** Headers of a POST that may charge somebody: without a key nobody could send it again. */
export const CHARGE_HEADERS = { ...CHANGE_HEADERS, required: ['idempotency-key'] } as const;

/**
 * Who asks for a change, when, and what they know.
 *
 * @param revision absent = what If-Match says
 * @throws Problem as ifMatch
 */
export function changeContext(
  request: FastifyRequest,
  { nowMs }: Pick<TariffSources, 'nowMs'>,
  { reason = '', ...given }: { reason?: string | undefined; revision?: number | undefined } = {},
): ChangeContext {
  const revision = 'revision' in given ? given.revision : ifMatch(request.headers['if-match']);
  const idempotency = idempotencyOf(request);
  return {
    by: request.apiKey?.name ?? 'unknown',
    ...(request.apiKey === null ? {} : { keyId: request.apiKey.id }),
    atMs: nowMs(),
    reason,
    ...(revision === undefined ? {} : { revision }),
    ...(idempotency === undefined ? {} : { idempotency }),
  };
}

/** Headers of the answer to a change. */
export function answerHeaders(reply: FastifyReply, { revision, replayed }: Changed<unknown>): void {
  tagged(reply, revision);
  markReplayed(reply, replayed);
}

/**
 * What a change of a subscriber did.
 *
 * @param id of the row that it made or ended
 * @param nowMs the log's clock
 */
export function changeView(
  { value, items }: Changed<SubscriberRows>,
  id: string | null,
  nowMs: number,
): SubscriberChangeView {
  return {
    subscriberId: value.subscriberId,
    id,
    items: items.map(itemView),
    sum: sumOf(items),
    tariff: tariffView(value, nowMs),
  };
}
