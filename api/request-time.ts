import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { Problem } from './problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** the route takes bodies for as long as something of them comes, and watches that itself */
    ownPace?: boolean;
  }
}

/**
 * Cuts off whoever has not sent its request in time. Node's own limit is one for all routes, and a file of a gigabyte takes
 * longer than anything else may.
 */
export function boundRequests(app: FastifyInstance, limitMs: number): void {
  app.addHook('onRequest', async ({ raw, routeOptions }) => {
    if (routeOptions.config.ownPace === true || !hasBody(raw)) return;
    const timer = setTimeout(() => {
      if (!raw.complete) raw.destroy();
    }, limitMs);
    timer.unref();
    raw.once('close', () => clearTimeout(timer));
  });
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/**
 * What a request sends, piece by piece, for as long as it goes on. The time in which nobody asks for more does not count.
 *
 * @throws Problem 400 where it is cut off, or nothing comes for `idleMs`: then it is cut off here
 */
export async function* paced(raw: IncomingMessage, idleMs: number): AsyncGenerator<Uint8Array> {
  const pieces = (raw as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  let isWhole = false;
  try {
    while (!isWhole) {
      const timer = setTimeout(() => {
        raw.destroy(new Error(`nothing was sent for ${String(idleMs)} ms`));
      }, idleMs);
      const piece = await pieces
        .next()
        .catch((error: unknown) => {
          // Nobody hears it: whoever sent it is gone. It is no fault of ours, and the log need not say so.
          const why = error instanceof Error ? error.message : 'no reason';
          throw new Problem(400, 'bad-request', `the request was cut off: ${why}`);
        })
        .finally(() => clearTimeout(timer));
      isWhole = piece.done === true;
      if (piece.done !== true) yield piece.value;
    }
  } finally {
    // Whoever asked wants no more of it. Node passes over the rest of a body only where nobody began to read it.
    if (!isWhole) raw.resume();
  }
}

/** The same pieces, up to so many bytes in all. @throws what `refusal` makes, beyond them */
export async function* bounded(
  pieces: AsyncIterable<Uint8Array>,
  maxBytes: number,
  refusal: () => Error,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of pieces) {
    size += piece.byteLength;
    if (size > maxBytes) throw refusal();
    yield piece;
  }
}
