import { z } from 'zod';
import type { ImportFaultsView, ImportsView, ImportView } from '../schemas/import-views.ts';
import { count, time } from './schema-parts.ts';

const imported = z.object({
  importId: z.string(),
  kind: z.enum(['subscribers', 'assignments']),
  state: z
    .enum(['checking', 'refused', 'applying', 'done', 'stopped', 'expired'])
    .describe(
      'refused = nothing was applied; stopped = a chunk did not go in, those before it stand; expired = as stopped, and its records are gone',
    ),
  dryRun: z.boolean().describe('it is checked, and nothing is applied'),
  records: count.nullable().describe('null = the file was not read to its end'),
  applied: count,
  by: z.string(),
  reason: z.string().nullable().describe('why it stopped, or what it waits for'),
  known: z
    .boolean()
    .describe(
      'true in the answer to a file that is the last one of its kind again: nothing was applied by sending it',
    ),
  created: time,
  moved: time.describe('when something of it went on last'),
  ended: time.nullable(),
}) satisfies z.ZodType<ImportView>;

const imports = z.object({
  items: z.array(imported).describe('the last first'),
  next: z.string().nullable().describe('what `after` takes for the next page'),
}) satisfies z.ZodType<ImportsView>;

const faults = z.object({
  items: z.array(z.object({ record: count.describe('from 1, the header not counted'), fault: z.string() })),
  next: z.string().nullable().describe('what `after` takes for the next page'),
}) satisfies z.ZodType<ImportFaultsView>;

/** Answers of the import's routes. */
export const IMPORT_SCHEMAS = { Import: imported, Imports: imports, ImportFaults: faults } as const;
