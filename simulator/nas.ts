import type { Speed } from '../schemas/action.ts';
import type { NasAccess } from '../storage/ports.ts';
import { ERROR_CAUSE, readAttribute } from '../pipeline/dispatch/radius/attributes.ts';
import { CoaServer, type CoaVerdict, type ReceivedCoa } from '../pipeline/dispatch/radius/coa-server.ts';
import { encoderFor } from '../pipeline/dispatch/radius/encoders.ts';
import { CODE } from '../pipeline/dispatch/radius/packet.ts';
import type { SimNas } from './profiles.ts';
import type { Provider } from './provider.ts';

/** A request that a NAS has read, once however often it was repeated on the wire. */
export interface CoaReceipt {
  readonly nasId: string;
  readonly userName: string;
  readonly sessionId: string;
  /** null on a Disconnect and where no speed could be read */
  readonly speed: Speed | null;
  /** model time, ms since 1970 UTC */
  readonly atMs: number;
  /** 0 = acknowledged, else the Error-Cause of the NAK (RFC 5176 3.5) */
  readonly errorCause: number;
}

/** Settings of the NAS. */
export interface NasFleetOptions {
  readonly provider: Provider;
  /** receipts kept, the oldest go first; default 100,000 */
  readonly maxReceipts?: number;
  readonly onFailure?: (error: unknown) => void;
}

/**
 * The NAS of a provider: a UDP listener each, on loopback, which answers CoA and Disconnect (RFC 5176) and changes the
 * session in the model at once. A NAS understands its own make's attributes only: others get NAK 401.
 */
export class NasFleet {
  /** Requests read, oldest first. */
  readonly receipts: CoaReceipt[] = [];
  readonly #options: NasFleetOptions;
  readonly #servers: { nas: SimNas; server: CoaServer; port: number }[] = [];
  readonly #silent = new Set<string>();

  constructor(options: NasFleetOptions) {
    this.#options = options;
  }

  /**
   * Binds all listeners. `basePort` 0 = free ports, else NAS i gets basePort + i. Throws 'port-in-use' and leaves
   * nothing bound.
   */
  async start(basePort = 0): Promise<void> {
    try {
      for (const nas of this.#options.provider.nas) {
        const { onFailure } = this.#options;
        const server = new CoaServer({
          secret: secretOf(this.#options.provider, nas),
          handle: (request) => this.#answer(nas, request),
          ...(onFailure === undefined ? {} : { onFailure }),
        });
        const { port } = await server.listen(basePort === 0 ? 0 : basePort + nas.index);
        this.#servers.push({ nas, server, port });
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** How to reach each NAS; empty before start. */
  access(): NasAccess[] {
    return this.#servers.map(({ nas, port }) => ({
      nasId: nas.profile.nasId,
      address: '127.0.0.1',
      coaPort: port,
      secret: secretOf(this.#options.provider, nas),
      vendor: nas.vendor,
    }));
  }

  /** Requests that came again on the wire and were not handled again. */
  get retransmissions(): number {
    return this.#servers.reduce((sum, { server }) => sum + server.counters.duplicates, 0);
  }

  /** Makes a NAS deaf (no answer, nothing changes) or able to hear again; for tests of timeouts. */
  silence(nasId: string, silent: boolean): void {
    if (silent) this.#silent.add(nasId);
    else this.#silent.delete(nasId);
  }

  /** Closes all listeners. Idempotent. */
  async stop(): Promise<void> {
    const servers = this.#servers.splice(0);
    await Promise.all(servers.map(({ server }) => server.close()));
  }

  #answer(nas: SimNas, request: ReceivedCoa): CoaVerdict {
    const { nasId } = nas.profile;
    if (this.#silent.has(nasId)) return { kind: 'silent' };
    const { attributes } = request;
    const name = {
      nasId,
      userName: readAttribute(attributes, 'User-Name') ?? '',
      sessionId: readAttribute(attributes, 'Acct-Session-Id') ?? '',
    };
    const speed =
      request.code === CODE.coaRequest ? encoderFor(nas.vendor)?.decodeSpeed(attributes) : undefined;
    const errorCause = this.#carryOut(name, readAttribute(attributes, 'NAS-Identifier'), request.code, speed);
    this.#note({ ...name, speed: speed ?? null, atMs: this.#options.provider.nowMs, errorCause });
    return errorCause === 0 ? { kind: 'ack' } : { kind: 'nak', errorCause };
  }

  /** Returns the Error-Cause, 0 when done. */
  #carryOut(
    name: { nasId: string; userName: string; sessionId: string },
    asked: string | undefined,
    code: number,
    speed: Speed | undefined,
  ): number {
    const { provider } = this.#options;
    if (asked !== undefined && asked !== name.nasId) return ERROR_CAUSE.nasIdentificationMismatch;
    if (name.userName === '' || name.sessionId === '') return ERROR_CAUSE.missingAttribute;
    if (code === CODE.disconnectRequest) {
      return provider.disconnect(name) ? 0 : ERROR_CAUSE.sessionContextNotFound;
    }
    if (speed === undefined) return ERROR_CAUSE.unsupportedAttribute;
    return provider.setSpeed(name, speed) ? 0 : ERROR_CAUSE.sessionContextNotFound;
  }

  #note(receipt: CoaReceipt): void {
    this.receipts.push(receipt);
    if (this.receipts.length > (this.#options.maxReceipts ?? 100_000)) this.receipts.shift();
  }
}

/** Derived, so that it survives a restart without being stored; it guards a listener on loopback that simulates a NAS. */
function secretOf(provider: Provider, nas: SimNas): string {
  return `simulated-${provider.options.seed}-${nas.profile.nasId}`;
}
