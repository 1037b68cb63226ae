import { deadLetterViews } from '../pipeline/dead-letter/letter-rig.contract.ts';
import { policyRig } from '../pipeline/policies/policy-rig.contract.ts';
import { createTelemetry } from '../pipeline/telemetry.ts';
import { MemoryApiKeys } from '../storage/memory/api-keys.ts';
import { MemoryDeadLetters } from '../storage/memory/dead-letters.ts';
import { FakeDirectory } from './directory.contract.ts';
import { feedsView } from './feed-factory.contract.ts';
import type { ApiOptions, ApiViews } from './server.ts';
import { timelineViews } from './timeline-factory.contract.ts';
import { overviewView, subscriberView } from './view-factory.contract.ts';

/** Options of an API that shows made-up views, with what a test changes; its keys are in memory. */
export function apiOptions(changes: Partial<ApiViews> = {}): ApiOptions & { keys: MemoryApiKeys } {
  const well = { ok: true, problems: [] };
  return {
    keys: new MemoryApiKeys(),
    directory: new FakeDirectory(),
    log: createTelemetry({ level: 'silent', processMetrics: false }).log,
    views: {
      overview: () => Promise.resolve(overviewView()),
      subscriber: (id) => Promise.resolve(id === 'nobody' ? null : subscriberView(id)),
      health: () => Promise.resolve(well),
      ready: () => Promise.resolve(well),
      feeds: () => Promise.resolve(feedsView()),
      deadLetters: deadLetterViews(new MemoryDeadLetters()),
      policies: policyRig().life,
      timelines: timelineViews(),
      ...changes,
    },
  };
}
