// The thread of ReplayThreads where Weir runs from its TypeScript sources: a thread does not inherit the loader.
import { register } from 'tsx/esm/api';

register();
await import('./replay-worker.ts');
