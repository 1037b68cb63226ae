import { describe, expect, it } from 'vitest';
import { CONTEXT, PROVIDER, event, leaf, policyText } from '../../tests/policy-texts.ts';
import { lintFolder } from './lint-folder.ts';
import { lintPolicyText, lintProviderText } from './lint-policy.ts';

const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

const HOURS = { days: [1, 2], from: '22:00', to: '06:00' };
const TOP_UP = { bytes: 1, priceMinor: 0, currency: 'EUR', validSeconds: null };
const BOOST = { ...TOP_UP, kind: 'boost', bytes: 0, downBps: 1, upBps: 1 };

describe('lintProviderText', () => {
  it('takes what is right, and fills in what is left out', () => {
    expect(lintProviderText(bytes(PROVIDER))).toMatchObject({ findings: [], settings: PROVIDER });
    expect(lintProviderText('{}').settings).toEqual({
      ...{ throttleProfiles: {}, redirectProfiles: [], topUps: {}, neutrality: false },
      offPeak: { hours: [], dates: [] },
    });
    const offPeak = { hours: [{ ...HOURS, to: '24:00' }], dates: ['2028-02-29'] };
    expect(lintProviderText(bytes({ offPeak })).findings).toEqual([]);
  });

  it.each([
    ['a boost', BOOST],
    ['an unlimited time', { ...TOP_UP, kind: 'unlimited', bytes: 0 }],
    ['a product that says what it is', { ...TOP_UP, kind: 'bytes' }],
  ])('takes %s', (_name, product) => {
    expect(lintProviderText(bytes({ topUps: { a: product } })).findings).toEqual([]);
  });

  it.each<[string, unknown, string[]]>([
    ['a list', [], ['P100 $']],
    ['an unknown key', { offpeak: {} }, ['P103 $.offpeak']],
    ['hours that are none', { offPeak: { hours: [7] } }, ['P601 $.offPeak.hours[0]']],
    [
      'an hour that there is not',
      { offPeak: { hours: [{ ...HOURS, from: '24:00' }] } },
      ['P602 $.offPeak.hours[0].from'],
    ],
    ['a time without 0', { offPeak: { hours: [{ ...HOURS, to: '6:00' }] } }, ['P602 $.offPeak.hours[0].to']],
    ['a day 0', { offPeak: { hours: [{ ...HOURS, days: [0, 1] }] } }, ['P603 $.offPeak.hours[0].days[0]']],
    [
      'a day twice',
      { offPeak: { hours: [{ ...HOURS, days: [1, 1] }] } },
      ['P603 $.offPeak.hours[0].days[1]'],
    ],
    ['no day', { offPeak: { hours: [{ ...HOURS, days: [] }] } }, ['P603 $.offPeak.hours[0].days']],
    ['no 29 February', { offPeak: { dates: ['2027-02-29'] } }, ['P604 $.offPeak.dates[0]']],
    ['a date twice', { offPeak: { dates: ['2027-01-01', '2027-01-01'] } }, ['P604 $.offPeak.dates[1]']],
    [
      'a speed of 0',
      { throttleProfiles: { a: { downBps: 0, upBps: 1 } } },
      ['P601 $.throttleProfiles.a.downBps'],
    ],
    [
      'a speed in words',
      { throttleProfiles: { a: { downBps: '1M', upBps: 1 } } },
      ['P202 $.throttleProfiles.a.downBps'],
    ],
    ['a speed that is missing', { throttleProfiles: { a: { downBps: 1 } } }, ['P107 $.throttleProfiles.a']],
    [
      'a profile of the prototype',
      JSON.parse('{ "throttleProfiles": { "__proto__": { "downBps": 1, "upBps": 1 } } }'),
      ['P006 $.throttleProfiles.__proto__'],
    ],
    ['a redirect profile twice', { redirectProfiles: ['a', 'a'] }, ['P601 $.redirectProfiles[1]']],
    [
      'a currency that there is not',
      { topUps: { a: { ...TOP_UP, currency: 'EUX' } } },
      ['P605 $.topUps.a.currency'],
    ],
    [
      'a currency in small letters',
      { topUps: { a: { ...TOP_UP, currency: 'eur' } } },
      ['P605 $.topUps.a.currency'],
    ],
    ['a product of nothing', { topUps: { a: { ...TOP_UP, bytes: 0 } } }, ['P601 $.topUps.a.bytes']],
    ['a boost with bytes', { topUps: { a: { ...BOOST, bytes: 1 } } }, ['P601 $.topUps.a.bytes']],
    ['a boost of one speed', { topUps: { a: { ...BOOST, upBps: undefined } } }, ['P107 $.topUps.a']],
    ['a speed of bytes', { topUps: { a: { ...TOP_UP, downBps: 1 } } }, ['P103 $.topUps.a.downBps']],
    ['a kind that there is not', { topUps: { a: { ...TOP_UP, kind: 'gift' } } }, ['P601 $.topUps.a.kind']],
    ['a negative price', { topUps: { a: { ...TOP_UP, priceMinor: -1 } } }, ['P601 $.topUps.a.priceMinor']],
    ['neutrality in words', { neutrality: 'yes' }, ['P601 $.neutrality']],
  ])('finds %s', (_name, value, expected) => {
    const { findings, settings } = lintProviderText(bytes(value));
    expect(findings.map(({ code, path }) => `${code} ${path}`)).toEqual(expected);
    expect(settings).toBeNull();
  });
});

describe('lintFolder', () => {
  const policy = (id: string, type = 'notify', params = '"template": "t", "channel": "c"'): Uint8Array =>
    bytes(
      policyText({
        head: `"id": "${id}", "description": "", "mode": "enforce",`,
        event: event(type, params),
      }),
    );

  it('checks each file beside the others and provider.json, and leaves tests alone', () => {
    const linted = lintFolder(
      [
        { name: 'z.json', bytes: policy('a') },
        { name: 'b.json', bytes: policy('b', 'throttle', '"profile": "crawl"') },
        { name: 'c.json', bytes: policy('a') },
        { name: 'd.json', bytes: bytes('{') },
        { name: 'd.test.json', bytes: bytes('{') },
        { name: 'notes.txt', bytes: bytes('{') },
        { name: 'provider.json', bytes: bytes(PROVIDER) },
      ],
      null,
    );
    expect(linted.findings.map(({ file, code }) => `${file} ${code}`)).toEqual([
      'c.json P501',
      'd.json P004',
      'z.json P501',
    ]);
    expect(linted.provider).toEqual(PROVIDER);
    expect(linted.files.map(({ name, errors }) => [name, errors])).toEqual([
      ['provider.json', 0],
      ['b.json', 0],
      ['c.json', 1],
      ['d.json', 1],
      ['z.json', 1],
    ]);
  });

  it('does not blame policies for a provider.json with errors', () => {
    const files = [
      { name: 'b.json', bytes: policy('b', 'throttle', '"profile": "crawl"') },
      { name: 'provider.json', bytes: bytes('{ "neutrality": 1 }') },
    ];
    const { findings, provider } = lintFolder(files, null);
    expect(findings.map(({ code }) => code)).toEqual(['P601']);
    expect(provider).toBeNull();
    expect(lintFolder(files.slice(0, 1), null).findings.map(({ code }) => code)).toEqual(['P405']);
    expect(lintFolder(files.slice(0, 1), null, PROVIDER).findings).toEqual([]);
  });

  it('checks policies against the settings in force where provider.json has errors', () => {
    const when = leaf(
      '"fact": "byClass", "path": "$.video.dayBytes", "operator": "greaterThan", "value": 5000',
    );
    const files = [
      { name: 'b.json', bytes: bytes(policyText({ when, event: event('throttle', '"profile": "crawl"') })) },
      { name: 'c.json', bytes: policy('c', 'redirect', '"profile": "pay-pag"') },
      { name: 'provider.json', bytes: bytes('{ "neutrality": 1 }') },
    ];
    const { files: linted, provider } = lintFolder(files, null, { ...PROVIDER, neutrality: true });
    const codes = linted.map(({ name, findings }) => `${name} ${findings.map(({ code }) => code).join(' ')}`);
    expect(codes).toEqual(['provider.json P601', 'b.json P505', 'c.json P406']);
    expect(provider).toBeNull();
  });

  it('checks beside what is in force, but for what a file replaces', () => {
    const { policy: other } = lintPolicyText(policy('x', 'overage', ''), CONTEXT);
    if (other === null) throw new Error('no policy');
    const files = [{ name: 'a.json', bytes: policy('a', 'overage', '') }];
    expect(lintFolder(files, null, PROVIDER, [other]).findings.map(({ code }) => code)).toEqual(['P502']);
    expect(lintFolder(files, null, PROVIDER, [{ ...other, id: 'a' }]).findings).toEqual([]);
  });

  it('lists 100 findings of all files, and counts the rest', () => {
    const files = [...Array(30).keys()].map((i) => ({ name: `${i}.json`, bytes: bytes('{}') }));
    const linted = lintFolder(files, null);
    expect(linted).toMatchObject({ errors: 120, more: 20 });
    expect(linted.findings).toHaveLength(100);
  });
});
