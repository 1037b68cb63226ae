import { describe, expect, it } from 'vitest';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { capPolicy, capTests } from './policy-rig.contract.ts';
import { runTestsInWorker } from './tests-worker.ts';

const task = (text: string) => ({
  policy: capPolicy(),
  tests: { name: 'fup.test.json', bytes: Buffer.from(text) },
  settings: NO_PROVIDER_SETTINGS,
});

describe('tests in a thread', () => {
  it('pass, fail and cannot be read as in this one', async () => {
    const runs = await runTestsInWorker([capTests(), capTests(true), '{'].map(task));
    expect(runs).toMatchObject([
      { findings: [], counts: { passed: 1, failed: 0 } },
      { findings: [{ code: 'T000' }], counts: { passed: 0, failed: 1 } },
      { findings: [{ file: 'fup.test.json' }], counts: null },
    ]);
    expect(await runTestsInWorker([])).toEqual([]);
  });

  it('are ended when they take too long', async () => {
    const runs = await runTestsInWorker([task(capTests()), task(capTests())], { timeMs: 0, memoryMb: 256 });
    expect(runs).toHaveLength(2);
    for (const { findings, counts } of runs) {
      expect(counts).toBeNull();
      expect(findings[0]).toMatchObject({ code: 'T009', severity: 'error', file: 'fup.test.json' });
    }
  });
});
