// The thread of testPolicies where Weir runs from its TypeScript sources: a thread does not inherit the loader.
import { register } from 'tsx/esm/api';

register();
await import('./policy-test-thread.ts');
