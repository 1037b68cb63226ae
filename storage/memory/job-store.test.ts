import { jobStoreContract } from '../job-store.contract.ts';
import { MemoryJobStore } from './job-store.ts';

jobStoreContract('memory', () => {
  const store = new MemoryJobStore();
  return Promise.resolve({
    stores: [store, store] as [MemoryJobStore, MemoryJobStore],
    cutOff: () => Promise.resolve(store.usurp()),
  });
});
