import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { AppError } from '../../schemas/errors.ts';

const LONGEST_PAUSE_MS = 2_000;

/**
 * A client that never sends a command twice and never keeps one for later: without a connection a command fails at once,
 * and one whose connection broke fails instead of being repeated. It connects at `connectRedis` and reconnects by itself.
 *
 * @param url `redis://` or `rediss://`
 * @param commandTimeoutMs longest wait for an answer
 * @throws AppError 'config-invalid' for another form of URL; the message does not hold it (password)
 */
export function redisClient(url: string, commandTimeoutMs: number, log: Pick<Logger, 'warn'>): Redis {
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol)) {
    throw new AppError(
      'config-invalid',
      'the Redis URL is not of the form redis://user:password@host:port/database',
    );
  }
  const client = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: commandTimeoutMs,
    connectTimeout: 5_000,
    keepAlive: 10_000,
    retryStrategy: (attempt) => Math.min(attempt * 100, LONGEST_PAUSE_MS),
  });
  client.on('error', (error: Error) => {
    log.warn({ err: error }, 'Redis connection lost');
  });
  return client;
}

/**
 * Waits until the client is connected and the server has loaded its data.
 *
 * @throws AppError 'unreachable' after `waitMs`; the client has then given up for good
 */
export async function connectRedis(client: Redis, waitMs: number): Promise<void> {
  if (client.status === 'ready') return;
  let last: unknown = null;
  const note = (error: unknown): void => {
    last = error;
  };
  client.on('error', note);
  const ready = becomesReady(client, waitMs);
  // A first attempt that fails is followed by others (retryStrategy): what counts is 'ready' in time.
  if (client.status === 'wait') client.connect().catch(note);
  const connected = await ready;
  client.off('error', note);
  if (connected) return;
  client.disconnect();
  const where = `${String(client.options.host)}:${String(client.options.port)}`;
  const reason = last instanceof Error && last.message !== '' ? last.message : 'no connection';
  throw new AppError('unreachable', `cannot use Redis at ${where}: ${reason}`, { cause: last });
}

/** Not events.once(): that rejects with the first 'error', which here is followed by another attempt. */
function becomesReady(client: Redis, waitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (connected: boolean): void => {
      clearTimeout(timer);
      client.off('ready', onReady);
      resolve(connected);
    };
    const onReady = (): void => {
      settle(true);
    };
    const timer = setTimeout(() => {
      settle(false);
    }, waitMs);
    client.on('ready', onReady);
  });
}
