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

/** Who we are or what we ask for is refused: trying again changes nothing. */
const REFUSED = /^(28|3D|42)/;

/**
 * The one translation of what the pg driver throws. AppErrors and programmer errors pass unchanged.
 * 'unreachable' (retriable): connection lost, server stopping or full; 'timeout' (retriable): statement or lock
 * time-out; 'conflict' (retriable): serialisation failure or deadlock. Of constraints, never retriable: 'conflict' (unique,
 * exclusion), 'not-found' (foreign key), 'invalid-input' (check). Else 'store-rejected'.
 */
export function postgresError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AppError) return error;
  if (error instanceof pg.DatabaseError) {
    const state = error.code ?? '';
    const known = BY_STATE.find((entry) => entry.state.test(state));
    return new AppError(known?.code ?? 'store-rejected', `Postgres: ${error.message} (${state})`, {
      retriable: known?.retriable ?? false,
      cause: error,
    });
  }
  if (isProgrammerError(error)) return error;
  // Everything else that pg throws is about the connection: system errors, time-outs, "terminated".
  return new AppError('unreachable', `Postgres: ${error.message}`, { retriable: true, cause: error });
}

/** True where the server answered and refused the login or the database. */
export function isRefusal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && REFUSED.test(error.code ?? '');
}

function isProgrammerError(error: Error): boolean {
  const kinds = [TypeError, RangeError, ReferenceError, SyntaxError];
  return kinds.some((kind) => error instanceof kind) || error.name === 'AssertionError';
}
