import { AppError } from '../../schemas/errors.ts';
import { FLAGS, OUTCOMES } from '../../schemas/outcome.ts';
import { emptyFeed } from '../feed/nas-feed.ts';
import type { Estimate, NasFeed } from '../feed/nas-feed.ts';
import { ByteReader, ByteWriter } from './bytes.ts';

/** Version of this value's layout, its first byte. */
const FEED_LAYOUT = 1;

const writer = new ByteWriter();

/** Bytes of a feed; the same feed gives the same ones. Its NAS is the field that it is stored under. */
export function encodeFeed(feed: NasFeed): Uint8Array {
  const { hour } = feed;
  writer.begin(FEED_LAYOUT);
  writer.uint(feed.version);
  writer.uint(feed.heardMs);
  writeEstimate(feed.interim);
  writeEstimate(feed.lead);
  writer.int(feed.openSessions);
  writer.uint(hour.startMs);
  writeCounts(OUTCOMES.map((outcome) => hour.outcomes[outcome]));
  writeCounts(FLAGS.map((flag) => hour.flags[flag]));
  writeCounts(hour.skews.counts);
  writer.int(hour.skews.maxMs);
  writer.uint(hour.lineBps);
  return writer.take();
}

/** Reads encodeFeed's bytes. Throws 'store-corrupt' or 'state-version-unknown'. */
export function decodeFeed(nasId: string, bytes: Uint8Array): NasFeed {
  const reader = new ByteReader(bytes);
  const layout = reader.byte();
  if (layout !== FEED_LAYOUT) {
    throw new AppError(
      'state-version-unknown',
      `a stored feed has layout ${layout}, this program reads ${FEED_LAYOUT}: upgrade it`,
    );
  }
  const feed = emptyFeed(nasId);
  const { hour } = feed;
  feed.version = reader.uint();
  feed.heardMs = reader.uint();
  feed.interim = readEstimate(reader);
  feed.lead = readEstimate(reader);
  feed.openSessions = reader.int();
  hour.startMs = reader.uint();
  // Lists only grow at their end, so counters of an older program are a prefix.
  readCounts(reader, (value, i) => {
    const outcome = OUTCOMES[i];
    if (outcome !== undefined) hour.outcomes[outcome] = value;
  });
  readCounts(reader, (value, i) => {
    const flag = FLAGS[i];
    if (flag !== undefined) hour.flags[flag] = value;
  });
  readCounts(reader, (value, i) => {
    if (i < hour.skews.counts.length) hour.skews.counts[i] = value;
  });
  hour.skews.maxMs = reader.int();
  hour.lineBps = reader.uint();
  reader.end();
  return feed;
}

function writeEstimate({ estimateMs, samples }: Estimate): void {
  writer.int(estimateMs);
  writer.byte(samples);
}

function readEstimate(reader: ByteReader): Estimate {
  return { estimateMs: reader.int(), samples: reader.byte() };
}

function writeCounts(counts: readonly number[]): void {
  writer.uint(counts.length);
  for (const count of counts) writer.uint(count);
}

function readCounts(reader: ByteReader, take: (value: number, i: number) => void): void {
  reader.list(() => reader.uint()).forEach(take);
}
