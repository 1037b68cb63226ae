import { randomInt } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runChaos } from './chaos.ts';
import type { ChaosReport } from './chaos.ts';
import { CHECKS } from './checks.ts';
import { formatChaos } from './format-chaos.ts';

/** Another seed by WEIR_TEST_SEED; it says usage and faults, and is printed. */
const SEED = Number(process.env['WEIR_TEST_SEED'] ?? randomInt(1_000_000));
/** All kinds of faults, within four minutes with start, end and comparison. */
const MINUTES = 1.85;

describe(`chaos (WEIR_TEST_SEED=${String(SEED)})`, () => {
  let report: ChaosReport;

  beforeAll(async () => {
    process.stdout.write(`chaos: WEIR_TEST_SEED=${String(SEED)}\n`);
    const logDir = await mkdtemp(join(tmpdir(), 'weir-chaos-'));
    const options = { seed: SEED, minutes: MINUTES, workers: 3, partitions: 6, recordsPerSecond: 1_000 };
    const rest = { recovery: 100_000, program: 'pipeline/main.ts', logDir };
    report = await runChaos({ ...options, ...rest }, (line) => process.stdout.write(`${line}\n`));
    process.stdout.write(formatChaos(report));
  });

  it('injected every kind of fault', () => {
    expect(report.faults.filter(({ count }) => count === 0)).toEqual([]);
    expect(report.faults).toHaveLength(12);
  });

  it('was not about nothing', () => {
    expect(report.sizes['records']).toBeGreaterThan(50_000);
    expect(report.sizes['delivered']).toBeGreaterThan(50);
    for (const changes of ['actions of pools', 'plans changed', 'top-ups bought', 'pools joined or left'])
      expect(report.sizes[changes]).toBeGreaterThan(0);
    expect(report.sizes['tails lost']).toBeGreaterThan(0);
    expect(report.sizes['worker starts']).toBeGreaterThan(5);
  });

  it.each(CHECKS)('%s', (name) => {
    expect(report.checks.find((check) => check.name === name)?.faults).toEqual([]);
  });
});
