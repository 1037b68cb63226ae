import { describe, expect, it } from 'vitest';
import { retentionWarnings } from './retention.ts';

const HOUR = 3_600_000;
const whole = { ms: 18 * HOUR, bytes: null, compacted: false };

describe('retentionWarnings', () => {
  it('says nothing where three intervals fit, or time is no bound', () => {
    expect(retentionWarnings('t', whole, 6 * HOUR)).toEqual([]);
    expect(retentionWarnings('t', { ...whole, ms: null }, 6 * HOUR)).toEqual([]);
    expect(retentionWarnings('t', { ...whole, ms: 1 }, null)).toEqual([]);
  });

  it.each([
    [{ ...whole, ms: 18 * HOUR - 1 }, 'for 18 h or more (retention.ms'],
    [{ ...whole, bytes: 1_000_000 }, 'retention.bytes=-1'],
    [{ ...whole, compacted: true }, 'cleanup.policy=delete'],
  ])('warns of %o', (retention, advice) => {
    const warnings = retentionWarnings('accounting', retention, 6 * HOUR);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('topic accounting');
    expect(warnings[0]).toContain(advice);
  });
});
