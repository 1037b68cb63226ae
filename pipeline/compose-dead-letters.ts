import type { DeadLetterViews } from '../api/routes/dead-letters.ts';
import type { DeadLetters } from '../storage/people-ports.ts';
import type { Config } from './config.ts';
import type { LetterSources } from './dead-letter/look-at-letters.ts';
import { listLetters, showLetter, summariseLetters } from './dead-letter/look-at-letters.ts';
import { replayLetters } from './dead-letter/replay-letters.ts';
import { ACCOUNTING_SCHEMA_TEXT } from './source/accounting-schema.ts';
import { WriterSchemaResolver } from './source/schema-registry.ts';

/**
 * What the API does with dead letters. It has a resolver of its own, without a limit of size: a letter that is kept
 * whole may be replayed though the limit was lowered since.
 */
export function composeDeadLetters(config: Config, letters: DeadLetters): DeadLetterViews {
  const resolver = new WriterSchemaResolver({
    accountingText: ACCOUNTING_SCHEMA_TEXT,
    registryUrl: config.schemaRegistryUrl?.reveal() ?? null,
    maxRecordBytes: Number.MAX_SAFE_INTEGER,
    // Whoever has just registered a schema replays at once.
    unknownForMs: 1_000,
  });
  const sources: LetterSources = {
    letters,
    schemasOf: (asked) =>
      resolver.resolve({
        partition: 0,
        highWatermark: 0,
        entries: asked.map(({ offset, key, value, appendTimeMs, reason }) => ({
          offset,
          key,
          value,
          appendTimeMs,
          // A control has no writer schema.
          control: reason === 'bad-control' ? '' : null,
        })),
      }),
  };
  return {
    list: (query) => listLetters(sources, query),
    show: (id) => showLetter(sources, id),
    summary: () => summariseLetters(sources),
    replay: (request) => replayLetters(sources, request),
  };
}
