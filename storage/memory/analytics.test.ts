import { analyticsHistoryContract } from '../analytics-history.contract.ts';
import { analyticsReadsContract } from '../analytics-reads.contract.ts';
import { analyticsContract } from '../analytics.contract.ts';
import { MemoryAnalytics } from './analytics.ts';

analyticsContract('memory', () => {
  const analytics = new MemoryAnalytics();
  return Promise.resolve({
    analytics,
    sessionsOf: (id) => Promise.resolve(analytics.sessions().filter((row) => row.subscriberId === id)),
    actionsOf: (id) =>
      Promise.resolve(
        analytics
          .actions()
          .filter(({ intent }) => intent.subscriberId === id)
          .map(({ intent, state, attempts, detail }) => ({ id: intent.id, state, attempts, detail })),
      ),
    close: () => analytics.close(),
  });
});

analyticsReadsContract('memory', () => Promise.resolve(new MemoryAnalytics()));

analyticsHistoryContract('memory', () => Promise.resolve(new MemoryAnalytics()));
