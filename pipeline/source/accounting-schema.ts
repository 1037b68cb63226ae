import { readFileSync } from 'node:fs';

/** Text of schemas/accounting-record.avsc, read once when the module loads; the build copies the file beside the code. */
export const ACCOUNTING_SCHEMA_TEXT: string = readFileSync(
  new URL('../../schemas/accounting-record.avsc', import.meta.url),
  'utf8',
);
