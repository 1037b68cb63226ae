import { expect, it } from 'vitest';
import {
  LogBuilder,
  NOON,
  capPolicy,
  fold,
  freshSlot,
  intentsOf,
  plan,
  profile,
} from '../../tests/factories.ts';
import type { PolicyVersion } from '../../schemas/policy.ts';
import { decodeCatalogue, encodeCatalogue } from '../commit/slot-codec.ts';

/** What a program of another release may have stored: a fact that this one does not have. */
function foreign(policyId: string): PolicyVersion {
  const { version, file } = capPolicy();
  const text = JSON.stringify({ ...file, id: policyId }).replace('capUsedPercent', 'moonPhase');
  return { policyId, version, file: JSON.parse(text) as PolicyVersion['file'] };
}

it('leaves a stored policy out that can not be compiled, and runs the others', () => {
  const meta = new Map<string, Uint8Array>();
  const stored = freshSlot();
  const log = new LogBuilder().control({ kind: 'plan-version', plan: plan() });
  log.control({ kind: 'policy-version', policy: capPolicy() });
  fold(stored, log.inputs);
  for (const field of ['plan:home-100', 'policy:home-fup']) meta.set(field, encodeCatalogue(stored, field));
  for (const [field, policy] of [
    ['policy:moon', foreign('moon')],
    [
      'candidate:home-fup',
      { ...foreign('home-fup'), file: { ...foreign('home-fup').file, mode: 'percent' } },
    ],
  ] as const)
    meta.set(field, Buffer.from(JSON.stringify(policy), 'utf8'));

  const state = freshSlot();
  decodeCatalogue(meta, state);
  expect([...state.uncompiled.keys()]).toEqual(['home-fup', 'moon']);
  expect(state.uncompiled.get('moon')).toContain('moonPhase');
  const more = new LogBuilder().control({ kind: 'subscriber-profile', profile: profile() });
  const effects = fold(state, more.record({ eventTimeMs: NOON, outputOctets: 2000 }).tick(NOON).inputs);
  expect(intentsOf(effects).map(({ kind, policyId }) => [kind, policyId])).toEqual([
    ['throttle', 'home-fup'],
  ]);
});
