import { describe, expect, it } from 'vitest';
import { formatRules } from './format-rules.ts';
import { measureRules } from './rules.ts';

describe('the benchmark of rules', () => {
  it('compares both on every kind of rule before it measures, and reports each size', async () => {
    const report = await measureRules({ sizes: [1, 16], pairs: 2, sliceMs: 5, seed: 7 });
    expect(report.figures.map(({ rules }) => rules)).toEqual([1, 16]);
    for (const { compiledPerSecond, libraryPerSecond, lowestRatio, ratio, highestRatio } of report.figures) {
      for (const figure of [compiledPerSecond, libraryPerSecond, lowestRatio])
        expect(figure).toBeGreaterThan(0);
      expect(ratio).toBeGreaterThanOrEqual(lowestRatio);
      expect(ratio).toBeLessThanOrEqual(highestRatio);
    }
    expect(formatRules(report).trimEnd().split('\n')).toHaveLength(4);
  });
});
