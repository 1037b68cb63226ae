// Preloaded into a worker that is measured (node --expose-gc --import): on SIGUSR2 it prints how long the collector has
// worked so far, collects garbage twice, so that what finalizers let go is gone too, and prints what is left.
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout } from 'node:timers';

let minorMs = 0;
let majorMs = 0;
new PerformanceObserver((list) => {
  for (const { duration, detail } of list.getEntries()) {
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) minorMs += duration;
    else majorMs += duration;
  }
}).observe({ entryTypes: ['gc'] });

process.on('SIGUSR2', () => {
  const before = { minorMs, majorMs };
  globalThis.gc?.();
  setTimeout(() => {
    globalThis.gc?.();
    process.stderr.write(`probe ${JSON.stringify({ ...process.memoryUsage(), ...before })}\n`);
  }, 100);
});
