import type { PolicyFile, PolicyVersion, Until } from '../../schemas/policy.ts';
import { capPolicy } from '../factories.ts';
import type { Dice } from './dice.ts';

/** A version of the simulated provider's policy: slow at the cap, a notice before, sometimes more. */
export function policyOf(dice: Dice, n: number): PolicyVersion {
  const until = dice.pick<Until>(['while', 'cycle-end', { seconds: 1800 }]);
  const slow = capPolicy({ minHoldSeconds: dice.pick([0, 0, 600]), until });
  const notice = {
    name: 'warn',
    conditions: {
      all: [{ fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: dice.pick([50, 80]) }],
    },
    event: { type: 'notify' as const, params: { template: 'near-cap', channel: 'sms' } },
  };
  const mode = dice.chance(0.9) ? 'enforce' : 'off';
  const file: PolicyFile = { ...slow.file, mode, rules: [...slow.file.rules, notice] };
  return { policyId: slow.policyId, version: `v${n}`, file };
}
