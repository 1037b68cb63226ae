import type { Speed } from '../../schemas/action.ts';
import { readAttribute } from '../../pipeline/dispatch/radius/attributes.ts';
import { CoaServer } from '../../pipeline/dispatch/radius/coa-server.ts';
import type { CoaVerdict, ReceivedCoa } from '../../pipeline/dispatch/radius/coa-server.ts';
import { encoderFor } from '../../pipeline/dispatch/radius/encoders.ts';
import type { SimNas } from '../../simulator/profiles.ts';
import type { NasAccess } from '../../storage/ports.ts';

/** A request that a NAS carried out. */
export interface CoaEffect {
  nasId: string;
  userName: string;
  sessionId: string;
  speed: Speed;
  /** when it was carried out, ms since 1970 UTC */
  atMs: number;
}

/**
 * NAS that carry out every CoA and write it down. A repeat on the wire (same packet) is no second effect and is counted
 * apart; so is a request that sets the speed that the session has already.
 */
export class NasRecorder {
  /** in order of arrival */
  readonly effects: CoaEffect[] = [];
  /** requests for what was so already */
  repeats = 0;
  readonly failures: unknown[] = [];
  readonly #speeds = new Map<string, string>();
  readonly #servers: CoaServer[] = [];

  /** Starts a listener a NAS on loopback. */
  async start(nas: readonly SimNas[]): Promise<NasAccess[]> {
    const accesses: NasAccess[] = [];
    for (const { profile, vendor } of nas) {
      const secret = `flow-${profile.nasId}`;
      const server = new CoaServer({
        secret,
        handle: (request) => this.#carryOut(profile.nasId, vendor, request),
        onFailure: (error) => this.failures.push(error),
      });
      const { address, port } = await server.listen();
      this.#servers.push(server);
      accesses.push({ nasId: profile.nasId, address, coaPort: port, secret, vendor });
    }
    return accesses;
  }

  /** The same packets again. */
  get retransmissions(): number {
    return this.#servers.reduce((sum, { counters }) => sum + counters.duplicates, 0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  #carryOut(nasId: string, vendor: SimNas['vendor'], { attributes }: ReceivedCoa): CoaVerdict {
    const userName = readAttribute(attributes, 'User-Name') ?? '';
    const sessionId = readAttribute(attributes, 'Acct-Session-Id') ?? '';
    const speed = encoderFor(vendor)?.decodeSpeed(attributes);
    if (userName === '' || sessionId === '' || speed === undefined) {
      this.failures.push(new Error(`${nasId} cannot read a request for ${userName}/${sessionId}`));
      return { kind: 'nak', errorCause: 402 };
    }
    const session = `${nasId} ${userName} ${sessionId}`;
    const wanted = JSON.stringify(speed);
    if (this.#speeds.get(session) === wanted) this.repeats += 1;
    else this.effects.push({ nasId, userName, sessionId, speed, atMs: Date.now() });
    this.#speeds.set(session, wanted);
    return { kind: 'ack' };
  }
}
