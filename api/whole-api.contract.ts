import { jobViews } from '../pipeline/schedule/job-views.ts';
import { AppError } from '../schemas/errors.ts';
import { MemoryImports } from '../storage/memory/imports.ts';
import { MemoryJobStore } from '../storage/memory/job-store.ts';
import { apiOptions } from './api-rig.contract.ts';
import { billingSources } from './billing-fake.contract.ts';
import { recordingTariffs } from './tariff-fake.contract.ts';

/** Files are not brought in here, and records not taken: the routes have tests of their own. */
const elsewhere = (): Promise<never> => Promise.reject(new AppError('not-found', 'its own test has one'));

/** Options of an API with every route there is, over stores in memory; nobody is limited. */
export function wholeApiOptions() {
  const options = apiOptions();
  return {
    ...options,
    tariffs: recordingTariffs(),
    billing: billingSources(),
    admin: {
      jobs: jobViews(new MemoryJobStore()),
      keys: options.keys,
      audit: { audit: () => Promise.resolve({ items: [], next: null }) },
    },
    imports: {
      importer: { take: elsewhere, resume: elsewhere },
      imports: new MemoryImports(),
      maxBytes: 1,
    },
    intake: { turnsAway: () => false, take: elsewhere },
    ...{ rateLimit: 1_000_000, keyRateLimit: 1_000_000, failureLimit: 1_000_000, feedRateLimit: 1_000_000 },
  };
}
