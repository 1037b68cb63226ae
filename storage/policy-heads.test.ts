import { describe, expect, it } from 'vitest';
import type { PolicyFile } from '../schemas/policy.ts';
import { headsAfter, headsBefore } from './policy-heads.ts';
import type { PolicyChange, VersionsInForce } from './policy-ports.ts';

function version(name: string, mode: PolicyFile['mode']) {
  return { policyId: 'p', version: name, file: { id: 'p', description: '', mode, rules: [] } };
}

describe('headsAfter', () => {
  it.each([
    ['enforce', { base: 'b', candidate: 'c' }, { base: 'n', candidate: null }],
    ['off', { base: 'b', candidate: 'c' }, { base: 'n', candidate: null }],
    ['shadow', { base: 'b', candidate: 'c' }, { base: 'b', candidate: 'n' }],
    ['percent', { base: null, candidate: null }, { base: null, candidate: 'n' }],
  ] as const)('%s', (mode, before, after) => {
    expect(headsAfter(before, version('n', mode))).toEqual(after);
  });
});

describe('headsBefore', () => {
  /** base after each change; `<` before it = by rollback */
  function history(...bases: string[]): Pick<PolicyChange, 'kind' | 'base'>[] {
    return bases.map((text) => {
      const name = text.replace('<', '');
      return { kind: text.startsWith('<') ? 'rollback' : 'publish', base: name === '-' ? null : name };
    });
  }
  const based = (base: string | null): VersionsInForce => ({ base, candidate: null });

  it('drops a candidate', () => {
    expect(headsBefore({ base: 'a', candidate: 'c' }, history('a', 'a'))).toEqual(based('a'));
    expect(headsBefore({ base: null, candidate: 'c' }, history('-'))).toEqual(based(null));
  });

  it.each([
    ['the base before', ['a', 'b'], 'a'],
    ['a candidate between changes no base', ['a', 'a', 'b'], 'a'],
    ['nothing before the first', ['a'], null],
    ['what was withdrawn', ['a', '-'], 'a'],
    ['a second time one further', ['a', 'b', 'c', '<b'], 'a'],
    ['after a new one behind what was rolled back', ['a', 'b', '<a', 'c'], 'a'],
    ['a version that was in force twice', ['a', 'b', 'a'], 'b'],
    ['to before the first by rollback, then published', ['a', '<-', 'b'], null],
  ] as const)('%s', (_, bases, expected) => {
    const changes = history(...bases);
    expect(headsBefore(based(changes.at(-1)?.base ?? null), changes)).toEqual(based(expected));
  });

  it('has nowhere to go where nothing was ever in force', () => {
    expect(headsBefore(based(null), [])).toBeNull();
    expect(headsBefore(based(null), history('a', '<-'))).toBeNull();
  });
});
