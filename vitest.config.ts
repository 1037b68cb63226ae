import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const ignored = ['**/node_modules/**', '**/dist/**', '**/.weir/**'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...ignored, '**/*.integration.test.ts', '**/*.simulation.test.ts', '**/*.chaos.test.ts'],
          environment: 'node',
          // Pure code needs no process of its own for each file: 984 tests in 10 s instead of 26, on two busy cores.
          isolate: false,
          maxWorkers: '100%',
          // For what hangs only: laws over some hundred random logs take seconds, and on a machine that other work keeps
          // from us for 45 s a test of a millisecond has taken 45 s.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['**/*.integration.test.ts'],
          exclude: ignored,
          environment: 'node',
          fileParallelism: false,
          // One process for all files: loading the program anew for each of a hundred took minutes.
          isolate: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        // The whole core under a seeded scheduler, and the proofs that its mechanisms are needed. Uses all cores itself.
        test: {
          name: 'simulation',
          include: ['**/*.simulation.test.ts'],
          exclude: ignored,
          environment: 'node',
          fileParallelism: false,
          maxConcurrency: availableParallelism(),
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        // Real processes and servers, killed at random.
        test: {
          name: 'chaos',
          include: ['**/*.chaos.test.ts'],
          exclude: ignored,
          environment: 'node',
          fileParallelism: false,
          testTimeout: 420_000,
          hookTimeout: 420_000,
        },
      },
    ],
  },
});
