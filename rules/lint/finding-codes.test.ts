import { describe, expect, it } from 'vitest';
import { FORMAT_FAULTS } from '../../tests/format-faults.ts';
import { MEANING_FAULTS } from '../../tests/meaning-faults.ts';
import { findingsOf, marked } from '../../tests/policy-texts.ts';
import { FINDING_CODES } from './finding.ts';

const CASES = [...FORMAT_FAULTS, ...MEANING_FAULTS];

describe('findings', () => {
  it.each(CASES)('%s: %s', (code, _name, sample, context) => {
    const { text, place } = marked(sample);
    expect(findingsOf(text, context)).toEqual([`${code} ${place}`]);
  });

  it('has a case for every code but those of other files', () => {
    const elsewhere = [
      'P001',
      'P002',
      'P009',
      'P010',
      'P501',
      'P502',
      'P506',
      'P601',
      'P602',
      'P603',
      'P604',
      'P605',
    ];
    const covered = new Set([...CASES.map(([code]) => code as string), ...elsewhere]);
    expect(Object.keys(FINDING_CODES).filter((code) => !covered.has(code))).toEqual([]);
  });
});
