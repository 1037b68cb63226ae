import type { JobViews } from '../pipeline/schedule/job-views.ts';
import type { ApiKeys } from '../storage/people-ports.ts';
import type { TariffReads } from '../storage/tariff-ports.ts';

/** What the routes of operation use. Everything may throw AppErrors; 'unreachable' and 'timeout' become 503. */
export interface AdminSources {
  jobs: JobViews;
  keys: Pick<ApiKeys, 'create' | 'list' | 'revoke'>;
  audit: Pick<TariffReads, 'audit'>;
}
