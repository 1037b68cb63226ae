// Preloaded into a worker that is measured (node --expose-gc --import): on SIGUSR2 it collects garbage twice, so that
// what finalizers let go is gone too, and prints what is left.
import { setTimeout } from 'node:timers';

process.on('SIGUSR2', () => {
  globalThis.gc?.();
  setTimeout(() => {
    globalThis.gc?.();
    process.stderr.write(`probe ${JSON.stringify(process.memoryUsage())}\n`);
  }, 100);
});
