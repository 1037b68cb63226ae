import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attribute, encodeAttributes, readAttribute, type NamedAttribute } from './attributes.ts';

/** Values with the octets that radclient 3.2.1 writes for them. */
const GOLDEN: [NamedAttribute, string][] = [
  [['User-Name', 'bob'], '626f62'],
  [['NAS-IP-Address', '192.0.2.1'], 'c0000201'],
  [['Event-Timestamp', 1_700_000_000], '6553f100'],
  [['Acct-Input-Octets', 4_294_967_295], 'ffffffff'],
  [['Tunnel-Private-Group-Id', { tag: 3, value: 'vlan7' }], '03766c616e37'],
  [['Tunnel-Type', { tag: 3, value: 13 }], '0300000d'],
  [['Framed-IPv6-Prefix', '2001:db8:12::/48'], '003020010db8001200000000000000000000'],
  [['Delegated-IPv6-Prefix', '2001:db8:34:5600::/56'], '003820010db8003456000000000000000000'],
  [['NAS-IPv6-Address', '2001:db8::1'], '20010db8000000000000000000000001'],
];

describe('attributes', () => {
  it.each(GOLDEN)('writes and reads %j', (named, hex) => {
    const result = encodeAttributes([named]);
    if (!result.ok) throw new Error(result.name);
    expect(result.attributes[0]?.value.toString('hex')).toBe(hex);
    expect(readAttribute(result.attributes, named[0])).toEqual(named[1]);
  });

  it.each<NamedAttribute>([
    ['Framed-IP-Address', '192.0.2.256'],
    ['Framed-IP-Address', ''],
    ['NAS-IPv6-Address', '192.0.2.1'],
    ['NAS-IPv6-Address', 'fe80::1%eth0'],
    ['Framed-IPv6-Prefix', '2001:db8::'],
    ['Framed-IPv6-Prefix', '2001:db8::/129'],
    ['Framed-IPv6-Prefix', '2001:db8::/48/1'],
    ['Session-Timeout', -1],
    ['Session-Timeout', 1.5],
    ['Session-Timeout', 4_294_967_296],
    ['Tunnel-Type', { tag: 32, value: 1 }],
    ['Tunnel-Type', { tag: 1, value: 0x1000000 }],
  ])('refuses %s %j as a value', (...named) => {
    expect(encodeAttributes([['User-Name', 'bob'], named as NamedAttribute])).toEqual({
      ok: false,
      name: named[0],
    });
  });

  it('throws on a constant that does not fit', () => {
    expect(() => attribute('Error-Cause', Number.NaN)).toThrow(RangeError);
  });

  it.each([
    ['Error-Cause', '000001'],
    ['Framed-IP-Address', 'c000020100'],
    ['NAS-IPv6-Address', '00'],
    ['Framed-IPv6-Prefix', '00'],
    ['Framed-IPv6-Prefix', '0081'],
    ['Framed-IPv6-Prefix', '004020010db8'],
    ['Tunnel-Type', '01'],
  ] as const)('does not read %s from %s', (name, hex) => {
    const wrong = { type: TYPES[name], value: Buffer.from(hex, 'hex') };
    expect(readAttribute([wrong], name)).toBeUndefined();
  });

  it('reads a shortened prefix and ignores bits outside it', () => {
    const short = { type: 97, value: Buffer.from('003020010db80012', 'hex') };
    expect(readAttribute([short], 'Framed-IPv6-Prefix')).toBe('2001:db8:12::/48');
    const dirty = { type: 97, value: Buffer.from('002c20010db8001f', 'hex') };
    expect(readAttribute([dirty], 'Framed-IPv6-Prefix')).toBe('2001:db8:10::/44');
  });

  it('takes a first octet above 0x1f as text, not as a tag', () => {
    const untagged = { type: 81, value: Buffer.from('vlan7') };
    expect(readAttribute([untagged], 'Tunnel-Private-Group-Id')).toEqual({ tag: 0, value: 'vlan7' });
  });

  it('reads the first of several and undefined for none', () => {
    const both = [attribute('Filter-Id', 'a'), attribute('Filter-Id', 'b')];
    expect(readAttribute(both, 'Filter-Id')).toBe('a');
    expect(readAttribute(both, 'Class')).toBeUndefined();
  });

  it('gives back any IPv6 prefix in its one spelling', () => {
    fc.assert(
      fc.property(fc.ipV6(), fc.integer({ min: 0, max: 128 }), (address, bits) => {
        const once = encodeAttributes([['Framed-IPv6-Prefix', `${address}/${bits}`]]);
        if (!once.ok) throw new Error(address);
        const text = readAttribute(once.attributes, 'Framed-IPv6-Prefix');
        expect(encodeAttributes([['Framed-IPv6-Prefix', text ?? '']])).toEqual(once);
      }),
    );
  });
});

const TYPES = {
  'Error-Cause': 101,
  'Framed-IP-Address': 8,
  'NAS-IPv6-Address': 95,
  'Framed-IPv6-Prefix': 97,
  'Tunnel-Type': 64,
};
