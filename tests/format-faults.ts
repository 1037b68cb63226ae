import type { FindingCode } from '../rules/lint/finding.ts';
import type { LintContext } from '../rules/lint/lint-policy.ts';
import { above, doubled, event, head, leaf, policyText } from './policy-texts.ts';

/** A finding that a text has, and no other: code, what it is, the text with the place marked, context. */
export type Fault = [FindingCode, string, string, Partial<LintContext>?];

/** What is wrong with a text or its shape. */
export const FORMAT_FAULTS: Fault[] = [
  [
    'P100',
    'a bare comparison with a name',
    policyText({
      head: head('"conditions": { "heavy": «{» "fact": "isOffPeak", "operator": "equal", "value": true } }'),
      when: '{ "condition": "heavy" }',
    }),
  ],
  ['P003', 'a byte order mark', `«»\uFEFF${policyText()}`],
  ['P004', 'a comment', policyText({ rule: '«// why»\n"name": "r",' })],
  [
    'P004',
    'a comma at the end',
    policyText({ when: '{ "all": [{ "fact": "isOffPeak", "operator": "equal", "value": true },«]» }' }),
  ],
  ['P004', 'a text in single quotes', policyText({ rule: `"name": «'r'»,` })],
  ['P004', 'NaN', policyText({ when: leaf('"fact": "dayBytes", "operator": "equal", "value": «NaN»') })],
  ['P005', 'a key twice', policyText({ rule: '"name": "r", «"name"»: "r",' })],
  ['P006', 'a key of the prototype', policyText({ head: head('«"__proto__"»: {}') })],
  ['P006', 'constructor within an event', policyText({ event: event('block', '«"constructor"»: 1') })],
  ['P007', 'nesting', policyText({ when: `${'['.repeat(45)}«[»${']'.repeat(46)}` })],
  [
    'P008',
    'a number beyond all',
    policyText({ when: leaf('"fact": "dayBytes", "operator": "equal", "value": «1e999»') }),
  ],
  [
    'P008',
    'a number beyond the safe ones',
    policyText({ when: leaf('"fact": "dayBytes", "operator": "equal", "value": «9007199254740993»') }),
  ],
  ['P100', 'a list instead of an object', '«[»]'],
  ['P100', 'no rules', `{ "id": "a", "description": "", "mode": "off", "rules": «[»] }`],
  ['P100', 'names of plans in a text', policyText({ head: head('"appliesTo": { "plans": «"home"» }') })],
  ['P100', 'a text as condition', policyText({ when: '«"x"»' })],
  [
    'P101',
    'a mistyped fact',
    policyText({ when: leaf('"fact": «"capUsdPercent"», "operator": "equal", "value": 1') }),
  ],
  [
    'P101',
    'a fact of the prototype',
    policyText({ when: leaf('"fact": «"toString"», "operator": "equal", "value": 1') }),
  ],
  [
    'P101',
    'an unknown fact of a class',
    policyText({
      when: leaf('"fact": "byClass", "path": «"$.video.dayByte"», "operator": "lessThan", "value": 1'),
    }),
  ],
  [
    'P102',
    'a mistyped operator',
    policyText({ when: leaf('"fact": "dayBytes", "operator": «"greaterThen"», "value": 1') }),
  ],
  [
    'P102',
    'a mistyped decorator',
    policyText({ when: leaf('"fact": "tags", "operator": «"someFacts:equal"», "value": "a"') }),
  ],
  ['P103', 'a mistyped key', policyText({ head: head('«"aplliesTo"»: {}') })],
  [
    'P103',
    'params of a fact',
    policyText({ when: leaf('"fact": "isOffPeak", "operator": "equal", "value": true, «"params"»: {}') }),
  ],
  [
    'P103',
    'a parameter of another event',
    policyText({ event: event('notify', '"template": "t", "channel": "c", «"until"»: "while"') }),
  ],
  ['P104', 'a mistyped event', policyText({ event: `{ "type": «"trottle"», "params": {} }` })],
  ['P105', 'a mistyped mode', policyText({ head: '"id": "a", "description": "", "mode": «"enforced"»,' })],
  ['P106', 'a mistyped subject', policyText({ head: head('"subject": «"pools"»') })],
  [
    'P107',
    'no description',
    `«{» "id": "a", "mode": "off", ${policyText().slice(policyText().indexOf('"rules"'))}`,
  ],
  [
    'P107',
    'a condition without operator',
    policyText({ when: '{ "all": [«{» "fact": "dayBytes", "value": 1 }] }' }),
  ],
  [
    'P107',
    'a throttle without upload',
    policyText({ event: '{ "type": "throttle", "params": «{» "downBps": 2000000 } }' }),
  ],
  [
    'P108',
    'an id with blanks',
    policyText({ head: '"id": «"My Policy"», "description": "", "mode": "enforce",' }),
  ],
  ['P108', 'a star in the middle', policyText({ head: head('"appliesTo": { "plans": [«"h*me"»] }') })],
  [
    'P109',
    'two rules of one name',
    policyText({
      more: `,\n    { "name": «"r"», "conditions": ${above(90)}, "event": ${event('block', '')} }`,
    }),
  ],
  ['P110', 'a priority of 0', policyText({ rule: '"name": "r", "priority": «0»,' })],
  [
    'P110',
    'a fraction as priority of a condition',
    policyText({ when: leaf('"fact": "isOffPeak", "operator": "equal", "value": true, "priority": «1.5»') }),
  ],
  ['P111', 'mode percent alone', policyText({ head: '"id": "a", "description": "", "mode": «"percent"»,' })],
  [
    'P111',
    'more than all',
    policyText({ head: '"id": "a", "description": "", "mode": "percent", "percent": «101»,' }),
  ],
  ['P112', 'percent in another mode', policyText({ head: head('«"percent"»: 10') })],
  [
    'P113',
    'conditions doubled by names',
    policyText({
      head: head(`"conditions": { ${doubled(6)} }`),
      when: '«{» "all": [{ "condition": "c0" }, { "condition": "c0" }] }',
    }),
  ],
  [
    'P113',
    'too many conditions',
    policyText({
      when: `{ "any": [${'{ "fact": "isOffPeak", "operator": "equal", "value": true },'.repeat(499)}«{» "fact": "isOffPeak", "operator": "equal", "value": true }] }`,
    }),
  ],
];
