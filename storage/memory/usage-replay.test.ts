import { usageReplayContract } from '../usage-replay.contract.ts';
import { MemoryAnalytics } from './analytics.ts';

usageReplayContract('memory', () => Promise.resolve(new MemoryAnalytics()));
