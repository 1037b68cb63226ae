import type {
  DeadLetterDetailView,
  DeadLetterListView,
  DeadLetterReplayView,
  DeadLetterSummaryView,
} from '../schemas/dead-letter-views.ts';
import { lines, table } from './format.ts';

/** Refused letters that are named; the rest is counted. */
const MAX_REFUSED = 20;

/** A page of letters as a table. */
export function lettersText({ letters, next }: DeadLetterListView): string {
  const rows = letters.map((letter) => [
    letter.id,
    letter.appendedAt,
    letter.reason,
    letter.nasId ?? '-',
    letter.record?.['subscriber_id'] ?? '-',
    letter.replayedAt === null ? '-' : letter.replayedAt,
    letter.detail,
  ]);
  const head = ['letter', 'appended', 'reason', 'nas', 'subscriber', 'replayed', 'what was wrong'];
  const more = next === null ? [] : [`more: --before ${next}`];
  if (letters.length === 0) return lines(['none here', ...more]);
  return lines([...table([head, ...rows]), ...more]);
}

/** Letters by reason. */
export function summaryText({ reasons }: DeadLetterSummaryView): string {
  if (reasons.length === 0) return lines(['none']);
  return lines(table(reasons.map(({ reason, letters }) => [reason, String(letters)])));
}

/** One letter with its fields and bytes. */
export function letterText(letter: DeadLetterDetailView): string {
  const { id, topic, appendedAt, reason, detail, replayedAt, problem, record, value, valueBytes } = letter;
  const shownBytes = (value?.length ?? 0) / 2;
  return lines([
    `letter       ${id} of ${topic}, appended ${appendedAt}`,
    `refused      ${reason}: ${detail}`,
    `today        ${problem === '' ? 'its bytes are a record in order' : problem}`,
    `replayed     ${replayedAt ?? 'no'}`,
    `nas          ${letter.nasId ?? 'not known'}`,
    ...(record === null ? ['record       nothing could be read'] : ['record']),
    ...table(Object.entries(record ?? {}).map(([field, text]) => [`  ${field}`, text ?? '(absent)'])),
    `key          ${letter.key ?? 'none'}`,
    `value        ${value === null ? 'none' : `${valueBytes} bytes${shownBytes < valueBytes ? `, the first ${shownBytes}` : ''}`}`,
    ...hexLines(value ?? ''),
  ]);
}

/** What a replay did; `dryRun`: would do. */
export function replayText({ replayed, refused, dryRun }: Omit<DeadLetterReplayView, 'next'>): string {
  const done = `${count(replayed)} ${dryRun ? 'would be replayed' : 'replayed: on the way to the meter'}`;
  const named = refused.slice(0, MAX_REFUSED).map(({ id, why }) => `  ${id}: ${why}`);
  const more = refused.length > MAX_REFUSED ? [`  and ${refused.length - MAX_REFUSED} more (--json)`] : [];
  return lines([
    done,
    ...(refused.length === 0 ? [] : [`${count(refused.length)} refused`, ...named, ...more]),
  ]);
}

function count(letters: number): string {
  return letters === 1 ? '1 letter' : `${letters} letters`;
}

/** 32 bytes a line. */
function hexLines(hex: string): string[] {
  return (hex.match(/.{1,64}/g) ?? []).map((line) => `  ${(line.match(/.{1,4}/g) ?? []).join(' ')}`);
}
