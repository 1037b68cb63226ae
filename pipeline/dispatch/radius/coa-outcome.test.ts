import { describe, expect, it } from 'vitest';
import type { SinkResult } from '../../../storage/ports.ts';
import type { CoaReply } from './coa-exchange.ts';
import { combineOutcomes, outcomeOfReply } from './coa-outcome.ts';

const nak = (errorCause: number | undefined): CoaReply => ({
  kind: 'nak',
  sends: 1,
  errorCause,
  attributes: [],
});

describe('outcomeOfReply', () => {
  it.each<[string, CoaReply, SinkResult['state']]>([
    ['ACK', { kind: 'ack', sends: 1, attributes: [] }, 'delivered'],
    ['401 unsupported attribute', nak(401), 'rejected'],
    ['402 missing attribute', nak(402), 'rejected'],
    ['403 NAS identification mismatch', nak(403), 'rejected'],
    ['404 invalid request', nak(404), 'rejected'],
    ['405 unsupported service', nak(405), 'rejected'],
    ['406 unsupported extension', nak(406), 'rejected'],
    ['407 invalid attribute value', nak(407), 'rejected'],
    ['501 administratively prohibited', nak(501), 'rejected'],
    ['502 not routable', nak(502), 'retry'],
    ['503 session gone: success by absence', nak(503), 'delivered'],
    ['504 not removable', nak(504), 'rejected'],
    ['505 proxy error', nak(505), 'retry'],
    ['506 resources unavailable', nak(506), 'retry'],
    ['507 request initiated', nak(507), 'rejected'],
    ['508 several sessions', nak(508), 'rejected'],
    ['garbage cause', nak(65_535), 'rejected'],
    ['no cause', nak(undefined), 'rejected'],
    ['no answer', { kind: 'no-answer', sends: 5 }, 'unknown'],
    ['closed port at the first send', { kind: 'unreachable', reason: 'port-closed', sends: 1 }, 'retry'],
    ['closed port after a repeat', { kind: 'unreachable', reason: 'port-closed', sends: 2 }, 'unknown'],
    ['no route', { kind: 'unreachable', reason: 'send-failed', sends: 0 }, 'retry'],
    ['no address', { kind: 'unreachable', reason: 'bad-address', sends: 0 }, 'rejected'],
    ['too many waiting', { kind: 'unsendable', reason: 'overloaded' }, 'retry'],
    ['too long a name', { kind: 'unsendable', reason: 'attribute-too-long' }, 'rejected'],
    ['stopped before sending', { kind: 'aborted', sends: 0 }, 'retry'],
    ['stopped after sending', { kind: 'aborted', sends: 2 }, 'unknown'],
  ])('%s', (_name, reply, state) => {
    const result = outcomeOfReply(reply);
    expect(result.state).toBe(state);
    expect(result.detail).not.toBe('');
  });
});

describe('combineOutcomes', () => {
  const delivered: SinkResult = { state: 'delivered', detail: 'ACK' };
  const rejected: SinkResult = { state: 'rejected', detail: 'NAK' };
  const unknown: SinkResult = { state: 'unknown', detail: 'silent' };
  const busy: SinkResult = { state: 'retry', detail: 'busy', afterMs: 5_000 };
  const closed: SinkResult = { state: 'retry', detail: 'closed', afterMs: 10_000 };
  it.each<[SinkResult[], SinkResult['state']]>([
    [[delivered, delivered], 'delivered'],
    [[delivered, rejected], 'rejected'],
    [[rejected, unknown, delivered], 'unknown'],
    [[unknown, busy, rejected], 'retry'],
  ])('%o -> %s, in any order', (results, state) => {
    const outcomes = results.map((result, n) => ({ session: `S-${n}`, result }));
    expect(combineOutcomes(outcomes).state).toBe(state);
    expect(combineOutcomes(outcomes.toReversed()).state).toBe(state);
  });

  it('lists every session and waits for the slowest', () => {
    const outcomes = [busy, delivered, closed].map((result, n) => ({ session: `S-${n}`, result }));
    expect(combineOutcomes(outcomes)).toEqual({
      state: 'retry',
      detail: 'S-0: busy; S-1: ACK; S-2: closed',
      afterMs: 10_000,
    });
  });
});
