import { describe, expect, it } from 'vitest';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import {
  CONTEXT,
  PLANS,
  above,
  event,
  findingsOf,
  head,
  leaf,
  policyText,
  rule,
  slow,
} from '../../tests/policy-texts.ts';
import { lintPolicyText } from './lint-policy.ts';

describe('lintPolicyText', () => {
  it('finds nothing in what is right', () => {
    expect(findingsOf(policyText(), { plans: PLANS })).toEqual([]);
  });

  it('P001 and P002: too large, or not UTF-8', () => {
    expect(findingsOf(' '.repeat(256 * 1024 + 1))).toEqual(['P001 1:1-1:1']);
    expect(findingsOf(Uint8Array.of(0x7b, 0xff, 0x7d))).toEqual(['P002 1:1-1:1']);
  });

  it('P501 and P502: beside another policy', () => {
    const text = policyText({ event: event('overage', '') });
    const { policy } = lintPolicyText(text, CONTEXT);
    if (policy === null) throw new Error('no policy');
    const others = [{ file: 'b.json', policy }];
    expect(findingsOf(text, { others })).toEqual(['P501 2:9-2:12']);
    const other = (fields: object) => [{ file: 'b.json', policy: { ...policy, id: 'b', ...fields } }];
    expect(findingsOf(text, { others: other({}) })).toEqual(['P502 6:16-6:17']);
    expect(findingsOf(text, { others: other({ mode: 'shadow' }) })).toEqual([]);
    const own = policyText({
      head: head('"appliesTo": { "plans": ["home-*"] }'),
      event: event('overage', ''),
    });
    expect(findingsOf(own, { others: other({ appliesTo: { plans: ['biz-*', 'home'] } }) })).toEqual([]);
    expect(findingsOf(own, { others: other({ appliesTo: { plans: ['h*'] } }) })).toEqual(['P502 6:16-6:17']);
  });

  it.each([
    [leaf('"fact": "capUsdPercent", "operator": "equal", "value": 1'), '"capUsedPercent"'],
    [leaf('"fact": "dayBytes", "operator": "not:greaterThen", "value": 1'), '"not:greaterThan"'],
    [leaf('"fact": "dayBytes", "operator": "greaterThan", "value": "10GB"'), '10000000000'],
    [leaf('"fact": "dayBytes", "operator": "greaterThan", "value": "1.5 GiB"'), '1610612736'],
    [leaf('"fact": "capUsedPercent", "operator": "greaterThan", "value": "80 %"'), '80'],
    [leaf('"fact": "throttledSeconds", "operator": "greaterThan", "value": "15 min"'), '900'],
    [leaf('"fact": "planDownBps", "operator": "greaterThan", "value": "2Mbps"'), '2000000'],
  ])('says what to write instead: %s', (when, suggestion) => {
    const { findings } = lintPolicyText(policyText({ when }), CONTEXT);
    expect(findings.map((finding) => finding.suggestion)).toEqual([suggestion]);
  });

  it.each([
    [
      'a guard against null',
      '{ "all": [{ "fact": "capBytes", "operator": "notEqual", "value": null }, { "not": { "fact": "capUsedPercent", "operator": "lessThan", "value": 80 } }] }',
    ],
    [
      'not of not',
      '{ "not": { "not": { "fact": "capUsedPercent", "operator": "greaterThan", "value": 80 } } }',
    ],
    ['a fact that is never null', '{ "not": { "fact": "dayBytes", "operator": "lessThan", "value": 5000 } }'],
    ['null itself', leaf('"fact": "planId", "operator": "notEqual", "value": null')],
    [
      'two of one type and unit',
      leaf('"fact": "dayBytes", "operator": "greaterThan", "value": { "fact": "last24hBytes" }'),
    ],
    [
      'a list with a fact in it',
      leaf('"fact": "tags", "operator": "contains", "value": { "fact": "segment" }'),
    ],
    [
      'a quoted class',
      leaf(`"fact": "byClass", "path": "$['my class'].dayBytes", "operator": "greaterThan", "value": 5000`),
    ],
  ])('finds nothing in %s', (_name, when) => {
    expect(findingsOf(policyText({ when }))).toEqual([]);
  });

  it('knows that a plan in appliesTo is a plan, and that its segments are the only ones', () => {
    const within = head('"appliesTo": { "plans": ["home-*"], "segments": ["residential"] }');
    const when = leaf('"fact": "planId", "operator": "notEqual", "value": "home-100"');
    expect(findingsOf(policyText({ head: within, when }))).toEqual([]);
    const other = leaf('"fact": "segment", "operator": "equal", "value": "business"');
    expect(findingsOf(policyText({ head: within, when: other }))).toEqual(['P301 5:21-5:22']);
    const foreign = leaf('"fact": "planId", "operator": "equal", "value": "biz-1"');
    expect(findingsOf(policyText({ head: within, when: foreign }))).toEqual(['P301 5:21-5:22']);
  });

  it.each([
    [
      '{ "all": [{ "fact": "isOffPeak", "operator": "equal", "value": true }, { "fact": "hourOfDay", "operator": "greaterThan", "value": 20 }, { "all": [{ "fact": "hourOfDay", "operator": "lessThan", "value": 9 }] }] }',
      ': hourOfDay greaterThan 20 and hourOfDay lessThan 9',
    ],
    [leaf('"fact": "dayBytes", "operator": "lessThan", "value": 0'), ': dayBytes lessThan 0'],
    [
      '{ "all": [{ "fact": "planId", "operator": "equal", "value": null }, { "not": { "fact": "capBytes", "operator": "equal", "value": null } }] }',
      ': planId equal null and not (capBytes equal null)',
    ],
  ])('says which conditions contradict each other: %s', (when, which) => {
    const { findings } = lintPolicyText(policyText({ when }), CONTEXT);
    expect(findings.find(({ code }) => code === 'P301')?.message).toContain(which);
  });

  it('lets throttles be that cannot hold together, or have the same speed, or another priority', () => {
    const first = { when: above(80), event: slow(2e6) };
    const both = leaf('"fact": "capUsedPercent", "operator": "lessThan", "value": 50');
    expect(findingsOf(policyText({ ...first, more: rule('s', both, slow(1e6)) }))).toEqual([]);
    const profile = (name: string): string => event('throttle', `"profile": "${name}"`);
    expect(
      findingsOf(
        policyText({
          when: above(80),
          event: profile('crawl'),
          more: rule(
            's',
            leaf('"fact": "isOffPeak", "operator": "equal", "value": true'),
            profile('crawl-too'),
          ),
        }),
      ),
    ).toEqual([]);
    expect(
      findingsOf(policyText({ ...first, more: rule('s', above(90), slow(1e6), '"priority": 2,') })),
    ).toEqual([]);
  });

  it('reports 100 findings, errors first, and how many more', () => {
    const many = [...Array(150).keys()]
      .map(() => `{ "fact": "x", "operator": "equal", "value": 1 }`)
      .join(',');
    const found = lintPolicyText(
      policyText({ head: head('"percent": 5'), when: `{ "any": [${many}] }` }),
      CONTEXT,
    );
    expect(found).toMatchObject({ errors: 150, warnings: 1, more: 51, policy: null });
    expect(found.findings).toHaveLength(100);
    expect(new Set(found.findings.map(({ code }) => code))).toEqual(new Set(['P101']));
  });

  it('gives the policy where it can be compiled, whatever else is wrong', () => {
    expect(lintPolicyText(policyText(), CONTEXT).policy?.id).toBe('a');
    const contradiction = { ...CONTEXT, provider: NO_PROVIDER_SETTINGS };
    expect(
      lintPolicyText(policyText({ event: event('throttle', '"profile": "x"') }), contradiction),
    ).toMatchObject({
      errors: 1,
      policy: { id: 'a' },
    });
  });

  it('P502: two rules of one policy that can both sell', () => {
    const sells = event('overage', '');
    const two = (second: string): string[] =>
      findingsOf(
        policyText({
          when: above(100),
          event: sells,
          more: rule('s', second, event('overage', '"maxBlocks": 5')),
        }),
      );
    expect(two(above(150))).toEqual(['P502 7:128-7:129']);
    expect(two(leaf('"fact": "capUsedPercent", "operator": "lessThan", "value": 50'))).toEqual([]);
  });

  it('P506: throttles of other policies that can hold together', () => {
    const night = '{ "condition": "now" }';
    const named = (name: string, hour: number): string =>
      `"conditions": { "now": { "all": [{ "fact": "hourOfDay", "operator": "${name}", "value": ${hour} }] } }`;
    const text = policyText({ head: head(named('greaterThan', 20)), when: night, event: slow(2e6) });
    const against = (hours: string, fields: object = {}, bps = 1e6): string[] => {
      const { policy } = lintPolicyText(
        policyText({ head: head(hours), when: night, event: slow(bps) }),
        CONTEXT,
      );
      if (policy === null) throw new Error('no policy');
      return findingsOf(text, { others: [{ file: 'b.json', policy: { ...policy, id: 'b', ...fields } }] });
    };
    const later = named('greaterThan', 21);
    expect(against(later)).toEqual(['P506 4:5-4:6']);
    expect(against(named('lessThan', 5))).toEqual([]);
    expect(against(later, {}, 2e6)).toEqual([]);
    expect(against(later, { mode: 'shadow' })).toEqual([]);
    expect(against(later, { subject: 'pool' })).toEqual([]);
    expect(against(later, { appliesTo: { segments: [] } })).toEqual([]);
  });

  it('ends where every text that begins with a pattern and a digit is excluded by another', () => {
    const patterns = ['home-*', ...[...Array(10).keys()].map((i) => `home-${i}*`), 'home-1\u3400*'];
    const text = policyText({ head: head(`"appliesTo": { "plans": ${JSON.stringify(patterns)} }`) });
    expect(findingsOf(text)).toEqual([]);
    const ones = ['home-1*', ...[...Array(9).keys()].map((i) => `home-1${i + 1}*`)];
    const other = leaf('"fact": "planId", "operator": "notIn", "value": ["home-10"]');
    const narrow = head(`"appliesTo": { "plans": ${JSON.stringify(ones)} }`);
    expect(findingsOf(policyText({ head: narrow, when: other }))).toEqual([]);
  });

  it('says that hundreds of facts compared in a chain are too many, without listing their values', () => {
    const path = (i: number): string => `"fact": "byClass", "path": "$.c${i}.dayBytes"`;
    const chain = [...Array(400).keys()].map(
      (i) => `{ ${path(i)}, "operator": "lessThan", "value": { ${path(i + 1)} } }`,
    );
    const constants = [...Array(300).keys()].map(
      (i) => `{ ${path(0)}, "operator": "notEqual", "value": ${5000 + i} }`,
    );
    const named = `"conditions": { "chain": { "all": [${chain.join(',')}] }, "points": { "all": [${constants.join(',')}] } }`;
    const when = '{ "any": [{ "condition": "chain" }] }';
    const second = rule('s', '{ "all": [{ "condition": "points" }] }', '{ "type": "block", "params": {} }');
    const { findings } = lintPolicyText(policyText({ head: head(named), when, more: second }), CONTEXT);
    expect(findings.map(({ code }) => code)).toEqual(['P305']);
  });
});
