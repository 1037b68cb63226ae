import { isAppError } from '../../schemas/errors.ts';
import type {
  DeadLetterDetailView,
  DeadLetterListView,
  DeadLetterSummaryView,
  DeadLetterView,
} from '../../schemas/dead-letter-views.ts';
import type { DeadLetterFilter, DeadLetters, StoredDeadLetter } from '../../storage/people-ports.ts';
import type { WriterSchemas } from '../decode/writer-schema.ts';
import { readLetter } from './read-letter.ts';

/** Letters fetched at once: 1.6 MB with records of the usual limit. */
const PAGE = 100;
/** Letters that one listing by NAS looks through: where the NAS is known from the bytes only, no index helps. */
const MAX_SCANNED = 5_000;
/** Bytes of a key or value that are shown. */
const MAX_SHOWN_BYTES = 4_096;

/** What looking at dead letters needs. */
export interface LetterSources {
  letters: DeadLetters;
  /** Writer schemas of these letters as they are known today. Throws 'registry-unavailable' (retriable). */
  schemasOf(letters: readonly StoredDeadLetter[]): Promise<WriterSchemas>;
}

/** What to list. */
export interface LetterQuery {
  filter: DeadLetterFilter;
  /** letters a page */
  limit: number;
  /** the id that the page before ended with; null = from the newest */
  before: string | null;
}

/** Selected letters and where the selection goes on; null = nowhere. */
export interface LetterPage {
  letters: StoredDeadLetter[];
  next: string | null;
}

/**
 * Letters of the filter, the newest first, with the NAS read from the bytes where it is not stored. By NAS, at most
 * 5,000 letters are looked through; then the page may be short, or empty, and `next` says where to go on.
 */
export async function selectLetters(sources: LetterSources, query: LetterQuery): Promise<LetterPage> {
  const { nasId } = query.filter;
  const filter = { ...query.filter, nasId: null };
  const letters: StoredDeadLetter[] = [];
  let { before } = query;
  for (let scanned = 0; scanned < MAX_SCANNED;) {
    const size = nasId === null ? Math.min(PAGE, query.limit - letters.length) : PAGE;
    const page = await sources.letters.list(filter, size, before);
    const known = await knownSchemas(sources, page);
    for (const letter of page) {
      before = letter.id;
      scanned += 1;
      const named = { ...letter, nasId: letter.nasId ?? readLetter(letter, known).nasId };
      if (nasId !== null && named.nasId !== nasId) continue;
      letters.push(named);
      if (letters.length === query.limit) return { letters, next: before };
    }
    if (page.length < size) return { letters, next: null };
  }
  return { letters, next: before };
}

/** One page for people: each letter with its decoded part. */
export async function listLetters(sources: LetterSources, query: LetterQuery): Promise<DeadLetterListView> {
  const { letters, next } = await selectLetters(sources, query);
  const schemas = await knownSchemas(sources, letters);
  return { letters: letters.map((letter) => viewOf(letter, schemas)), next };
}

/** One letter with its bytes; null = there is none of this id. */
export async function showLetter(sources: LetterSources, id: string): Promise<DeadLetterDetailView | null> {
  const letter = await sources.letters.get(id);
  if (letter === null) return null;
  const { key, value, topic } = letter;
  return {
    ...viewOf(letter, await knownSchemas(sources, [letter])),
    topic,
    key: hex(key),
    value: hex(value),
    valueBytes: value?.length ?? 0,
  };
}

/** Letters by reason, the most frequent first. */
export async function summariseLetters({ letters }: LetterSources): Promise<DeadLetterSummaryView> {
  const reasons = await letters.counts();
  return {
    reasons: reasons.toSorted((a, b) => b.letters - a.letters || a.reason.localeCompare(b.reason)),
  };
}

/** Those that are known without the registry, while it is away: looking must go on, it only shows less. */
async function knownSchemas(
  sources: LetterSources,
  letters: readonly StoredDeadLetter[],
): Promise<WriterSchemas> {
  try {
    return await sources.schemasOf(letters);
  } catch (error) {
    if (!isAppError(error, 'registry-unavailable')) throw error;
    return sources.schemasOf([]);
  }
}

function viewOf(letter: StoredDeadLetter, schemas: WriterSchemas): DeadLetterView {
  const { id, appendTimeMs, reason, detail, replayedAtMs } = letter;
  const { nasId, record, problem } = readLetter(letter, schemas);
  return {
    id,
    appendedAt: new Date(appendTimeMs).toISOString(),
    reason,
    detail,
    nasId: letter.nasId ?? nasId,
    replayedAt: replayedAtMs === null ? null : new Date(replayedAtMs).toISOString(),
    record,
    problem,
  };
}

function hex(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes.subarray(0, MAX_SHOWN_BYTES)).toString('hex');
}
