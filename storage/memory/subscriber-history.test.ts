import { subscriberHistoryContract } from '../subscriber-history.contract.ts';
import { MemorySubscriberHistory } from './subscriber-history.ts';

subscriberHistoryContract('memory', () => {
  const history = new MemorySubscriberHistory();
  const { stored } = history;
  const put = <T>(list: T[], items: readonly T[]): Promise<void> => {
    list.push(...items);
    return Promise.resolve();
  };
  return Promise.resolve({
    history,
    putIntents: (intents) =>
      put(
        stored.actions,
        intents.map((intent) => ({
          intent,
          state: 'pending' as const,
          detail: '',
          attempts: 0,
          createdAtMs: 1,
          updatedAtMs: 1,
        })),
      ),
    putShadows: (shadows) => put(stored.shadows, shadows),
    putAdjustments: (rows) => put(stored.adjustments, rows),
    putAudit: (rows) =>
      put(
        stored.audit,
        rows.map((row) => ({ ...row, content: {} })),
      ),
    putPolicies: async (versions, changes) => {
      await put(stored.versions, versions);
      await put(stored.changes, changes);
    },
  });
});
