import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { capPolicy } from '../tests/factories.ts';
import { compilePolicy } from './compile.ts';
import { checkPolicyFile, factsOf } from './policy-file.ts';

/** Paths of all faults. */
function faultsOf(value: unknown): string[] {
  const checked = checkPolicyFile(value);
  return 'faults' in checked ? checked.faults.map(({ path }) => path) : [];
}

const file = (): Record<string, unknown> => structuredClone(capPolicy().file) as never;

function withRule(fields: Record<string, unknown>): unknown {
  const rule = { ...capPolicy().file.rules[0], ...fields };
  return { ...file(), rules: [rule] };
}

const RULE = '$.rules[0]';
const leaf = { fact: 'capBytes', operator: 'equal', value: 1 };
const throttle = { downBps: 1, upBps: 1 };

describe('checkPolicyFile', () => {
  it('takes the file that ships', () => {
    const url = new URL('../policies/home-fup.json', import.meta.url);
    const value: unknown = JSON.parse(readFileSync(url, 'utf8'));
    expect(faultsOf(value)).toEqual([]);
    expect(faultsOf(file())).toEqual([]);
  });

  it.each<[string, unknown, string[]]>([
    ['no object', [], ['$']],
    ['nothing', null, ['$']],
    ['an unknown key', { ...file(), rule: 1 }, ['$.rule']],
    ['a bad id', { ...file(), id: 'Home FUP' }, ['$.id']],
    ['no description', { ...file(), description: undefined }, ['$.description']],
    ['an unknown mode', { ...file(), mode: 'on' }, ['$.mode']],
    ['percent without a share', { ...file(), mode: 'percent' }, ['$.percent']],
    ['a share beyond 100', { ...file(), mode: 'percent', percent: 101 }, ['$.percent']],
    ['pools', { ...file(), subject: 'pool' }, ['$.subject']],
    ['an unknown scope', { ...file(), appliesTo: { plan: ['a'] } }, ['$.appliesTo.plan']],
    ['an empty plan name', { ...file(), appliesTo: { plans: [''] } }, ['$.appliesTo.plans']],
    ['no rules', { ...file(), rules: [] }, ['$.rules']],
    ['a rule that is none', { ...file(), rules: [7] }, ['$.rules[0]']],
    ['a name with a slash', withRule({ name: 'a/b' }), [`${RULE}.name`]],
    ['a priority of 0', withRule({ priority: 0 }), [`${RULE}.priority`]],
    ['no condition', withRule({ conditions: undefined }), [`${RULE}.conditions`]],
    ['all of nothing', withRule({ conditions: { all: [] } }), [`${RULE}.conditions.all`]],
    [
      'all and any at once',
      withRule({ conditions: { all: [leaf], any: [leaf] } }),
      [`${RULE}.conditions.any`],
    ],
    [
      'a named condition',
      withRule({ conditions: { condition: 'x' } }),
      [`${RULE}.conditions.condition`, `${RULE}.conditions.fact`],
    ],
    [
      'a priority inside that the library throws on',
      withRule({ conditions: { all: [leaf], priority: -1 } }),
      [`${RULE}.conditions.priority`],
    ],
    [
      'a leaf priority that the library throws on',
      withRule({ conditions: { all: [{ ...leaf, priority: 'x' }] } }),
      [`${RULE}.conditions.all[0].priority`],
    ],
    [
      'a path',
      withRule({ conditions: { all: [{ ...leaf, path: '$.x' }] } }),
      [`${RULE}.conditions.all[0].path`],
    ],
    [
      'an unknown fact',
      withRule({ conditions: { not: { ...leaf, fact: 'cap' } } }),
      [`${RULE}.conditions.not.fact`],
    ],
    [
      'a fact of the prototype',
      withRule({ conditions: { any: [{ ...leaf, fact: 'constructor' }] } }),
      [`${RULE}.conditions.any[0].fact`],
    ],
    [
      'an unknown operator',
      withRule({ conditions: { all: [{ ...leaf, operator: '==' }] } }),
      [`${RULE}.conditions.all[0].operator`],
    ],
    [
      'a text where bytes are meant',
      withRule({ conditions: { all: [{ ...leaf, value: '10GB' }] } }),
      [`${RULE}.conditions.all[0].value`],
    ],
    [
      'a comparison with null',
      withRule({ conditions: { all: [{ ...leaf, operator: 'lessThan', value: null }] } }),
      [`${RULE}.conditions.all[0].value`],
    ],
    [
      'in with a text',
      withRule({ conditions: { all: [{ fact: 'planId', operator: 'in', value: 'home' }] } }),
      [`${RULE}.conditions.all[0].value`],
    ],
    [
      'contains on a number',
      withRule({ conditions: { all: [{ ...leaf, operator: 'contains' }] } }),
      [`${RULE}.conditions.all[0].value`],
    ],
    ['no event', withRule({ event: undefined }), [`${RULE}.event`]],
    ['an unknown event', withRule({ event: { type: 'block', params: {} } }), [`${RULE}.event.type`]],
    [
      'a speed of 0',
      withRule({ event: { type: 'throttle', params: { ...throttle, upBps: 0 } } }),
      [`${RULE}.event.params.upBps`],
    ],
    [
      'a speed with a fraction',
      withRule({ event: { type: 'throttle', params: { ...throttle, downBps: 1.5 } } }),
      [`${RULE}.event.params.downBps`],
    ],
    [
      'an unknown until',
      withRule({ event: { type: 'throttle', params: { ...throttle, until: 'tomorrow' } } }),
      [`${RULE}.event.params.until`],
    ],
    [
      'until 0 seconds',
      withRule({ event: { type: 'throttle', params: { ...throttle, until: { seconds: 0 } } } }),
      [`${RULE}.event.params.until`],
    ],
    [
      'a negative hold',
      withRule({ event: { type: 'throttle', params: { ...throttle, minHoldSeconds: -1 } } }),
      [`${RULE}.event.params.minHoldSeconds`],
    ],
    [
      'a notice without channel',
      withRule({ event: { type: 'notify', params: { template: 'x' } } }),
      [`${RULE}.event.params.channel`],
    ],
  ])('finds %s', (_name, value, paths) => {
    expect(faultsOf(value)).toEqual(paths);
  });

  it('lists every fault at once', () => {
    const broken = {
      ...file(),
      id: 7,
      mode: 'maybe',
      rules: [
        {
          name: 'a',
          conditions: {
            all: [
              { ...leaf, fact: 'x' },
              { ...leaf, value: 'y' },
            ],
          },
          event: {},
        },
        { name: 'a', conditions: { all: [leaf] }, event: { type: 'throttle', params: {} } },
      ],
    };
    expect(faultsOf(broken)).toEqual([
      '$.id',
      '$.mode',
      '$.rules[0].conditions.all[0].fact',
      '$.rules[0].conditions.all[1].value',
      '$.rules[0].event',
      '$.rules[1].name',
      '$.rules[1].event.params.downBps',
      '$.rules[1].event.params.upBps',
    ]);
  });

  it('stops at its limits, not at the end of memory', () => {
    let deep: unknown = leaf;
    for (let i = 0; i < 5000; i += 1) deep = { not: deep };
    expect(faultsOf(withRule({ conditions: deep }))).toHaveLength(1);
    const wide = { all: [...Array(100_000).keys()].map(() => ({})) };
    expect(faultsOf(withRule({ conditions: wide })).length).toBeLessThanOrEqual(100);
    expect(faultsOf({ ...file(), rules: [...Array(201).keys()].map(() => ({})) })).toEqual(['$.rules']);
  });

  it('lets through only what compiles', () => {
    expect(() => compilePolicy(capPolicy())).not.toThrow();
    expect(factsOf({ all: [leaf, { not: { any: [{ ...leaf, fact: 'planId' }] } }] })).toEqual([
      'capBytes',
      'planId',
    ]);
  });
});
