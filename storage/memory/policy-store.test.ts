import { describe } from 'vitest';
import { policyStoreLaws } from '../policy-store.contract.ts';
import { MemoryPolicyStore } from './policy-store.ts';

describe('policies in memory', () => {
  policyStoreLaws(async () => {
    const store = new MemoryPolicyStore();
    return {
      store,
      controls: async () => store.controls.splice(0),
      audit: async () => store.audit.map(({ who, action, subject }) => `${who} ${action} ${subject}`),
    };
  });
});
