import type { FastifyReply } from 'fastify';
import { TooManyChecks } from '../../pipeline/policies/check-queue.ts';
import { ConfirmationNeeded } from '../../pipeline/policies/policy-life.ts';
import { Problem } from '../problem.ts';

/**
 * Work on policies that gives up when it takes too long or the connection is closed: what was answered with 503, or was
 * not waited for, must not happen later. Fastify's own signal would not do: that of a request with a body is aborted
 * as soon as the body was read.
 *
 * @throws Problem 409 'confirmation-needed', 429 'busy'; what the work throws
 */
export async function bounded<T>(
  reply: Pick<FastifyReply, 'raw'>,
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const giveUp = new AbortController();
  const end = (): void => giveUp.abort();
  const timer = setTimeout(end, limitMs);
  reply.raw.once('close', end);
  try {
    return await work(giveUp.signal);
  } catch (error) {
    if (error instanceof ConfirmationNeeded) throw new Problem(409, 'confirmation-needed', error.message);
    if (error instanceof TooManyChecks) throw new Problem(429, 'busy', error.message);
    throw error;
  } finally {
    clearTimeout(timer);
    reply.raw.off('close', end);
  }
}
