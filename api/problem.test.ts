import { expect, it } from 'vitest';
import { AppError } from '../schemas/errors.ts';
import type { ErrorCode } from '../schemas/errors.ts';
import { problemOf } from './problem.ts';

it.each<[ErrorCode, number]>([
  ['invalid-input', 400],
  ['not-found', 404],
  ['conflict', 409],
  ['precondition-failed', 412],
  ['idempotency-mismatch', 422],
  ['unreachable', 503],
  ['store-unknown-outcome', 503],
  ['store-rejected', 500],
])('answers %s with %i', (code, status) => {
  const problem = problemOf(new AppError(code, 'told by the store'));
  expect(problem.status).toBe(status);
  // What is the caller's business is told, all else is not.
  expect(problem.message === 'told by the store').toBe(status < 500);
});

it('answers 503 to what may go through the next time', () => {
  const deadlock = new AppError('conflict', 'Postgres: deadlock detected (40P01)', { retriable: true });
  expect(problemOf(deadlock)).toMatchObject({ status: 503, code: 'busy' });
  expect(problemOf(deadlock).message).not.toContain('Postgres');
});
