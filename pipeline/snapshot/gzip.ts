import { Readable, pipeline } from 'node:stream';
import type { Transform } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import { AppError } from '../../schemas/errors.ts';

/** Fastest level: hot values shrink to 0.70 of their size, at level 6 to 0.68. */
const LEVEL = 1;
const CHUNK_BYTES = 256 * 1024;

/** Compresses as it flows. What `source` throws is what this throws. */
export function compressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  return through(source, createGzip({ level: LEVEL, chunkSize: CHUNK_BYTES }));
}

/** The reverse. Throws 'store-corrupt' for what is no whole gzip stream, and what `source` throws. */
export function decompressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  return through(source, createGunzip({ chunkSize: CHUNK_BYTES }));
}

async function* through(source: AsyncIterable<Uint8Array>, transform: Transform): AsyncGenerator<Uint8Array> {
  // A failure of either reaches the reader below by the transform's end; the pipeline only joins the two.
  pipeline(Readable.from(source, { objectMode: false }), transform, () => undefined);
  try {
    for await (const chunk of transform) yield chunk as Buffer;
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code;
    if (typeof code !== 'string' || !code.startsWith('Z_')) throw error;
    throw new AppError('store-corrupt', 'the snapshot cannot be used: it is damaged or cut off', {
      cause: error,
    });
  }
}
