import { z } from 'zod';
import type {
  DeadLetterDetailView,
  DeadLetterListView,
  DeadLetterReplayView,
  DeadLetterSummaryView,
  DeadLetterView,
} from '../schemas/dead-letter-views.ts';
import { DEAD_LETTER_REASONS } from '../schemas/outcome.ts';
import { count, time } from './schema-parts.ts';

const id = z.string().describe('<partition>:<offset>');
const reason = z.enum(DEAD_LETTER_REASONS);
const hex = z.string().nullable().describe('hex of the first 4,096 bytes');
const next = id.nullable();

const letter = z.object({
  id,
  appendedAt: time,
  reason,
  detail: z.string().describe('what exactly was wrong then'),
  nasId: z.string().nullable(),
  replayedAt: time.nullable(),
  record: z
    .record(z.string(), z.string().nullable())
    .nullable()
    .describe('what could be read: field -> text, as an edit takes it; null = absent'),
  problem: z.string().describe('what is wrong with it by today’s schemas and rules; empty = it decodes'),
}) satisfies z.ZodType<DeadLetterView>;

const list = z.object({
  letters: z.array(letter).describe('the newest first'),
  next: next.describe('ask with before = this for what follows; null = that was all'),
}) satisfies z.ZodType<DeadLetterListView>;

const detail = z.object({
  ...letter.shape,
  topic: z.string(),
  key: hex,
  value: hex,
  valueBytes: count.describe('bytes that are kept of the value'),
}) satisfies z.ZodType<DeadLetterDetailView>;

const summary = z.object({
  reasons: z.array(z.object({ reason, letters: count })),
}) satisfies z.ZodType<DeadLetterSummaryView>;

const replay = z.object({
  replayed: count,
  ids: z.array(id),
  refused: z.array(z.object({ id, why: z.string() })),
  next: next.describe('ask with before = this for the rest of the filter; null = that was all'),
  dryRun: z.boolean(),
}) satisfies z.ZodType<DeadLetterReplayView>;

/** Answers about dead letters, by the name that OpenAPI gives them. */
export const DEAD_LETTER_SCHEMAS = {
  DeadLetterList: list,
  DeadLetter: detail,
  DeadLetterSummary: summary,
  DeadLetterReplay: replay,
} as const;
