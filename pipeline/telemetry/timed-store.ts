import type { StateStore } from '../../storage/ports.ts';
import type { Metrics } from './metrics.ts';

/** The same store with the time of each commit observed, by result ('failed' where it threw). */
export function timedStore(store: StateStore, metrics: Pick<Metrics, 'commitDuration'>): StateStore {
  return {
    verify: () => store.verify(),
    acquire: (slot) => store.acquire(slot),
    holds: (slot, lease) => store.holds(slot, lease),
    loadValues: (slot) => store.loadValues(slot),
    readValues: (slot, fields) => store.readValues(slot, fields),
    readBuckets: (slot, buckets) => store.readBuckets(slot, buckets),
    readRows: (slot, keys) => store.readRows(slot, keys),
    readHead: (slot) => store.readHead(slot),
    loadRows: (slot, groups) => store.loadRows(slot, groups),
    readOutbox: (slot) => store.readOutbox(slot),
    loadDue: (slot) => store.loadDue(slot),
    clear: (slot, lease) => store.clear(slot, lease),
    removeOutbox: (slot, ns) => store.removeOutbox(slot, ns),
    close: () => store.close(),
    commit: async (commit) => {
      const end = metrics.commitDuration.startTimer();
      try {
        const result = await store.commit(commit);
        end({ result });
        return result;
      } catch (error) {
        end({ result: 'failed' });
        throw error;
      }
    },
  };
}
