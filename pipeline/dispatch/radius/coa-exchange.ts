import type { RadiusAttribute } from './packet.ts';
import type { AuthenticityFault } from './authenticator.ts';

/** What goes to one NAS. */
export interface CoaRequest {
  /** IPv4 or IPv6 literal; names are not looked up. */
  readonly address: string;
  /** UDP port, 3799 by RFC 5176 (1700 on older equipment). */
  readonly port: number;
  readonly secret: Buffer | string;
  /** CODE.coaRequest, CODE.disconnectRequest or CODE.statusServer. */
  readonly code: number;
  /** Without Message-Authenticator. Event-Timestamp is added when missing. */
  readonly attributes: readonly RadiusAttribute[];
  /** Ignore answers without Message-Authenticator. Default false: much equipment and FreeRADIUS 3.2.1 send none. */
  readonly requireMessageAuthenticator?: boolean;
}

/**
 * What became of a request.
 * - `ack`, `nak`: an authentic answer. A NAK may name no Error-Cause, or garbage: then errorCause is undefined.
 * - `no-answer`: all sends used up. It may have been applied.
 * - `unreachable`: the port is closed, there is no route, or the address is none. With sends = 0 nothing left; else
 *   an earlier send may have arrived, as with no-answer.
 * - `unsendable`: nothing was sent: the packet cannot be built, or too many wait for this NAS already.
 * - `aborted`: the signal or close() ended it. With sends > 0 it may have been applied.
 */
export type CoaReply =
  | { readonly kind: 'ack'; readonly sends: number; readonly attributes: readonly RadiusAttribute[] }
  | {
      readonly kind: 'nak';
      readonly sends: number;
      readonly errorCause: number | undefined;
      readonly attributes: readonly RadiusAttribute[];
    }
  | { readonly kind: 'no-answer'; readonly sends: number }
  | { readonly kind: 'unreachable'; readonly reason: UnreachableReason; readonly sends: number }
  | { readonly kind: 'unsendable'; readonly reason: AuthenticityFault | 'overloaded' | 'bad-code' }
  | { readonly kind: 'aborted'; readonly sends: number };

/** Why a NAS is unreachable: `send-failed` is what the operating system said at send (no route, no permission). */
export type UnreachableReason = 'bad-address' | 'port-closed' | 'send-failed';

/** Totals since start. */
export interface CoaCounters {
  /** Datagrams out, repeats included. */
  sends: number;
  retransmissions: number;
  acks: number;
  naks: number;
  noAnswers: number;
  unreachable: number;
  /** Datagrams from another address or port than the NAS's: often a NAS that answers from another interface. */
  wrongAddress: number;
  /** No valid packet. */
  malformed: number;
  /** Not signed with the secret, or for another request. */
  wrongAuthenticator: number;
  /** Authentic but with a code that is no answer to this request. */
  wrongCode: number;
  /** Nothing waits for this identifier: a duplicate, or later than the last wait. */
  unmatched: number;
}

/** Counters at zero. */
export function emptyCounters(): CoaCounters {
  return {
    sends: 0,
    retransmissions: 0,
    acks: 0,
    naks: 0,
    noAnswers: 0,
    unreachable: 0,
    wrongAddress: 0,
    malformed: 0,
    wrongAuthenticator: 0,
    wrongCode: 0,
    unmatched: 0,
  };
}
