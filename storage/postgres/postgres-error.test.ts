import pg from 'pg';
import { expect, it } from 'vitest';
import { postgresError } from './postgres-error.ts';

function failure(code: string, constraint?: string): Error {
  const error = new pg.DatabaseError('duplicate key value violates "x"', 10, 'error');
  error.code = code;
  if (constraint !== undefined) error.constraint = constraint;
  return error;
}

it.each([
  ['23505', 'subscriber_external', 'conflict', 'external-id: another subscriber has this external id'],
  ['23P01', 'one_plan_at_a_time', 'conflict', 'overlap: the subscriber has another plan at the same time'],
  ['23503', 'credential_subscriber_no_fkey', 'not-found', 'something that it names is not there'],
  ['23514', 'top_up_is_whole', 'invalid-input', 'a value is not one that can be stored'],
  ['23514', undefined, 'invalid-input', 'duplicate key value violates "x"'],
])('says what a constraint means: %s of %s', (state, constraint, code, message) => {
  const cause = failure(state, constraint);
  expect(postgresError(cause)).toMatchObject({ code, message, retriable: false, cause });
});

it('leaves what is no constraint in the words of the server', () => {
  expect(postgresError(failure('40P01'))).toMatchObject({
    code: 'conflict',
    retriable: true,
    message: 'Postgres: duplicate key value violates "x" (40P01)',
  });
});
