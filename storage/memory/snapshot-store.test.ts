import { snapshotStoreContract } from '../snapshot-store.contract.ts';
import { MemorySnapshotStore } from './snapshot-store.ts';

const store = new MemorySnapshotStore();
snapshotStoreContract('memory', () => store);
