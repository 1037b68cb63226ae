import { AppError } from '../../schemas/errors.ts';

/** Long enough for ClickHouse's reason, short enough for a log line. */
const MAX_REASON_CHARS = 300;

/**
 * Translates what @clickhouse/client or chDB threw: 'analytics-failed' when ClickHouse itself answered with an
 * exception (its errors carry a numeric code), 'unreachable' for everything else (sockets, time-outs, a proxy's
 * answer). Both are retriable: our statements are fixed, so what fails is the server's state (memory, disk,
 * too many parts, a table being altered), and what we write is idempotent.
 */
export function analyticsError(doing: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = serverCode(error);
  const reason = reasonOf(error);
  return code === null
    ? new AppError('unreachable', `ClickHouse: ${doing}: ${reason}`, { retriable: true, cause: error })
    : new AppError('analytics-failed', `ClickHouse: ${doing}: code ${String(code)}: ${reason}`, {
        retriable: true,
        cause: error,
      });
}

/** ClickHouse's exception code, null if the error is not ClickHouse's answer. */
export function serverCode(error: unknown): number | null {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^\d+$/.test(code) ? Number(code) : null;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  // An AggregateError of several addresses has an empty message: its code says it.
  const line = (error.message === '' ? code : error.message).split('\n', 1)[0] ?? '';
  return line.slice(0, MAX_REASON_CHARS);
}
