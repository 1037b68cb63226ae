import { ReplyError } from 'ioredis';
import { AppError } from '../../schemas/errors.ts';

/** First words of error replies (Redis' own error codes) of a server that cannot serve now but may soon. */
const PASSING = new Set([
  'LOADING',
  'BUSY',
  'READONLY',
  'MASTERDOWN',
  'TRYAGAIN',
  'CLUSTERDOWN',
  'OOM',
  'MISCONF',
  'NOREPLICAS',
]);

/** The code that Redis puts first in an error reply, e.g. NOSCRIPT; null where the error is no reply. */
export function replyCode(error: unknown): string | null {
  if (!(error instanceof ReplyError)) return null;
  return /^[A-Z]+/.exec((error as Error).message)?.[0] ?? 'ERR';
}

/**
 * The one translation of what ioredis throws. AppErrors pass unchanged.
 * Replies: 'unreachable' (retriable) while the server cannot serve, 'store-corrupt' when a key holds what Weir did not write,
 * else 'store-rejected'. No reply: 'timeout' while connected, else 'unreachable'; both retriable.
 */
export function redisError(error: unknown, connected: boolean): unknown {
  if (!(error instanceof Error) || error instanceof AppError) return error;
  const code = replyCode(error);
  if (code === null) {
    const text = connected ? 'Redis did not answer in time' : `Redis is not reachable: ${error.message}`;
    return new AppError(connected ? 'timeout' : 'unreachable', text, { retriable: true, cause: error });
  }
  if (PASSING.has(code)) {
    return new AppError('unreachable', `Redis cannot serve now: ${error.message}`, {
      retriable: true,
      cause: error,
    });
  }
  return new AppError(code === 'WRONGTYPE' ? 'store-corrupt' : 'store-rejected', `Redis: ${error.message}`, {
    cause: error,
  });
}
