import { reconciliationsContract } from '../reconciliations.contract.ts';
import { MemoryReconciliations } from './reconciliations.ts';

reconciliationsContract('memory', () => Promise.resolve(new MemoryReconciliations()));
