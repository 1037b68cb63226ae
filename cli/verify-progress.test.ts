import { describe, expect, it } from 'vitest';
import { verificationText } from './verify-format.ts';
import { VerifyProgress } from './verify-progress.ts';

function shown(isTTY: boolean, ...done: number[]): string[] {
  const written: string[] = [];
  const progress = new VerifyProgress((text) => written.push(text), isTTY);
  for (const entries of done) progress.show({ stage: 'log', done: entries, total: 1000 });
  progress.show({ stage: 'waiting', things: 3 });
  progress.end();
  return written;
}

describe('VerifyProgress', () => {
  it('draws a bar over itself on a terminal, and takes it away at the end', () => {
    const written = shown(true, 0, 5, 500, 1000);
    expect(written).toHaveLength(5);
    expect(written[1]).toContain(`[${'#'.repeat(15)}${' '.repeat(15)}] 50 %`);
    expect(written.every((text) => text.startsWith('\r\u001b[K'))).toBe(true);
    expect(written.at(-1)).toBe('\r\u001b[K');
  });

  it('prints a line at every tenth elsewhere', () => {
    expect(shown(false, 0, 50, 99, 100, 1000)).toEqual([
      'recomputing the log: 0 %\n',
      'recomputing the log: 10 %\n',
      'recomputing the log: 100 %\n',
      'waiting for 3 things that are not stored yet\n',
    ]);
  });
});

it('tells every difference on a line, without control characters, and how many there are', () => {
  const one = { kind: 'window' as const, partition: 2, key: 'a\u001b[2J', expected: '1', found: '2' };
  expect(verificationText({ differences: [one], notes: ['n'], entries: 7, compared: 8 })).toBe(
    'n\nwindow a?[2J (partition 2): expected 1, found 2\n7 log entries recomputed, 8 things compared\n1 difference\n',
  );
});
