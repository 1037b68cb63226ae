import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromRadius } from './from-radius.ts';
import { aPacket } from './ingest-rig.contract.ts';
import type { ReadRecord } from './read-record.ts';

const T = Date.UTC(2023, 10, 14, 22, 13, 20);
const ARRIVAL = { feedId: 'radius-1', receivedAtMs: T + 1500, newRecordId: () => 'id-1' };

function read(
  packet: Record<string, unknown>,
  eventTime: string | null = null,
  serviceAttribute: string | null = null,
): ReadRecord {
  return fromRadius(packet, ARRIVAL, { serviceAttribute }, eventTime);
}

function recordOf(packet: Record<string, unknown>, eventTime: string | null = null) {
  const result = read(packet, eventTime);
  if (result.kind !== 'record') throw new Error(JSON.stringify(result));
  return result.record;
}

function faultIn(packet: Record<string, unknown>, eventTime: string | null = null): string {
  const result = read(packet, eventTime);
  return result.kind === 'fault' ? result.detail : `no fault: ${JSON.stringify(result)}`;
}

it('reads every attribute that rlm_rest sends', () => {
  const packet = aPacket({
    'Acct-Status-Type': { type: 'integer', value: ['Stop'] },
    'Acct-Multi-Session-Id': { type: 'string', value: ['m1'] },
    'Acct-Delay-Time': { type: 'integer', value: [3] },
    'Acct-Session-Time': { type: 'integer', value: [3600] },
    'Acct-Terminate-Cause': { type: 'integer', value: ['User-Request'] },
    'Acct-Input-Gigawords': { type: 'integer', value: [1] },
    'Framed-IP-Address': { type: 'ipaddr', value: ['100.64.0.1'] },
    'Framed-IPv6-Prefix': { type: 'ipv6prefix', value: ['2001:db8::/64'] },
    'Delegated-IPv6-Prefix': { type: 'ipv6prefix', value: ['2001:db8:1::/56'] },
    'Calling-Station-Id': { type: 'string', value: ['aa-bb'] },
    'Called-Station-Id': { type: 'string', value: ['x'] },
    'NAS-Port-Id': { type: 'string', value: ['ge-1/0'] },
    'Chargeable-User-Identity': { type: 'octets', value: ['0x63756931'] },
    Class: { type: 'octets', value: ['0x676f6c64', '0x00'] },
    'Service-Type': { type: 'integer', value: ['Framed-User'] },
    'ERX-Service-Session': { type: 'string', value: ['video'] },
  });
  expect(read(packet, null, 'ERX-Service-Session')).toEqual({
    kind: 'record',
    record: {
      record_id: 'id-1',
      feed_id: 'radius-1',
      event_time: T,
      received_at: T + 1500,
      acct_delay_seconds: 3,
      status_type: 'STOP',
      subscriber_id: 'cui1',
      user_name: 'ann',
      chargeable_user_identity: 'cui1',
      session_id: 's1',
      multi_session_id: 'm1',
      parent_session_id: null,
      nas_id: 'bras-1',
      nas_ip: '10.0.0.1',
      nas_port_id: 'ge-1/0',
      framed_ip: '100.64.0.1',
      framed_ipv6_prefix: '2001:db8::/64',
      delegated_prefix: '2001:db8:1::/56',
      calling_station_id: 'aa-bb',
      called_station_id: 'x',
      service_name: 'video',
      service_class: null,
      class: 'gold',
      input_octets: 4_294_967_295,
      output_octets: 5,
      input_gigawords: 1,
      output_gigawords: 2,
      ipv6_input_octets: null,
      ipv6_output_octets: null,
      session_time: 3600,
      terminate_cause: 'User-Request',
    },
  });
});

it('reads plain values and single verbose ones alike', () => {
  const plain = {
    'User-Name': 'ann',
    'NAS-IP-Address': '10.0.0.1',
    'NAS-Identifier': { type: 'string', value: 'bras-1' },
    'Acct-Status-Type': 'Interim-Update',
    'Acct-Session-Id': 's1',
    'Acct-Input-Octets': '4294967295',
    'Acct-Output-Octets': 5,
    'Acct-Output-Gigawords': { type: 'integer', value: 2 },
    'Event-Timestamp': 1_700_000_000,
  };
  expect(read(plain)).toEqual(read(aPacket()));
});

it('leaves absent octets null, which is not zero', () => {
  const record = recordOf({
    'Acct-Status-Type': 'Start',
    'User-Name': 'a',
    'NAS-Identifier': 'n',
    'Acct-Session-Id': 's',
  });
  expect(record).toMatchObject({
    input_octets: null,
    output_octets: null,
    input_gigawords: null,
    session_time: null,
  });
  expect(record).toMatchObject({ event_time: null, received_at: T + 1500, acct_delay_seconds: 0 });
});

describe('Acct-Status-Type', () => {
  it.each([
    ['Start', 'START'],
    [1, 'START'],
    ['2', 'STOP'],
    ['Stop', 'STOP'],
    ['Interim-Update', 'INTERIM_UPDATE'],
    ['Alive', 'INTERIM_UPDATE'],
    [3, 'INTERIM_UPDATE'],
    ['Accounting-On', 'ACCOUNTING_ON'],
    [7, 'ACCOUNTING_ON'],
    ['Accounting-Off', 'ACCOUNTING_OFF'],
    [8, 'ACCOUNTING_OFF'],
  ])('%j is %s', (status, expected) => {
    expect(recordOf(aPacket({ 'Acct-Status-Type': status })).status_type).toBe(expected);
  });

  it.each(['Failed', 'Tunnel-Start', 'Tunnel-Link-Reject', 9, 15, '12', 'Modem-Start'])(
    '%j is of no session and ignored',
    (status) => {
      expect(read(aPacket({ 'Acct-Status-Type': status }))).toEqual({ kind: 'ignored' });
    },
  );

  it.each([undefined, null, '', 'not a name', -1, 1.5, { value: [] }, [[]], { value: [{}] }, true])(
    '%j is a fault',
    (status) => {
      expect(faultIn(aPacket({ 'Acct-Status-Type': status }))).toContain('Acct-Status-Type');
    },
  );
});

describe('the NAS', () => {
  const without = (...names: string[]) => aPacket(Object.fromEntries(names.map((name) => [name, undefined])));
  it('is its NAS-Identifier, else its address', () => {
    expect(recordOf(aPacket())).toMatchObject({ nas_id: 'bras-1', nas_ip: '10.0.0.1' });
    expect(recordOf(without('NAS-Identifier'))).toMatchObject({ nas_id: '10.0.0.1', nas_ip: '10.0.0.1' });
    const six = { ...without('NAS-Identifier', 'NAS-IP-Address'), 'NAS-IPv6-Address': '2001:db8::1' };
    expect(recordOf(six)).toMatchObject({ nas_id: '2001:db8::1', nas_ip: '2001:db8::1' });
    expect(faultIn(without('NAS-Identifier', 'NAS-IP-Address'))).toContain('NAS-Identifier');
  });

  it('is all that an Accounting-On needs', () => {
    const on = { 'Acct-Status-Type': 'Accounting-On', 'NAS-IP-Address': '10.0.0.1', 'User-Name': 'x' };
    expect(recordOf(on)).toMatchObject({ status_type: 'ACCOUNTING_ON', subscriber_id: '', session_id: '' });
  });
});

describe('the time', () => {
  it('is what stands beside the packet, whatever zone FreeRADIUS writes in', () => {
    const local = aPacket({ 'Event-Timestamp': { type: 'date', value: ['Nov 14 2023 23:13:20 CET'] } });
    expect(recordOf(local, '1700000000').event_time).toBe(T);
    expect(faultIn(local)).toContain('Weir-Event-Time');
    expect(faultIn(local, 'soon')).toContain('Weir-Event-Time');
    expect(faultIn(local, '-5')).toContain('Weir-Event-Time');
  });

  it('is none where the NAS has no clock', () => {
    for (const time of [0, 86_400, 'Jan  1 1970 00:00:05 UTC', 4_294_967_295]) {
      expect(recordOf(aPacket({ 'Event-Timestamp': time })).event_time).toBeNull();
    }
  });
});

it.each([
  [1, 'User-Request'],
  [11, 'NAS-Reboot'],
  [22, 'Port-Disabled'],
  [99, '99'],
  ['Lost-Carrier', 'Lost-Carrier'],
])('names terminate cause %j', (cause, expected) => {
  expect(recordOf(aPacket({ 'Acct-Terminate-Cause': cause })).terminate_cause).toBe(expected);
});

describe('a hostile packet', () => {
  it.each([
    ['negative octets', { 'Acct-Input-Octets': -1 }, 'Acct-Input-Octets'],
    ['negative octets in an array', { 'Acct-Input-Octets': { value: [-1] } }, 'Acct-Input-Octets'],
    ['a fraction', { 'Acct-Output-Octets': 1.5 }, 'Acct-Output-Octets'],
    ['beyond 2^53', { 'Acct-Output-Octets': 2 ** 60 }, 'Acct-Output-Octets'],
    ['words for a number', { 'Acct-Session-Time': 'an hour' }, 'Acct-Session-Time'],
    ['gigawords beyond 31 bits', { 'Acct-Input-Gigawords': 4_294_967_295 }, 'Acct-Input-Gigawords'],
    ['a number for a name', { 'User-Name': 5 }, 'User-Name'],
    ['an object for a name', { 'User-Name': { value: { value: 'x' } } }, 'User-Name'],
    ['a truth value', { 'NAS-Identifier': true }, 'NAS-Identifier'],
    ['lists in lists', { 'Acct-Session-Id': { value: [['s']] } }, 'Acct-Session-Id'],
  ])('with %s is a fault that names the attribute', (_, change, name) => {
    expect(faultIn(aPacket(change))).toContain(name);
  });

  it('does not reach what every object inherits', () => {
    expect(read({ ['__proto__']: null, constructor: 'x', toString: 1, ...aPacket() }).kind).toBe('record');
    expect(fromRadius(aPacket(), ARRIVAL, { serviceAttribute: 'constructor' }, null)).toMatchObject({
      record: { service_name: null },
    });
  });

  it('never makes it throw', () => {
    const attribute = fc.constantFrom(...Object.keys(aPacket()), 'Class', 'Chargeable-User-Identity');
    fc.assert(
      fc.property(fc.dictionary(attribute, fc.jsonValue()), (packet) => {
        read(packet);
        read({ ...aPacket(), ...packet });
      }),
    );
  });
});
