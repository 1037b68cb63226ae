import pg from 'pg';
import { AppError } from '../../schemas/errors.ts';
import type { ErrorCode } from '../../schemas/errors.ts';

/** SQLSTATE classes and codes (PostgreSQL manual, appendix A) that mean something to callers. */
const BY_STATE: readonly { state: RegExp; code: ErrorCode; retriable: boolean }[] = [
  { state: /^(08|57P0|53)/, code: 'unreachable', retriable: true },
  { state: /^(57014|55P03|25P03)$/, code: 'timeout', retriable: true },
  { state: /^40/, code: 'conflict', retriable: true },
  // Exclusion and unique constraints.
  { state: /^(23P01|23505)$/, code: 'conflict', retriable: false },
  { state: /^23503$/, code: 'not-found', retriable: false },
  { state: /^23514$/, code: 'invalid-input', retriable: false },
];

/** What a constraint means to whoever ran into it, by its name. */
const WORDS: Readonly<Record<string, string>> = {
  account_cycle_is_short: 'cycle: it is longer than 31 days',
  changed_cycle_is_short: 'cycle: it is longer than 31 days',
  add_on_once_at_a_time: 'overlap: the subscriber has this add-on at the same time',
  hold_of_a_kind_once: 'overlap: there is a hold of this kind at the same time',
  import_job_one_of_a_kind: 'busy: another import of this kind goes in',
  one_plan_at_a_time: 'overlap: the subscriber has another plan at the same time',
  one_pool_at_a_time: 'overlap: the subscriber is in another pool at the same time',
  one_service_a_name: 'user-name: another subscriber has this user name at the same time',
  subscriber_external: 'external-id: another subscriber has this external id',
};

/** Of constraints that have no word: nobody but this program can mend those. */
const WORD_OF: Partial<Record<ErrorCode, string>> = {
  conflict: 'what is stored stands against it',
  'not-found': 'something that it names is not there',
  'invalid-input': 'a value is not one that can be stored',
};

/** Who we are or what we ask for is refused: trying again changes nothing. */
const REFUSED = /^(28|3D|42)/;

/**
 * The one translation of what the pg driver throws. AppErrors and programmer errors pass unchanged.
 * 'unreachable' (retriable): connection lost, server stopping or full; 'timeout' (retriable): statement or lock
 * time-out; 'conflict' (retriable): serialisation failure or deadlock. Of constraints, never retriable: 'conflict' (unique,
 * exclusion), 'not-found' (foreign key), 'invalid-input' (check), in words of ours. Else 'store-rejected'.
 */
export function postgresError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AppError) return error;
  if (error instanceof pg.DatabaseError) {
    const state = error.code ?? '';
    const known = BY_STATE.find((entry) => entry.state.test(state));
    const told = state.startsWith('23') && known !== undefined ? constraintText(error, known.code) : null;
    return new AppError(known?.code ?? 'store-rejected', told ?? `Postgres: ${error.message} (${state})`, {
      retriable: known?.retriable ?? false,
      cause: error,
    });
  }
  if (isProgrammerError(error)) return error;
  // Everything else that pg throws is about the connection: system errors, time-outs, "terminated".
  return new AppError('unreachable', `Postgres: ${error.message}`, { retriable: true, cause: error });
}

/** A text for people who know nothing of tables; the driver's own stays with the cause. */
function constraintText({ constraint, message }: pg.DatabaseError, code: ErrorCode): string {
  // Raised by a function of ours, in our words.
  if (constraint === undefined) return message;
  return WORDS[constraint] ?? WORD_OF[code] ?? message;
}

/** True where the server answered and refused the login or the database. */
export function isRefusal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && REFUSED.test(error.code ?? '');
}

function isProgrammerError(error: Error): boolean {
  const kinds = [TypeError, RangeError, ReferenceError, SyntaxError];
  return kinds.some((kind) => error instanceof kind) || error.name === 'AssertionError';
}
