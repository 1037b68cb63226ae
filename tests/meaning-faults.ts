import { plan } from './factories.ts';
import type { Fault } from './format-faults.ts';
import { PLANS, PROVIDER, above, event, head, leaf, policyText, slow } from './policy-texts.ts';

/** What is wrong with types, units, events, and with what rules mean. */
export const MEANING_FAULTS: Fault[] = [
  [
    'P201',
    'a text for a number',
    policyText({ when: leaf('"fact": "dayBytes", "operator": "equal", "value": «"much"»') }),
  ],
  [
    'P201',
    'null in a comparison',
    policyText({ when: leaf('"fact": "capBytes", "operator": "lessThan", "value": «null»') }),
  ],
  [
    'P201',
    'numbers and texts in a list',
    policyText({ when: leaf('"fact": "planId", "operator": "in", "value": «[»"a", 1]') }),
  ],
  [
    'P201',
    'an object',
    policyText({ when: leaf('"fact": "planId", "operator": "equal", "value": «{» "a": 1 }') }),
  ],
  [
    'P202',
    'a size in words',
    policyText({ when: leaf('"fact": "dayBytes", "operator": "greaterThan", "value": «"10GB"»') }),
  ],
  [
    'P202',
    'a number in quotes',
    policyText({ when: leaf('"fact": "hourOfDay", "operator": "equal", "value": «"9"»') }),
  ],
  [
    'P202',
    'a speed in words',
    policyText({ event: event('throttle', '"downBps": «"2 Mbit/s"», "upBps": 512000') }),
  ],
  [
    'P203',
    'in with a text',
    policyText({ when: leaf('"fact": "planId", "operator": "in", "value": «"home-100"»') }),
  ],
  ['P204', 'all of nothing', policyText({ when: '{ "all": «[»] }' })],
  ['P204', 'any of nothing, deep', policyText({ when: '{ "not": { "any": «[»] } }' })],
  [
    'P205',
    'a filter',
    policyText({ when: leaf('"fact": "byClass", "path": «"$..[?(@.a)]"», "operator": "equal", "value": 1') }),
  ],
  [
    'P205',
    'the prototype',
    policyText({
      when: leaf('"fact": "byClass", "path": «"$.__proto__.dayBytes"», "operator": "equal", "value": 1'),
    }),
  ],
  [
    'P206',
    'a path of another fact',
    policyText({ when: leaf('"fact": "dayBytes", "path": «"$.a"», "operator": "equal", "value": 1') }),
  ],
  [
    'P206',
    'byClass without a path',
    policyText({ when: leaf('"fact": «"byClass"», "operator": "equal", "value": 1') }),
  ],
  [
    'P207',
    'different units',
    policyText({
      when: leaf('"fact": "dayBytes", "operator": "greaterThan", "value": «{» "fact": "planDownBps" }'),
    }),
  ],
  [
    'P207',
    'different types',
    policyText({ when: leaf('"fact": "segment", "operator": "equal", "value": «{» "fact": "isOffPeak" }') }),
  ],
  [
    'P208',
    'a mistyped name',
    policyText({ head: head(`"conditions": { "heavy": ${above(80)} }`), when: '{ "condition": «"heavi"» }' }),
  ],
  [
    'P209',
    'a circle of one',
    policyText({
      head: head('"conditions": { «"a"»: { "not": { "condition": "a" } } }'),
      when: '{ "condition": "a" }',
    }),
  ],
  ['P210', 'an unused name', policyText({ head: head(`"conditions": { «"heavy"»: ${above(80)} }`) })],
  [
    'P211',
    'a text compared',
    policyText({ when: leaf('"fact": "planId", "operator": «"lessThan"», "value": "b"') }),
  ],
  [
    'P211',
    'contains on a number',
    policyText({ when: leaf('"fact": "dayBytes", "operator": «"contains"», "value": 1') }),
  ],
  [
    'P211',
    'someFact on a text',
    policyText({ when: leaf('"fact": "planId", "operator": «"someFact:equal"», "value": "a"') }),
  ],
  [
    'P212',
    'not of a nullable fact',
    policyText({ when: '{ "not": { "fact": "capUsedPercent", "operator": «"lessThan"», "value": 80 } }' }),
  ],
  [
    'P212',
    'notIn on a nullable fact',
    policyText({ when: leaf('"fact": "planId", "operator": «"notIn"», "value": ["a"]') }),
  ],
  [
    'P212',
    'not: on a nullable fact',
    policyText({ when: leaf('"fact": "capBytes", "operator": «"not:greaterThan"», "value": 5000') }),
  ],
  [
    'P212',
    'a class without usage',
    policyText({
      when: leaf('"fact": "byClass", "path": "$.video.dayBytes", "operator": «"notEqual"», "value": 5000'),
    }),
  ],
  [
    'P213',
    'a missing value on the right',
    policyText({
      when: leaf('"fact": "dayBytes", "operator": «"greaterThan"», "value": { "fact": "usualDayBytes" }'),
    }),
  ],
  [
    'P214',
    'what always holds',
    policyText({
      when: `{ "any": [«{» "fact": "dayBytes", "operator": "lessThan", "value": 0 }, ${above(80)}] }`,
    }),
  ],
  [
    'P215',
    'a share instead of per cent',
    policyText({ when: leaf('"fact": "capUsedPercent", "operator": "greaterThan", "value": «0.8»') }),
  ],
  [
    'P215',
    'Mbit/s instead of bit/s',
    policyText({ event: event('throttle', '"downBps": «2», "upBps": 512000') }),
  ],
  [
    'P216',
    'a fact of one subscriber',
    policyText({
      head: head('"subject": "pool"'),
      when: leaf('"fact": «"dayBytes"», "operator": "greaterThan", "value": 5000'),
    }),
  ],
  [
    'P217',
    'an unknown status',
    policyText({
      when: `{ "any": [{ "fact": "billingStatus", "operator": "in", "value": ["current", «"overdew"»] }] }`,
    }),
  ],
  [
    'P217',
    'a date that does not exist',
    policyText({ when: `{ "any": [{ "fact": "date", "operator": "equal", "value": «"2026-02-30"» }] }` }),
  ],
  [
    'P301',
    'a contradiction',
    policyText({
      when: '«{» "all": [{ "fact": "hourOfDay", "operator": "greaterThan", "value": 20 }, { "fact": "hourOfDay", "operator": "lessThan", "value": 21 }] }',
    }),
  ],
  [
    'P302',
    'what is always so',
    policyText({
      when: '«{» "any": [{ "fact": "isOffPeak", "operator": "equal", "value": true }, { "fact": "isOffPeak", "operator": "equal", "value": false }] }',
    }),
  ],
  [
    'P303',
    'a rule within another',
    policyText({
      when: above(80),
      event: event('block', ''),
      more: `,\n    «{» "name": "s", "conditions": ${above(90)}, "event": ${event('block', '')} }`,
    }),
  ],
  [
    'P304',
    'two speeds',
    policyText({
      when: above(80),
      event: slow(2e6),
      more: `,\n    «{» "name": "s", "conditions": ${above(90)}, "event": ${slow(1e6)} }`,
    }),
  ],
  [
    'P305',
    'a list of thousands',
    policyText({
      when: leaf(
        `"fact": "planId", "operator": "in", "value": [${[...Array(9000).keys()].map((i) => `"p${i}"`).join(',')}]`,
      ),
    }).replace('"rules": [', '"rules": «[»'),
  ],
  ['P401', 'an unknown until', policyText({ event: event('block', '"until": «"forever"»') })],
  ['P401', 'a block of nothing', policyText({ event: event('overage', '"blockBytes": «0»') })],
  [
    'P402',
    'speeds and a profile',
    policyText({ event: event('throttle', '"downBps": 5000, "upBps": 5000, «"profile"»: "crawl"') }),
  ],
  [
    'P403',
    'a hold with a latch',
    policyText({ event: event('block', '"until": "cycle-end", «"minHoldSeconds"»: 60') }),
  ],
  [
    'P404',
    'top-ups without end',
    policyText({ event: '{ "type": "topup", "params": «{» "productId": "ten-gb" } }' }),
  ],
  ['P405', 'an unknown profile', policyText({ event: event('throttle', '"profile": «"krawl"»') })],
  ['P406', 'an unknown page', policyText({ event: event('redirect', '"profile": «"pay-pag"»') })],
  [
    'P407',
    'an unknown product',
    policyText({ event: event('topup', '"productId": «"ten-bg"», "maxPerCycle": 1') }),
  ],
  [
    'P408',
    'a throttle that speeds up',
    policyText({ event: `{ "type": "throttle", "params": «{» "downBps": 200000000, "upBps": 5000 } }` }),
    { plans: PLANS },
  ],
  [
    'P409',
    'another currency',
    policyText({
      head: head('"appliesTo": { "plans": ["paid-*"] }'),
      event: event('overage', '"currency": «"USD"»'),
    }),
    { plans: PLANS },
  ],
  [
    'P410',
    'no terms',
    policyText({
      head: head('"appliesTo": { "plans": ["home-*"] }'),
      event: '{ "type": "overage", "params": «{»} }',
    }),
    { plans: PLANS },
  ],
  [
    'P411',
    'a top-up for a pool',
    policyText({
      head: head('"subject": "pool"'),
      when: leaf('"fact": "poolUsedPercent", "operator": "greaterThan", "value": 90'),
      event: '{ "type": «"topup"», "params": { "productId": "ten-gb", "maxPerCycle": 1 } }',
    }),
  ],
  [
    'P503',
    'a plan that there is not',
    policyText({ head: head('"appliesTo": { "plans": [«"home-10"»] }') }),
    { plans: PLANS },
  ],
  [
    'P504',
    'a class that is free',
    policyText({ head: head('"appliesTo": { "plans": [«"home-*"»] }') }),
    {
      plans: [plan({ planId: 'home-1', classFactors: { video: 0 } })],
      provider: { ...PROVIDER, neutrality: true },
    },
  ],
  [
    'P504',
    'a class that is free at night',
    policyText({ head: head('"appliesTo": { "plans": [«"home-*"»] }') }),
    {
      plans: [plan({ planId: 'home-1', classFactors: {}, offPeakFactors: { '*': 500, video: 0 } })],
      provider: { ...PROVIDER, neutrality: true },
    },
  ],
  [
    'P505',
    'a throttle by class',
    policyText({
      when: '«{» "all": [{ "fact": "byClass", "path": "$.video.dayBytes", "operator": "greaterThan", "value": 5000 }] }',
      event: event('block', ''),
    }),
    { provider: { ...PROVIDER, neutrality: true } },
  ],
];
