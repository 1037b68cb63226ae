import { AppError } from '../../schemas/errors.ts';
import { decodeSnapshot } from './format.ts';
import type { SnapshotCounts, SnapshotHeader, SnapshotPart } from './format.ts';
import { decompressed } from './gzip.ts';

/** Opens a snapshot's stored bytes; called once to check them and once more to use them. */
export type OpenSnapshot = () => AsyncIterable<Uint8Array>;

/** A snapshot whose every byte was checked. */
export interface CheckedSnapshot {
  header: SnapshotHeader;
  counts: SnapshotCounts;
  open: OpenSnapshot;
}

/**
 * Reads a snapshot from one end to the other without using it.
 *
 * @throws AppError 'store-corrupt', 'state-version-unknown' (another format), and what opening throws
 */
export async function checkSnapshot(open: OpenSnapshot): Promise<CheckedSnapshot> {
  let header: SnapshotHeader | null = null;
  let counts: SnapshotCounts | null = null;
  for await (const frame of decodeSnapshot(decompressed(open()))) {
    if (frame.kind === 'header') header = frame.header;
    else if (frame.kind === 'end') counts = frame.counts;
  }
  if (header === null || counts === null) throw new AppError('store-corrupt', 'the snapshot has no end');
  return { header, counts, open };
}

/** Its parts in the order they were written, checked once more: the last part may be followed by 'store-corrupt'. */
export async function* readParts({ open }: CheckedSnapshot): AsyncGenerator<SnapshotPart> {
  for await (const frame of decodeSnapshot(decompressed(open()))) {
    if (frame.kind !== 'header' && frame.kind !== 'end') yield frame;
  }
}
