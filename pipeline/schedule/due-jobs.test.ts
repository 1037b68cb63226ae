import { describe, expect, it } from 'vitest';
import type { JobState } from '../../storage/job-ports.ts';
import { dueJobs, nextDue } from './due-jobs.ts';

const NOON = Date.UTC(2026, 0, 1, 12);
const HOUR = 3_600_000;

function state(name: string, changes: Partial<JobState> = {}): JobState {
  const well = { seenMs: NOON, requestedBy: null, running: false, paused: false };
  return { name, cron: '0 * * * *', ...well, ...changes };
}

describe('dueJobs', () => {
  it('has what was asked for first, with the time it may be for too', () => {
    const states = [
      state('late', { seenMs: NOON - 5 * HOUR }),
      state('asked', { requestedBy: 'ann' }),
      state('both', { seenMs: NOON - HOUR, requestedBy: 'bob' }),
      state('not-yet'),
    ];
    expect(dueJobs(states, NOON)).toEqual([
      { name: 'asked', dueMs: null, byHand: 'ann' },
      { name: 'both', dueMs: NOON, byHand: 'bob' },
      { name: 'late', dueMs: NOON, byHand: null },
    ]);
  });

  it('leaves out what runs, and of what is paused its times', () => {
    const late = { seenMs: 0 };
    const states = [
      state('runs', { ...late, running: true, requestedBy: 'ann' }),
      state('paused', { ...late, paused: true }),
      state('paused-and-asked', { ...late, paused: true, requestedBy: 'ann' }),
      state('no-times', { ...late, cron: 'gone wrong' }),
    ];
    expect(dueJobs(states, NOON)).toEqual([{ name: 'paused-and-asked', dueMs: null, byHand: 'ann' }]);
  });
});

describe('nextDue', () => {
  it('is the time after the one seen to, also where it has come', () => {
    expect(nextDue(state('a'))).toBe(NOON + HOUR);
    expect(nextDue(state('a', { seenMs: NOON - 9 * HOUR }))).toBe(NOON - 8 * HOUR);
  });

  it('is never for what is paused', () => {
    expect(nextDue(state('a', { paused: true }))).toBeNull();
  });
});
