import type { ReplayControl } from '../../schemas/control.ts';
import type { DeadLetter, DeadLetterReason } from '../../schemas/outcome.ts';
import { replayControl } from '../decode/operator-shape.ts';
import { fromWide, isRefusal } from '../decode/usage-event.ts';
import type { WriterSchemas } from '../decode/writer-schema.ts';
import type { LetterDecoding } from './read-letter.ts';
import { decodeLetter } from './read-letter.ts';
import type { RecordEdits } from './record-fields.ts';

/** What a replay is made with. */
export interface ReplayContext {
  /** writer schemas as they are known today */
  schemas: WriterSchemas;
  /** put over the record's fields; empty = as it came */
  edits: RecordEdits;
  /** who asks, for the audit */
  by: string;
}

/** Why a letter can not be replayed, and what to do: one line. */
export interface ReplayRefusal {
  why: string;
}

/**
 * The control that brings a letter's record to the meter: its bytes are decoded anew by today's schemas and rules,
 * with the edits over them, and checked as any record. In the wrong partition is no fault any more: the control goes
 * to the subscriber's own. Never throws.
 */
export function replayOf(letter: DeadLetter, context: ReplayContext): ReplayControl | ReplayRefusal {
  if (letter.reason === 'bad-control') {
    return { why: 'it is a control, not an accounting record: make the change again' };
  }
  const decoding = decodeLetter(letter.value, context.schemas);
  if (!('record' in decoding)) return { why: cannotDecode(letter, decoding) };
  const event = fromWide({ ...decoding.record, ...context.edits });
  if (isRefusal(event)) return { why: `${event.detail}: put it right by --set field=value` };
  if (event.statusType === 'ACCOUNTING_ON' || event.statusType === 'ACCOUNTING_OFF') {
    return { why: 'it is about a whole NAS and too late to act on: its sessions have been closed by time' };
  }
  const control: ReplayControl = {
    kind: 'replay',
    letter: { partition: letter.partition, offset: letter.offset },
    appendTimeMs: letter.appendTimeMs,
    event,
    by: context.by,
  };
  const problem = replayControl(control, '');
  return problem === null ? control : { why: `${problem}: put it right by --set field=value` };
}

/** True for a refusal. */
export function isReplayRefusal(answer: ReplayControl | ReplayRefusal): answer is ReplayRefusal {
  return 'why' in answer;
}

type Undecoded = Exclude<LetterDecoding, { record: unknown }>;

function cannotDecode(letter: DeadLetter, { reason, detail }: Undecoded): string {
  // A cut record never decodes: no Avro record begins another one of the same schema.
  if (letter.reason === 'oversize')
    return 'only its beginning was kept: have the feeder send it again, smaller, or raise WEIR_MAX_RECORD_BYTES first';
  return `${detail}: ${REMEDIES[reason] ?? 'have the feeder send it again'}`;
}

const REMEDIES: Partial<Record<DeadLetterReason, string>> = {
  empty: 'there is nothing to replay',
  'unknown-schema': 'register the schema, or have the feeder send the record again',
  'incompatible-schema':
    'register one that fits the accounting schema, and have the feeder send the record again',
  'unknown-framing': 'put the feeder right and have it send the record again',
};
