import type { SinkResult } from '../../../storage/ports.ts';
import { ERROR_CAUSE } from './attributes.ts';
import type { CoaReply } from './coa-exchange.ts';

/** Wait before a NAS that is out of resources is asked again, ms. */
const BUSY_MS = 5_000;
/** Wait before a NAS whose port is closed is asked again, ms: it reboots, or CoA was switched off. */
const CLOSED_MS = 10_000;

const OK = 'delivered';
const NO = 'rejected';

/** What each Error-Cause (RFC 5176 section 3.5) means for the action. */
const CAUSES: ReadonlyMap<number, { state: 'delivered' | 'rejected' | 'retry'; means: string }> = new Map([
  [
    ERROR_CAUSE.unsupportedAttribute,
    { state: NO, means: 'unsupported attribute: wrong vendor of this NAS?' },
  ],
  [ERROR_CAUSE.missingAttribute, { state: NO, means: 'missing attribute to identify the session' }],
  [ERROR_CAUSE.nasIdentificationMismatch, { state: NO, means: 'NAS identification mismatch' }],
  [ERROR_CAUSE.invalidRequest, { state: NO, means: 'invalid request' }],
  [ERROR_CAUSE.unsupportedService, { state: NO, means: 'unsupported service' }],
  [ERROR_CAUSE.unsupportedExtension, { state: NO, means: 'CoA is not supported' }],
  [
    ERROR_CAUSE.invalidAttributeValue,
    { state: NO, means: 'invalid attribute value: wrong vendor of this NAS?' },
  ],
  [ERROR_CAUSE.administrativelyProhibited, { state: NO, means: 'administratively prohibited' }],
  [ERROR_CAUSE.requestNotRoutable, { state: 'retry', means: 'a proxy found no way to the NAS' }],
  // The session that was to be throttled is gone, and the next login gets the desired state: nothing is left to do.
  [ERROR_CAUSE.sessionContextNotFound, { state: OK, means: 'session gone' }],
  [ERROR_CAUSE.sessionContextNotRemovable, { state: NO, means: 'session context not removable' }],
  [ERROR_CAUSE.proxyProcessingError, { state: 'retry', means: 'a proxy failed' }],
  [ERROR_CAUSE.resourcesUnavailable, { state: 'retry', means: 'resources unavailable' }],
  [ERROR_CAUSE.requestInitiated, { state: NO, means: 'the NAS wants to authorise anew' }],
  // One session was named, and the NAS still found several: there is nothing narrower to send.
  [ERROR_CAUSE.multipleSessionSelectionUnsupported, { state: NO, means: 'several sessions match' }],
]);

/**
 * A NAS's answer -> what it means for the action. Pure.
 * A NAK without a known cause is an authentic no, hence rejected. What may have arrived but has no answer is unknown.
 */
export function outcomeOfReply(reply: CoaReply): SinkResult {
  switch (reply.kind) {
    case 'ack':
      return { state: 'delivered', detail: 'ACK' };
    case 'nak':
      return outcomeOfNak(reply.errorCause);
    case 'no-answer':
      return { state: 'unknown', detail: `no answer to ${reply.sends} sends` };
    case 'unreachable':
      if (reply.reason === 'bad-address') {
        return { state: 'rejected', detail: 'not-enforceable: the address of the NAS is none' };
      }
      // After a repeat the first datagram may have been taken while the port was open.
      return reply.sends > 1
        ? { state: 'unknown', detail: `${reply.reason} after ${reply.sends} sends` }
        : { state: 'retry', detail: reply.reason, afterMs: CLOSED_MS };
    case 'unsendable':
      return reply.reason === 'overloaded'
        ? { state: 'retry', detail: 'too many requests wait for this NAS', afterMs: BUSY_MS }
        : { state: 'rejected', detail: `cannot be sent: ${reply.reason}` };
    case 'aborted':
      return reply.sends === 0
        ? { state: 'retry', detail: 'stopped before sending', afterMs: 0 }
        : { state: 'unknown', detail: 'stopped before an answer' };
  }
}

function outcomeOfNak(errorCause: number | undefined): SinkResult {
  if (errorCause === undefined) return { state: 'rejected', detail: 'NAK without Error-Cause' };
  const known = CAUSES.get(errorCause);
  const detail = `NAK ${errorCause} ${known?.means ?? 'of unknown meaning'}`;
  if (known?.state === 'retry') return { state: 'retry', detail, afterMs: BUSY_MS };
  return { state: known?.state ?? 'rejected', detail };
}

/** What can still be done decides: as long as one session may yet be reached, the whole is sent again. */
const SEVERITY: Readonly<Record<SinkResult['state'], number>> = {
  delivered: 0,
  rejected: 1,
  unknown: 2,
  retry: 3,
};

/** Results of an action's sessions -> the action's: the worst state, the longest wait, every session's detail. */
export function combineOutcomes(outcomes: readonly { session: string; result: SinkResult }[]): SinkResult {
  const detail = outcomes.map(({ session, result }) => `${session}: ${result.detail}`).join('; ');
  const states = outcomes.map(({ result }) => result.state);
  const worst = states.reduce((a, b) => (SEVERITY[b] > SEVERITY[a] ? b : a), 'delivered');
  if (worst !== 'retry') return { state: worst, detail };
  const waits = outcomes.map(({ result }) => (result.state === 'retry' ? result.afterMs : 0));
  return { state: worst, detail, afterMs: Math.max(...waits) };
}
