import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Speed } from '../schemas/action.ts';
import type { NasAccess } from '../storage/ports.ts';
import { attribute } from '../pipeline/dispatch/radius/attributes.ts';
import { CoaClient } from '../pipeline/dispatch/radius/coa-client.ts';
import type { CoaReply } from '../pipeline/dispatch/radius/coa-exchange.ts';
import { encoderFor } from '../pipeline/dispatch/radius/encoders.ts';
import { CODE } from '../pipeline/dispatch/radius/packet.ts';
import { NO_FAULTS } from './faults.ts';
import { NasFleet } from './nas.ts';
import { createProvider, type Provider } from './provider.ts';
import type { SessionTruth } from './session.ts';

const START = Date.UTC(2026, 2, 10, 17);
const MINUTE = 60_000;
const SLOW: Speed = { downBps: 2_000_000, upBps: 512_000 };
/** Quick repeats, so that a deaf NAS gets several within the test. */
const QUICK = { firstMs: 50, maxMs: 50, maxSends: 20, maxDurationMs: 5_000, jitter: 0 };

let provider: Provider;
let fleet: NasFleet;
let client: CoaClient;

beforeEach(async () => {
  provider = createProvider({ seed: 8, subscribers: 20, nasCount: 2, startMs: START, faults: NO_FAULTS });
  provider.advance(START + 10 * MINUTE);
  fleet = new NasFleet({ provider });
  await fleet.start();
  client = new CoaClient({ retransmission: QUICK });
});

afterEach(async () => {
  client.close();
  await fleet.stop();
});

function accessOf(nasId: string): NasAccess {
  const access = fleet.access().find((each) => each.nasId === nasId);
  if (access === undefined) throw new Error(`no access to ${nasId}`);
  return access;
}

function openSession(nasId: string): SessionTruth {
  const session = provider.truth().find((each) => each.nasId === nasId && each.end === 'open');
  if (session === undefined) throw new Error(`no session on ${nasId}`);
  return session;
}

interface Ask {
  userName?: string;
  sessionId?: string;
  nasId?: string;
  vendor?: string;
  speed?: Speed;
  code?: number;
}

function ask(session: SessionTruth, changes: Ask = {}): Promise<CoaReply> {
  const access = accessOf(session.nasId);
  const { code = CODE.coaRequest } = changes;
  const speed = encoderFor(changes.vendor ?? access.vendor)?.encodeSpeed(changes.speed ?? SLOW) ?? [];
  return client.send({
    address: access.address,
    port: access.coaPort,
    secret: access.secret,
    code,
    requireMessageAuthenticator: true,
    attributes: [
      attribute('User-Name', changes.userName ?? session.userName),
      ...(changes.sessionId === ''
        ? []
        : [attribute('Acct-Session-Id', changes.sessionId ?? session.sessionId)]),
      attribute('NAS-Identifier', changes.nasId ?? session.nasId),
      ...(code === CODE.coaRequest ? speed : []),
    ],
  });
}

describe('NasFleet', () => {
  it.each(['nas-01', 'nas-02'])('changes the speed of a session on %s, in its own dialect', async (nasId) => {
    const session = openSession(nasId);
    expect(await ask(session)).toMatchObject({ kind: 'ack', sends: 1 });
    expect(provider.session(session)?.truth.speed).toEqual(SLOW);
    expect(fleet.receipts).toEqual([
      {
        nasId,
        userName: session.userName,
        sessionId: session.sessionId,
        speed: SLOW,
        atMs: START + 10 * MINUTE,
        errorCause: 0,
      },
    ]);
    const before = openSession(nasId).downBytes;
    provider.advance(START + 20 * MINUTE);
    expect(openSession(nasId).downBytes - before).toBeLessThanOrEqual((SLOW.downBps / 8) * 600);
  });

  it.each<[string, Ask, number]>([
    ['another session id', { sessionId: 'gone' }, 503],
    ['another user', { userName: 'somebody@isp.example' }, 503],
    ['the name of another NAS', { nasId: 'nas-99' }, 403],
    ['no session id', { sessionId: '' }, 402],
    ['the attributes of another make', { vendor: 'wispr' }, 401],
    ['a Disconnect of another session', { code: CODE.disconnectRequest, sessionId: 'gone' }, 503],
  ])('refuses %s and changes nothing', async (_, changes, errorCause) => {
    const session = openSession('nas-01');
    expect(await ask(session, changes)).toMatchObject({ kind: 'nak', errorCause });
    expect(provider.session(session)?.truth.speed).toEqual(session.speed);
    expect(fleet.receipts).toMatchObject([{ errorCause }]);
  });

  it('ends a session on Disconnect', async () => {
    const session = openSession('nas-01');
    expect(await ask(session, { code: CODE.disconnectRequest })).toMatchObject({ kind: 'ack' });
    expect(provider.session(session)).toBeUndefined();
    const stops = provider
      .advance(START + 11 * MINUTE)
      .filter(({ record }) => record.status_type === 'STOP' && record.session_id === session.sessionId);
    expect(stops.map(({ record }) => record.terminate_cause)).toEqual(['Admin-Reset']);
  });

  it('hears nothing while silent, and counts repeats apart', async () => {
    const session = openSession('nas-02');
    fleet.silence('nas-02', true);
    const asked = ask(session);
    await expect.poll(() => fleet.retransmissions, { timeout: 10_000, interval: 10 }).toBeGreaterThan(2);
    client.close();
    expect((await asked).kind).toBe('aborted');
    expect(fleet.receipts).toEqual([]);
    expect(provider.session(session)?.truth.speed).toEqual(session.speed);
  });

  it('says which port is taken, and leaves nothing bound', async () => {
    const taken = accessOf('nas-02').coaPort;
    const other = new NasFleet({ provider });
    await expect(other.start(taken - 1)).rejects.toMatchObject({ code: 'port-in-use' });
    expect(other.access()).toEqual([]);
  });
});
