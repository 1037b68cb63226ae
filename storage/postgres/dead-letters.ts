import type pg from 'pg';
import type { ReplayControl } from '../../schemas/control.ts';
import type { DeadLetter, DeadLetterReason } from '../../schemas/outcome.ts';
import type { DeadLetterFilter, DeadLetters, StoredDeadLetter } from '../people-ports.ts';
import { bytesArray, int4Array, int8Array } from './binary-array.ts';
import { changeInOrder } from './control-outbox.ts';
import * as sql from './dead-letter-statements.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

/** Letters of one statement; with values of 64 KB that is 16 MB. */
const MAX_LETTERS = 256;
/** Letters deleted by one statement: short locks, far below the longest statement. */
const TRIM_BATCH = 5_000;
const NO_BYTES = new Uint8Array(0);

interface LetterRow {
  topic: string;
  partition: number;
  offset: number;
  reason: DeadLetterReason;
  detail: string;
  nas_id: string | null;
  key: Buffer | null;
  value: Buffer | null;
  appended_ms: number;
  replayed_ms: number | null;
}

/** Adds letters within a transaction; one that is there stays as it is. */
export async function insertDeadLetters(
  client: pg.PoolClient,
  letters: readonly DeadLetter[],
): Promise<void> {
  for (let at = 0; at < letters.length; at += MAX_LETTERS) {
    await client.query(sql.PUT, parameters(letters.slice(at, at + MAX_LETTERS)));
  }
}

/** Dead letters of one topic, as the ledger put them. Errors are as `postgresError` translates them. */
export class PostgresDeadLetters implements DeadLetters {
  readonly #pool: pg.Pool;
  readonly #topic: string;
  readonly #onChange: () => void;

  /** @param onChange called after each replay, to wake a relay in this process */
  constructor(pool: pg.Pool, topic: string, onChange: () => void = () => undefined) {
    this.#pool = pool;
    this.#topic = topic;
    this.#onChange = onChange;
  }

  async list(filter: DeadLetterFilter, limit: number, before: string | null): Promise<StoredDeadLetter[]> {
    const place = before === null ? null : placeOf(before);
    // No letter has such an id, so none is behind it.
    if (before !== null && place === null) return [];
    const rows = await this.#query<LetterRow>(sql.LIST, [
      this.#topic,
      filter.reason,
      filter.partition,
      filter.nasId === null ? null : storable(filter.nasId),
      filter.fromMs,
      filter.toMs,
      filter.replayed,
      limit,
      place?.partition ?? null,
      place?.offset ?? null,
    ]);
    return rows.map(toLetter);
  }

  async get(id: string): Promise<StoredDeadLetter | null> {
    const place = placeOf(id);
    if (place === null) return null;
    const rows = await this.#query<LetterRow>(sql.GET, [this.#topic, place.partition, place.offset]);
    return rows.map(toLetter)[0] ?? null;
  }

  /** Reasons that occur, most frequent first. */
  async counts(): Promise<{ reason: DeadLetterReason; letters: number }[]> {
    const rows = await this.#query<{ reason: DeadLetterReason; letters: number }>(sql.COUNTS, [this.#topic]);
    return rows.sort((a, b) => b.letters - a.letters || (a.reason < b.reason ? -1 : 1));
  }

  async replay(controls: readonly ReplayControl[]): Promise<string[]> {
    const once = firstOfEach(controls);
    if (once.length === 0) return [];
    const rows = await changeInOrder(this.#pool, async (client) => {
      const result = await client.query<{ place: number }>(sql.REPLAY, [
        this.#topic,
        int4Array(once.map(({ letter }) => letter.partition)),
        int8Array(once.map(({ letter }) => letter.offset)),
        once.map((control) => JSON.stringify(control)),
        once.map(({ by }) => storable(by)),
      ]);
      return result.rows;
    });
    this.#onChange();
    const places = new Set(rows.map(({ place }) => place));
    return once.filter((_, index) => places.has(index + 1)).map(({ letter }) => idOf(letter));
  }

  /** Of all topics. The age counts from when the letter was put, by the server's clock; simulated time is not that. */
  async trim(olderThanMs: number, maxRows: number): Promise<number> {
    const old = await this.#deleteAll(sql.TRIM_OLD, olderThanMs);
    return old + (await this.#deleteAll(sql.TRIM_BEYOND, maxRows));
  }

  /** Ends, since what is put meanwhile is new and one statement deletes more than a second puts. */
  async #deleteAll(statement: string, bound: number): Promise<number> {
    for (let total = 0; ;) {
      const deleted = await this.#pool
        .query(statement, [bound, TRIM_BATCH])
        .then(({ rowCount }) => rowCount ?? 0)
        .catch((error: unknown) => {
          throw postgresError(error);
        });
      total += deleted;
      if (deleted < TRIM_BATCH) return total;
    }
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#pool.query<R>(text, values)).rows;
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
    // A detail may quote what a schema registry or JSON parser said.
    letters.map((letter) => letter.detail.replaceAll('\0', '\\0')),
    letters.map((letter) => (letter.nasId === null ? null : storable(letter.nasId))),
    bytesArray(letters.map((letter) => letter.key ?? NO_BYTES)),
    int4Array(letters.map((letter) => (letter.key === null ? 0 : 1))),
    bytesArray(letters.map((letter) => letter.value ?? NO_BYTES)),
    int4Array(letters.map((letter) => (letter.value === null ? 0 : 1))),
  ];
}

/** Marked by one statement, which would mark a letter named twice once and write both controls. */
function firstOfEach(controls: readonly ReplayControl[]): ReplayControl[] {
  const seen = new Set<string>();
  return controls.filter(({ letter }) => seen.size < seen.add(idOf(letter)).size);
}

function idOf({ partition, offset }: { partition: number; offset: number }): string {
  return `${partition}:${offset}`;
}

/** null where the text is no letter's id. */
function placeOf(id: string): { partition: number; offset: number } | null {
  const match = /^([0-9]{1,9}):([0-9]{1,16})$/.exec(id);
  const offset = Number(match?.[2] ?? Number.NaN);
  return Number.isSafeInteger(offset) ? { partition: Number(match?.[1]), offset } : null;
}

function toLetter(row: LetterRow): StoredDeadLetter {
  return {
    id: idOf(row),
    topic: row.topic,
    partition: row.partition,
    offset: row.offset,
    appendTimeMs: Math.round(row.appended_ms),
    reason: row.reason,
    detail: row.detail,
    nasId: row.nas_id,
    key: row.key,
    value: row.value,
    replayedAtMs: row.replayed_ms === null ? null : Math.floor(row.replayed_ms),
  };
}
