import { hostname } from 'node:os';
import type { PolicyViews } from '../api/routes/policies.ts';
import type { SettingsViews } from '../api/routes/provider-settings.ts';
import { NO_PROVIDER_SETTINGS } from '../schemas/provider.ts';
import type { Assembly } from './compose-parts.ts';
import type { Stores } from './compose-stores.ts';
import type { LifecyclePart } from './lifecycle.ts';
import { checkFiles, filesInForce } from './policies/check-files.ts';
import type { CheckContext, CheckedFiles, Checks, PolicyTexts } from './policies/check-files.ts';
import { inTurn } from './policies/check-queue.ts';
import { lintInWorker } from './policies/lint-worker.ts';
import { PolicyFolder } from './policies/policy-folder.ts';
import { PolicyLife } from './policies/policy-life.ts';
import { actsOnAtOnce } from './policies/publish-guard.ts';
import { PolicyReporter } from './policies/report-policies.ts';
import { runTestsInWorker } from './policies/tests-worker.ts';
import { every } from './schedule/every.ts';

/** Names this process among those that report. */
const REPORTER = `${hostname()}:${process.pid}`;

/** Checks by API that wait or are made; each takes tenths of a second. */
const MAX_CHECKS = 20;

const CHECKS: Checks = {
  lint: (files, { plans, settings, inForce }) => lintInWorker(files, plans, { provider: settings, inForce }),
  runTests: (tasks) => runTestsInWorker(tasks),
};

function check(texts: PolicyTexts, context: CheckContext): Promise<CheckedFiles> {
  return checkFiles(texts, context, CHECKS);
}

/** What policies are checked against: what is in force at this moment. */
async function contextOf({ policies, directory }: Stores): Promise<CheckContext> {
  const [settings, plans, heads] = await Promise.all([
    policies.settings(),
    directory.plans(),
    policies.heads(),
  ]);
  return {
    settings: settings?.settings ?? NO_PROVIDER_SETTINGS,
    // Nobody has brought any yet: that every name is unknown would say nothing.
    plans: plans.length === 0 ? null : plans,
    inForce: filesInForce(heads),
  };
}

/** What the API does with policies. */
export function policyViews({
  config,
  stores,
  log,
}: Pick<Assembly, 'config' | 'stores' | 'log'>): PolicyViews & SettingsViews {
  return new PolicyLife({
    store: stores.policies,
    reports: stores.policyReports,
    shadows: stores.shadows,
    check: inTurn(check, MAX_CHECKS),
    context: () => contextOf(stores),
    subscribers: async () => (await stores.directory.counts()).subscribers,
    partitionCount: () => log.source.partitionCount(),
    confirmPercent: config.policyConfirmPercent,
  });
}

/** Publishes what the policies folder holds, at start and whenever it changes. Starts before the relay, which sends it. */
export function policyFolderPart({ config, around, stores }: Assembly): LifecyclePart {
  const { log, metrics } = around.telemetry;
  const folder = new PolicyFolder({
    folder: config.policiesDir,
    reporter: REPORTER,
    store: stores.policies,
    reports: stores.policyReports,
    check,
    context: () => contextOf(stores),
    question: async (policy) => {
      const { policies: store, shadows, directory } = stores;
      const guard = { store, shadows, confirmPercent: config.policyConfirmPercent };
      return (await actsOnAtOnce(guard, policy, (await directory.counts()).subscribers)).question;
    },
    log,
    onFaults: (files) => metrics.policyFolderFaults.set(files),
  });
  return { name: 'policies folder', start: () => folder.start(), stop: () => folder.stop() };
}

/** Tells which versions the slots of this process run. */
export function policyReportsPart(
  { stores, pipeline }: Assembly,
  complain: (error: unknown) => void,
): LifecyclePart {
  const slots = (): typeof pipeline.worker.states => pipeline.worker.states;
  const reporter = new PolicyReporter(stores.policyReports, REPORTER, slots, () => performance.now());
  let end = (): Promise<void> => Promise.resolve();
  return {
    name: 'policy reports',
    start: () => {
      end = every(1000, () => reporter.beat(), complain);
    },
    stop: async () => {
      await end();
      try {
        await reporter.end();
      } catch (error) {
        // Rows that nobody renews count no more after two minutes.
        complain(error);
      }
    },
  };
}
