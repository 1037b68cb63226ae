import { isIPv4, isIPv6 } from 'node:net';
import type { ActionIntent, ActionSession } from '../../../schemas/action.ts';
import type { ActionSink, NasAccess, NasInventory, SinkResult } from '../../../storage/ports.ts';
import { encodeAttributes, type NamedAttribute } from './attributes.ts';
import { combineOutcomes, outcomeOfReply } from './coa-outcome.ts';
import type { CoaReply, CoaRequest } from './coa-exchange.ts';
import { encoderFor } from './encoders.ts';
import { CODE, type RadiusAttribute } from './packet.ts';

/** Most CoA of one action in flight at once. */
const SESSIONS_AT_ONCE = 16;

/** What the sink needs of a CoaClient. */
export interface CoaSender {
  send(request: CoaRequest, signal?: AbortSignal): Promise<CoaReply>;
  close(): void;
}

/** What a sink is made of. */
export interface RadiusSinkParts {
  inventory: NasInventory;
  /** owned by the sink: closed with it */
  client: CoaSender;
  /** for metrics and for an alarm per NAS: 401 and 407 mean that its vendor is wrong */
  onReply?: (nasId: string, reply: CoaReply) => void;
}

type Request = { ok: true; request: CoaRequest } | { ok: false; reason: string };

/**
 * Sets the desired speed of a subscriber's sessions by CoA, one request a session (RFC 5176: a request is atomic over
 * all sessions that match, and a NAS may refuse several). Absolute, so it may be repeated. Throws only when the
 * inventory cannot be asked.
 */
export class RadiusSink implements ActionSink {
  readonly name = 'radius';
  readonly #parts: RadiusSinkParts;

  constructor(parts: RadiusSinkParts) {
    this.#parts = parts;
  }

  async send(intent: ActionIntent, signal: AbortSignal): Promise<SinkResult> {
    if (intent.sessions.length === 0) return { state: 'delivered', detail: 'no open session' };
    // All of them first: an inventory that fails half-way must not leave half of the sessions told.
    const accesses = await Promise.all(
      intent.sessions.map(({ nasId }) => this.#parts.inventory.access(nasId)),
    );
    const outcomes: { session: string; result: SinkResult }[] = [];
    for (let at = 0; at < intent.sessions.length; at += SESSIONS_AT_ONCE) {
      const some = intent.sessions.slice(at, at + SESSIONS_AT_ONCE).map(async (session, index) => ({
        session: `${session.nasId}/${session.sessionId}`,
        result: await this.#tell(intent, session, accesses[at + index] ?? null, signal),
      }));
      outcomes.push(...(await Promise.all(some)));
    }
    return combineOutcomes(outcomes);
  }

  close(): Promise<void> {
    this.#parts.client.close();
    return Promise.resolve();
  }

  async #tell(
    intent: ActionIntent,
    session: ActionSession,
    access: NasAccess | null,
    signal: AbortSignal,
  ): Promise<SinkResult> {
    if (access === null) return notEnforceable('the NAS is not in the inventory');
    if (access.secret === '') return notEnforceable('the NAS has no secret');
    const built = coaRequest(intent, session, access);
    if (!built.ok) return notEnforceable(built.reason);
    const reply = await this.#parts.client.send(built.request, signal);
    this.#parts.onReply?.(session.nasId, reply);
    return outcomeOfReply(reply);
  }
}

function notEnforceable(reason: string): SinkResult {
  return { state: 'rejected', detail: `not-enforceable: ${reason}` };
}

/**
 * The request for one session, or why there is none: a Disconnect for who is blocked, on hold or comes back from a
 * redirection, else a CoA with the speed, and with the name of a redirection as Filter-Id. Event-Timestamp is the client's to add.
 */
export function coaRequest(intent: ActionIntent, session: ActionSession, access: NasAccess): Request {
  const encoder = encoderFor(access.vendor);
  if (encoder === undefined) return { ok: false, reason: `no encoder is called ${access.vendor}` };
  if (intent.userName === '' && session.sessionId === '') {
    // The NAS would take it for all of its sessions.
    return { ok: false, reason: 'neither user nor session is known' };
  }
  const identity = encodeAttributes(identityOf(intent, session, access));
  if (!identity.ok) return { ok: false, reason: `${identity.name} cannot be written` };
  const { address, coaPort: port, secret } = access;
  const { desired } = intent;
  // A CoA changes only what it names (RFC 5176 3.2): no speed takes a line off the page that a filter sends it to.
  const isCutOff = desired.state === 'block' || desired.state === 'hold';
  if (isCutOff || (intent.leaves === 'redirect' && desired.state !== 'redirect')) {
    const code = CODE.disconnectRequest;
    return { ok: true, request: { address, port, secret, code, attributes: identity.attributes } };
  }
  const filter = encodeAttributes(desired.state === 'redirect' ? [['Filter-Id', desired.profile ?? '']] : []);
  if (!filter.ok) return { ok: false, reason: `${filter.name} cannot be written` };
  let speed: RadiusAttribute[];
  try {
    speed = encoder.encodeSpeed(desired);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { ok: false, reason: error.message };
  }
  const attributes = [...identity.attributes, ...speed, ...filter.attributes];
  return { ok: true, request: { address, port, secret, code: CODE.coaRequest, attributes } };
}

/** User, session and NAS. An empty text would match anything or nothing, so it is left out. */
function identityOf(intent: ActionIntent, session: ActionSession, access: NasAccess): NamedAttribute[] {
  const named: NamedAttribute[] = [nasOf(session)];
  if (intent.userName !== '') named.push(['User-Name', intent.userName]);
  if (session.sessionId !== '') named.push(['Acct-Session-Id', session.sessionId]);
  // RouterOS finds PPP and hotspot sessions by address; others need it not, and some refuse what they do not expect.
  if (access.vendor === 'mikrotik' && session.framedIp !== null && isIPv4(session.framedIp)) {
    named.push(['Framed-IP-Address', session.framedIp]);
  }
  return named;
}

/** As the NAS named itself in its records: one name only, since a NAS behind NAT refuses a foreign address with 403. */
function nasOf(session: ActionSession): NamedAttribute {
  if (isIPv4(session.nasId)) return ['NAS-IP-Address', session.nasId];
  if (isIPv6(session.nasId)) return ['NAS-IPv6-Address', session.nasId];
  return ['NAS-Identifier', session.nasId];
}
