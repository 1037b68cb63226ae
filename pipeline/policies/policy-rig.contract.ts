import { lintFolder } from '../../rules/lint/lint-folder.ts';
import type { PolicyFile } from '../../schemas/policy.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { MemoryPolicyStore } from '../../storage/memory/policy-store.ts';
import type {
  FolderReport,
  PartitionPolicies,
  ShadowComparison,
  ShadowDecisions,
  ShadowPeriod,
} from '../../storage/policy-ports.ts';
import { checkFiles, filesInForce } from './check-files.ts';
import type { CheckContext, CheckedFiles, Checks, PolicyTexts } from './check-files.ts';
import { TooManyChecks } from './check-queue.ts';
import { PolicyLife } from './policy-life.ts';
import { runAllTests } from './run-file-tests.ts';

/** Lint and tests of the product, without a thread. */
export const CHECKS: Checks = {
  lint: async (files, { plans, settings, inForce }) => lintFolder(files, plans, settings, inForce),
  runTests: runAllTests,
};

export function check(texts: PolicyTexts, context: CheckContext): Promise<CheckedFiles> {
  return checkFiles(texts, context, CHECKS);
}

/** A policy that is right: throttles above a percentage of the cap. */
export function capPolicy(over: Partial<PolicyFile> = {}): PolicyFile {
  return {
    id: 'fup',
    description: 'slow at the cap',
    mode: 'enforce',
    rules: [
      {
        name: 'slow',
        conditions: { all: [{ fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: 100 }] },
        event: { type: 'throttle', params: { downBps: 2_000_000, upBps: 512_000 } },
      },
    ],
    ...over,
  };
}

/** Tests of that policy; `wrong` = they fail. */
export function capTests(wrong = false): string {
  return JSON.stringify({
    cases: [{ name: 'at the cap', facts: { capUsedPercent: 100 }, expect: wrong ? [] : ['slow'] }],
  });
}

const NO_COMPARISON: ShadowComparison = {
  ...{ shadow: [], live: [], same: 0, gained: 0, lost: 0, gainedHeld: 0 },
  ...{ byPlan: [], gainedSamples: [], lostSamples: [] },
};

/** The life of policies over a store in memory, with what a test sets beside it. */
export function policyRig() {
  const store = new MemoryPolicyStore();
  const state = {
    /** subscribers on whom a shadow holds; null = it decided nothing */
    holding: null as number | null,
    subscribers: 100,
    /** too many checks wait */
    isBusy: false,
    partitions: [] as PartitionPolicies[],
    folders: [] as FolderReport[],
    comparison: NO_COMPARISON,
    /** arguments of the last comparison */
    compared: null as { period: ShadowPeriod; sinceMs: number } | null,
  };
  const shadows: ShadowDecisions = {
    list: () => Promise.resolve([]),
    holding: () => Promise.resolve(state.holding),
    compare: (_id, period, sinceMs) => {
      state.compared = { period, sinceMs };
      return Promise.resolve(state.comparison);
    },
  };
  const context = async (): Promise<CheckContext> => ({
    settings: (await store.settings())?.settings ?? NO_PROVIDER_SETTINGS,
    plans: null,
    inForce: filesInForce(await store.heads()),
  });
  const life = new PolicyLife({
    store,
    shadows,
    reports: {
      partitions: () => Promise.resolve(state.partitions),
      folders: () => Promise.resolve(state.folders),
    },
    check: (texts, about) => (state.isBusy ? Promise.reject(new TooManyChecks()) : check(texts, about)),
    context,
    subscribers: () => Promise.resolve(state.subscribers),
    partitionCount: () => Promise.resolve(12),
    confirmPercent: 5,
  });
  return { store, state, life, context };
}
