import type pg from 'pg';
import type { DeadLetter } from '../../schemas/outcome.ts';
import type { DeadLetterSink } from '../ports.ts';
import { bytesArray, int4Array, int8Array } from './binary-array.ts';
import { postgresError } from './postgres-error.ts';

const PUT = `
  insert into dead_letter (topic, partition, "offset", appended_at, reason, detail, key, value)
  select topic, partition, place, to_timestamp(time_ms / 1000.0), reason, detail,
    case when has_key = 1 then key end, case when has_value = 1 then value end
  from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::text[], $6::text[],
    $7::bytea[], $8::int[], $9::bytea[], $10::int[])
    as letter (topic, partition, place, time_ms, reason, detail, key, has_key, value, has_value)
  on conflict (topic, partition, "offset") do nothing`;

/** Letters of one statement; with values of 64 KB that is 16 MB. */
const MAX_LETTERS = 256;
const NO_BYTES = new Uint8Array(0);

/** Dead letters as rows of `dead_letter` (migration 003). A letter that is there stays as it is. */
export class PostgresDeadLetters implements DeadLetterSink {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async put(letters: readonly DeadLetter[]): Promise<void> {
    try {
      for (let at = 0; at < letters.length; at += MAX_LETTERS) {
        await this.#pool.query(PUT, parameters(letters.slice(at, at + MAX_LETTERS)));
      }
    } catch (error) {
      throw postgresError(error);
    }
  }
}

function parameters(letters: readonly DeadLetter[]): unknown[] {
  return [
    letters.map((letter) => letter.topic),
    int4Array(letters.map((letter) => letter.partition)),
    int8Array(letters.map((letter) => letter.offset)),
    int8Array(letters.map((letter) => Math.floor(letter.appendTimeMs))),
    letters.map((letter) => letter.reason),
    // Postgres text holds no NUL; a detail may quote what a schema registry or JSON parser said.
    letters.map((letter) => letter.detail.replaceAll('\0', '\\0')),
    bytesArray(letters.map((letter) => letter.key ?? NO_BYTES)),
    int4Array(letters.map((letter) => (letter.key === null ? 0 : 1))),
    bytesArray(letters.map((letter) => letter.value ?? NO_BYTES)),
    int4Array(letters.map((letter) => (letter.value === null ? 0 : 1))),
  ];
}
