import { expect, it } from 'vitest';
import type { ActionIntent, ActionSession } from '../../../schemas/action.ts';
import { AppError } from '../../../schemas/errors.ts';
import { anIntent } from '../../../storage/action-factory.contract.ts';
import type { NasAccess } from '../../../storage/ports.ts';
import { readAttribute, type AttributeName } from './attributes.ts';
import type { CoaReply, CoaRequest } from './coa-exchange.ts';
import { decodeSpeed } from './encoders.ts';
import { CODE } from './packet.ts';
import { RadiusSink } from './radius-sink.ts';

const SIGNAL = new AbortController().signal;
const ACK: CoaReply = { kind: 'ack', sends: 1, attributes: [] };

const session = (over: Partial<ActionSession> = {}): ActionSession => ({
  nasId: 'nas-1',
  nasIp: '192.0.2.1',
  sessionId: 'S-1',
  framedIp: '198.51.100.7',
  ...over,
});

const nas = (over: Partial<NasAccess> = {}): NasAccess => ({
  nasId: 'nas-1',
  address: '192.0.2.1',
  coaPort: 3799,
  secret: 'testing123',
  vendor: 'mikrotik',
  ...over,
});

/** A sink over a NAS table and a network that answers as told. */
function sinkOver(nases: NasAccess[], answer: (request: CoaRequest) => CoaReply = () => ACK) {
  const requests: CoaRequest[] = [];
  const replies: string[] = [];
  let closed = false;
  const sink = new RadiusSink({
    inventory: { access: (nasId) => Promise.resolve(nases.find((one) => one.nasId === nasId) ?? null) },
    client: {
      send(request) {
        requests.push(request);
        return Promise.resolve(answer(request));
      },
      close: () => (closed = true),
    },
    onReply: (nasId, reply) => replies.push(`${nasId} ${reply.kind}`),
  });
  return { sink, requests, replies, isClosed: () => closed };
}

async function sentBy(intent: ActionIntent, access: NasAccess): Promise<CoaRequest> {
  const { sink, requests } = sinkOver([access]);
  await sink.send(intent, SIGNAL);
  const [request] = requests;
  if (request === undefined) throw new Error('nothing was sent');
  return request;
}

function names(request: CoaRequest): Partial<Record<AttributeName, unknown>> {
  const wanted = [
    'User-Name',
    'Acct-Session-Id',
    'NAS-Identifier',
    'NAS-IP-Address',
    'NAS-IPv6-Address',
    'Framed-IP-Address',
  ] as const;
  const found = wanted.map((name) => [name, readAttribute(request.attributes, name)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

it('tells a MikroTik by user, session, NAS and address, with the desired speed', async () => {
  const request = await sentBy(anIntent({ id: 'a' }), nas());
  expect(request).toMatchObject({
    address: '192.0.2.1',
    port: 3799,
    secret: 'testing123',
    code: CODE.coaRequest,
  });
  expect(names(request)).toEqual({
    'User-Name': 'anna@example.net',
    'Acct-Session-Id': 'S-1',
    'NAS-Identifier': 'nas-1',
    'Framed-IP-Address': '198.51.100.7',
  });
  expect(decodeSpeed(request.attributes)).toEqual({ downBps: 2_000_000, upBps: 512_000 });
});

it.each(['block', 'hold'] as const)('ends the sessions of a %s, and sends no speed', async (state) => {
  const desired = { state, downBps: 100_000_000, upBps: 20_000_000, profile: null };
  const request = await sentBy(anIntent({ id: 'a', kind: state, desired }), nas());
  expect(request.code).toBe(CODE.disconnectRequest);
  expect(names(request)).toMatchObject({ 'User-Name': 'anna@example.net', 'Acct-Session-Id': 'S-1' });
  expect(decodeSpeed(request.attributes)).toBeUndefined();
});

it.each(['plan', 'throttle', 'hold', 'block'] as const)(
  'sends the speed of a boost after %s',
  async (leaves) => {
    const desired = { state: 'boost', downBps: 300_000_000, upBps: 50_000_000, profile: null } as const;
    const request = await sentBy(anIntent({ id: 'a', kind: 'boost', desired, leaves }), nas());
    expect(request.code).toBe(CODE.coaRequest);
    expect(decodeSpeed(request.attributes)).toEqual({ downBps: 300_000_000, upBps: 50_000_000 });
  },
);

it('ends sessions that come back from a redirection: a CoA leaves in force what it does not name', async () => {
  const desired = { state: 'plan', downBps: 100_000_000, upBps: 20_000_000, profile: null } as const;
  const back = anIntent({ id: 'a', kind: 'restore', desired, leaves: 'redirect' });
  expect((await sentBy(back, nas())).code).toBe(CODE.disconnectRequest);
  const other = anIntent({ id: 'a', kind: 'restore', desired, leaves: 'throttle' });
  expect((await sentBy(other, nas())).code).toBe(CODE.coaRequest);
});

it('names a redirection as Filter-Id, beside the speed', async () => {
  const desired = {
    state: 'redirect',
    downBps: 100_000_000,
    upBps: 20_000_000,
    profile: 'pay-page',
  } as const;
  const request = await sentBy(anIntent({ id: 'a', kind: 'redirect', desired }), nas());
  expect(request.code).toBe(CODE.coaRequest);
  expect(readAttribute(request.attributes, 'Filter-Id')).toBe('pay-page');
  expect(decodeSpeed(request.attributes)).toEqual({ downBps: 100_000_000, upBps: 20_000_000 });
});

it.each<[string, Partial<ActionSession>, Partial<NasAccess>, object]>([
  ['no address for others', {}, { vendor: 'wispr' }, { 'NAS-Identifier': 'nas-1' }],
  ['no address if it is unknown', { framedIp: null }, {}, { 'NAS-Identifier': 'nas-1' }],
  ['no address if it is none', { framedIp: '2001:db8::1' }, {}, { 'NAS-Identifier': 'nas-1' }],
  [
    'an IPv4 NAS by its address',
    { nasId: '192.0.2.9', framedIp: null },
    {},
    { 'NAS-IP-Address': '192.0.2.9' },
  ],
  [
    'an IPv6 NAS by its address',
    { nasId: '2001:db8::9', framedIp: null },
    {},
    { 'NAS-IPv6-Address': '2001:db8::9' },
  ],
])('names %s', async (_name, sessionOver, nasOver, expected) => {
  const sessions = [session(sessionOver)];
  const access = nas({ ...nasOver, nasId: sessions[0]?.nasId ?? '' });
  const request = await sentBy(anIntent({ id: 'a', sessions }), access);
  expect(names(request)).toEqual({ 'User-Name': 'anna@example.net', 'Acct-Session-Id': 'S-1', ...expected });
});

it('sends one request a session and reports every reply', async () => {
  const sessions = ['S-1', 'S-2', 'S-3'].map((sessionId, n) => session({ sessionId, nasId: `nas-${n % 2}` }));
  const { sink, requests, replies } = sinkOver(
    [nas({ nasId: 'nas-0' }), nas({ nasId: 'nas-1' })],
    (request) =>
      readAttribute(request.attributes, 'Acct-Session-Id') === 'S-2' ? { kind: 'no-answer', sends: 5 } : ACK,
  );
  expect(await sink.send(anIntent({ id: 'a', sessions }), SIGNAL)).toEqual({
    state: 'unknown',
    detail: 'nas-0/S-1: ACK; nas-1/S-2: no answer to 5 sends; nas-0/S-3: ACK',
  });
  expect(requests).toHaveLength(3);
  expect(replies).toEqual(['nas-0 ack', 'nas-1 no-answer', 'nas-0 ack']);
});

it('reaches all of many sessions', async () => {
  const sessions = Array.from({ length: 40 }, (_, n) => session({ sessionId: `S-${n}` }));
  const { sink, requests } = sinkOver([nas()]);
  expect((await sink.send(anIntent({ id: 'a', sessions }), SIGNAL)).state).toBe('delivered');
  expect(new Set(requests.map((request) => readAttribute(request.attributes, 'Acct-Session-Id'))).size).toBe(
    40,
  );
});

it('is done when no session is open', async () => {
  const { sink } = sinkOver([]);
  expect(await sink.send(anIntent({ id: 'a', sessions: [] }), SIGNAL)).toEqual({
    state: 'delivered',
    detail: 'no open session',
  });
});

it.each<[string, NasAccess[], Partial<ActionIntent>]>([
  ['a NAS that nobody knows', [], {}],
  ['a NAS without a secret', [nas({ secret: '' })], {}],
  ['a NAS of unknown vendor', [nas({ vendor: 'acme' })], {}],
  ['a speed that is none', [nas()], { desired: { state: 'throttle', downBps: 0, upBps: 1, profile: null } }],
  ['a session that nothing identifies', [nas()], { userName: '', sessions: [session({ sessionId: '' })] }],
])('rejects %s as not enforceable and sends nothing', async (_name, nases, over) => {
  const { sink, requests } = sinkOver(nases);
  const result = await sink.send(anIntent({ id: 'a', ...over }), SIGNAL);
  expect(result.state).toBe('rejected');
  expect(result.detail).toContain('not-enforceable');
  expect(result.detail).not.toContain('testing123');
  expect(requests).toEqual([]);
});

it('sends nothing at all when the inventory fails', async () => {
  let sends = 0;
  const sink = new RadiusSink({
    inventory: {
      access: (nasId) =>
        nasId === 'nas-1'
          ? Promise.resolve(nas())
          : Promise.reject(new AppError('unreachable', 'Postgres is away', { retriable: true })),
    },
    client: {
      send() {
        sends += 1;
        return Promise.resolve(ACK);
      },
      close: () => undefined,
    },
  });
  const sessions = [session(), session({ nasId: 'nas-2' })];
  await expect(sink.send(anIntent({ id: 'a', sessions }), SIGNAL)).rejects.toMatchObject({
    code: 'unreachable',
  });
  expect(sends).toBe(0);
});

it('closes its client', async () => {
  const { sink, isClosed } = sinkOver([]);
  await sink.close();
  expect(isClosed()).toBe(true);
});
