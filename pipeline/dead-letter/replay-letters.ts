import type { ReplayControl } from '../../schemas/control.ts';
import type { DeadLetterReplayView } from '../../schemas/dead-letter-views.ts';
import { AppError } from '../../schemas/errors.ts';
import type { DeadLetterFilter, DeadLetters, StoredDeadLetter } from '../../storage/people-ports.ts';
import type { LetterSources } from './look-at-letters.ts';
import { selectLetters } from './look-at-letters.ts';
import type { RecordEdits } from './record-fields.ts';
import { parseEdits } from './record-fields.ts';
import type { ReplayRefusal } from './replay-of.ts';
import { isReplayRefusal, replayOf } from './replay-of.ts';

/** Most letters that one call looks at. */
export const MAX_REPLAYED = 1_000;
/** Letters whose bytes are held at a time. */
const CHUNK = 100;

/** Which letters to replay: by id, or by a filter from the newest (or from `before`) on. */
export type ReplaySelection =
  { ids: readonly string[] } | { filter: DeadLetterFilter; before: string | null };

/** A replay that somebody asks for. */
export interface ReplayRequest {
  selection: ReplaySelection;
  /** field -> text, put over every record; empty = as they came */
  set: Readonly<Record<string, string>>;
  by: string;
  /** only says what would be done */
  dryRun: boolean;
}

/**
 * Brings the records of some letters to the meter: notes the letters as replayed and writes the controls, in one
 * transaction. A letter is replayed once, whoever asks how often. At most 1,000 letters a call; `next` says where to
 * go on.
 *
 * @throws AppError 'invalid-input' for edits that no record takes, 'registry-unavailable' (retriable; nothing is done)
 */
export async function replayLetters(
  sources: LetterSources,
  { selection, set, by, dryRun }: ReplayRequest,
): Promise<DeadLetterReplayView> {
  const edits = parseEdits(set);
  if (typeof edits === 'string') throw new AppError('invalid-input', edits);
  const made: ReplayControl[] = [];
  const refused: Refused = [];
  let next: string | null = null;
  const chunks = 'ids' in selection ? byId(sources.letters, selection.ids) : byFilter(sources, selection);
  for await (const chunk of chunks) {
    refused.push(...chunk.unknown.map((id) => ({ id, why: 'there is no such letter' })));
    const answers = await answersOf(sources, chunk.letters, { edits, by });
    for (const { id, answer } of answers) {
      if (isReplayRefusal(answer)) refused.push({ id, why: answer.why });
      else made.push(answer);
    }
    next = chunk.next;
  }
  if (dryRun) return { replayed: made.length, ids: made.map(idOf), refused, next, dryRun };
  const ids = await replayOnce(sources.letters, made, refused);
  return { replayed: ids.length, ids, refused, next, dryRun };
}

type Refused = DeadLetterReplayView['refused'];

interface Chunk {
  letters: StoredDeadLetter[];
  /** ids that no letter has */
  unknown: string[];
  /** where the selection goes on behind this chunk; null = nowhere */
  next: string | null;
}

async function* byId(letters: DeadLetters, ids: readonly string[]): AsyncGenerator<Chunk> {
  const unique = [...new Set(ids)];
  if (unique.length > MAX_REPLAYED)
    throw new AppError('invalid-input', `more than ${MAX_REPLAYED} letters in one call`);
  for (let at = 0; at < unique.length; at += CHUNK) {
    const chunk: Chunk = { letters: [], unknown: [], next: null };
    for (const id of unique.slice(at, at + CHUNK)) {
      const letter = await letters.get(id);
      if (letter === null) chunk.unknown.push(id);
      else chunk.letters.push(letter);
    }
    yield chunk;
  }
}

async function* byFilter(
  sources: LetterSources,
  { filter, before }: { filter: DeadLetterFilter; before: string | null },
): AsyncGenerator<Chunk> {
  let next = before;
  for (let taken = 0; taken < MAX_REPLAYED; taken += CHUNK) {
    const page = await selectLetters(sources, { filter, limit: CHUNK, before: next });
    next = page.next;
    yield { ...page, unknown: [] };
    // Short with a next one: looking by NAS went on for long, the caller asks again.
    if (next === null || page.letters.length < CHUNK) return;
  }
}

async function answersOf(
  sources: LetterSources,
  letters: readonly StoredDeadLetter[],
  how: { edits: RecordEdits; by: string },
): Promise<{ id: string; answer: ReplayControl | ReplayRefusal }[]> {
  const schemas = await sources.schemasOf(letters);
  return letters.map((letter) => {
    const { id, replayedAtMs } = letter;
    if (replayedAtMs !== null) return { id, answer: { why: alreadyReplayed(replayedAtMs) } };
    return { id, answer: replayOf(letter, { ...how, schemas }) };
  });
}

/** What somebody else replayed meanwhile is refused like what was replayed before. */
async function replayOnce(
  letters: DeadLetters,
  controls: readonly ReplayControl[],
  refused: Refused,
): Promise<string[]> {
  if (controls.length === 0) return [];
  const done = new Set(await letters.replay(controls));
  for (const id of controls.map(idOf)) {
    if (!done.has(id))
      refused.push({ id, why: alreadyReplayed((await letters.get(id))?.replayedAtMs ?? null) });
  }
  return [...done];
}

function idOf({ letter }: ReplayControl): string {
  return `${letter.partition}:${letter.offset}`;
}

function alreadyReplayed(atMs: number | null): string {
  return atMs === null
    ? 'somebody else replayed or removed it meanwhile'
    : `already replayed at ${new Date(atMs).toISOString()}`;
}
