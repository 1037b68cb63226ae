import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type {
  BucketValue,
  CommitResult,
  OutboxEntry,
  RowValue,
  SlotCommit,
  SlotHead,
  SlotId,
  SlotLease,
  StateStore,
} from '../ports.ts';
import { bytesArray, int4Array, int8Array, textBytesArray } from './binary-array.ts';
import { inTransaction } from './pool.ts';
import { postgresError } from './postgres-error.ts';
import * as sql from './state-statements.ts';

const CHUNK = 1_000;
/** Entries removed by one transaction of clear: a long one would hold back controls and, embedded, everybody else. */
const CLEARED_AT_ONCE = 20_000;

interface OwnerRow {
  slot_id: number;
  token: string;
  seq: number;
  commit_id: string | null;
  position: number | null;
}

interface NamedBytes {
  field: Buffer;
  value: Buffer;
}

interface RowRow extends NamedBytes {
  row_group: Buffer;
}

/**
 * Slot state in Postgres: one transaction a commit, which holds the slot's row locked. For the embedded default and small
 * providers. A failed commit leaves nothing at all.
 */
export class PostgresStateStore implements StateStore {
  readonly #pool: pg.Pool;

  /** @param pool as `connectPostgres` opens it; stays the caller's to close */
  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async verify(): Promise<void> {
    // Postgres neither evicts nor acknowledges before its log is on disk; the pool has proved that it answers.
  }

  acquire(slot: SlotId): Promise<SlotHead> {
    const token = randomBytes(16).toString('hex');
    return inTransaction(this.#pool, async (client) => {
      const taken = await client.query<OwnerRow & { epoch: number }>(sql.ACQUIRE, [...slotKey(slot), token]);
      const [owner] = taken.rows;
      if (owner === undefined) throw new TypeError('INSERT ... RETURNING gave no row');
      const meta = await client.query<NamedBytes>(sql.META, [owner.slot_id]);
      const outbox = await client.query<{ n: number; bytes: Buffer }>(sql.OUTBOX, [owner.slot_id]);
      return {
        lease: { epoch: owner.epoch, token, seq: owner.seq },
        position: owner.position,
        meta: metaOf(meta.rows),
        outbox: outbox.rows.map(({ n, bytes }) => ({ n, bytes })),
      };
    });
  }

  async holds(slot: SlotId, lease: SlotLease): Promise<boolean> {
    const [owner] = await this.#rows<OwnerRow>(sql.OWNER, slotKey(slot));
    return owner !== undefined && owner.token === lease.token && owner.seq === lease.seq;
  }

  async *loadValues(slot: SlotId): AsyncGenerator<BucketValue[]> {
    let after: { bucket: number; field: Buffer } = { bucket: -1, field: Buffer.alloc(0) };
    for (;;) {
      const rows: (NamedBytes & { bucket: number })[] = await this.#rows(sql.VALUES_PAGE, [
        ...slotKey(slot),
        after.bucket,
        after.field,
        CHUNK,
      ]);
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map(({ bucket, field, value }) => ({ bucket, field: field.toString('utf8'), value }));
      after = last;
    }
  }

  async readValues(
    slot: SlotId,
    fields: readonly { bucket: number; field: string }[],
  ): Promise<(Uint8Array | null)[]> {
    const rows = await this.#rows<{ value: Buffer | null }>(sql.VALUES_OF, [
      ...slotKey(slot),
      int4Array(fields.map(({ bucket }) => bucket)),
      textBytesArray(fields.map(({ field }) => field)),
    ]);
    return rows.map(({ value }) => value);
  }

  async readBuckets(slot: SlotId, buckets: readonly number[]): Promise<BucketValue[]> {
    const rows = await this.#rows<NamedBytes & { bucket: number }>(sql.BUCKETS, [
      ...slotKey(slot),
      int4Array(buckets),
    ]);
    return rows.map(({ bucket, field, value }) => ({ bucket, field: field.toString('utf8'), value }));
  }

  async readRows(
    slot: SlotId,
    keys: readonly { group: string; field: string }[],
  ): Promise<(Uint8Array | null)[]> {
    const rows = await this.#rows<{ value: Buffer | null }>(sql.ROWS_OF, [
      ...slotKey(slot),
      textBytesArray(keys.map(({ group }) => group)),
      textBytesArray(keys.map(({ field }) => field)),
    ]);
    return rows.map(({ value }) => value);
  }

  async readHead(slot: SlotId): Promise<{ position: number | null; meta: Map<string, Uint8Array> }> {
    const [head] = await this.#rows<OwnerRow>(sql.OWNER, slotKey(slot));
    if (head === undefined) return { position: null, meta: new Map() };
    return {
      position: head.position,
      meta: metaOf(await this.#rows<NamedBytes>(sql.META, [head.slot_id])),
    };
  }

  async *loadRows(slot: SlotId, groups?: readonly string[]): AsyncGenerator<RowValue[]> {
    if (groups === undefined) yield* this.#allRows(slot);
    else for (const group of new Set(groups)) yield* this.#groupRows(slot, group);
  }

  async *#allRows(slot: SlotId): AsyncGenerator<RowValue[]> {
    // Before any name: a group is never empty text.
    let after: { row_group: Buffer; field: Buffer } = { row_group: Buffer.alloc(0), field: Buffer.alloc(0) };
    for (;;) {
      const rows: RowRow[] = await this.#rows(sql.ROWS_PAGE, [
        ...slotKey(slot),
        after.row_group,
        after.field,
        CHUNK,
      ]);
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map(rowValue);
      after = last;
    }
  }

  async *#groupRows(slot: SlotId, group: string): AsyncGenerator<RowValue[]> {
    let first = Buffer.alloc(0);
    for (;;) {
      const rows: RowRow[] = await this.#rows(sql.GROUP_PAGE, [
        ...slotKey(slot),
        Buffer.from(group, 'utf8'),
        first,
        CHUNK,
      ]);
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map(rowValue);
      // The next name in byte order.
      first = Buffer.concat([last.field, Buffer.of(0)]);
    }
  }

  async readOutbox(slot: SlotId): Promise<OutboxEntry[]> {
    const rows = await this.#rows<{ n: number; bytes: Buffer }>(sql.OUTBOX_OF, slotKey(slot));
    return rows.map(({ n, bytes }) => ({ n, bytes }));
  }

  async loadDue(slot: SlotId): Promise<{ key: string; dueMs: number }[]> {
    const rows = await this.#rows<{ key: Buffer; due_ms: number }>(sql.DUE, slotKey(slot));
    return rows.map((row) => ({ key: row.key.toString('utf8'), dueMs: row.due_ms }));
  }

  commit(commit: SlotCommit): Promise<CommitResult> {
    return inTransaction(this.#pool, async (client) => {
      const found = await client.query<OwnerRow>(sql.OWNER_LOCKED, slotKey(commit.slot));
      const [owner] = found.rows;
      if (owner === undefined || owner.token !== commit.token) return 'rejected';
      if (owner.commit_id === commit.commitId) return 'already';
      if (owner.seq !== commit.seq - 1) return 'rejected';
      await write(client, owner.slot_id, commit);
      return 'applied';
    });
  }

  async clear(slot: SlotId, lease: SlotLease): Promise<boolean> {
    for (const text of sql.CLEAR_SOME) {
      let gone: number | null;
      do {
        gone = await this.#whileHeld(slot, lease, (client, slotId) => {
          return client.query(text, [slotId, CLEARED_AT_ONCE]);
        });
        if (gone === null) return false;
      } while (gone === CLEARED_AT_ONCE);
    }
    const nobody = randomBytes(16).toString('hex');
    const head = await this.#whileHeld(slot, lease, (client, slotId) => {
      return client.query(sql.CLEAR_HEAD, [slotId, nobody]);
    });
    return head !== null;
  }

  async removeOutbox(slot: SlotId, ns: readonly number[]): Promise<void> {
    if (ns.length === 0) return;
    await this.#rows(sql.REMOVE_OUTBOX, [...slotKey(slot), int8Array(ns)]);
  }

  async close(): Promise<void> {
    // The pool belongs to whoever opened it.
  }

  /** One statement under the slot's lock; null = the lease does not hold, else how many it changed. */
  #whileHeld(
    slot: SlotId,
    lease: SlotLease,
    statement: (client: pg.PoolClient, slotId: number) => Promise<pg.QueryResult>,
  ): Promise<number | null> {
    return inTransaction(this.#pool, async (client) => {
      const found = await client.query<OwnerRow>(sql.OWNER_LOCKED, slotKey(slot));
      const [owner] = found.rows;
      if (owner === undefined || owner.token !== lease.token || owner.seq !== lease.seq) return null;
      return (await statement(client, owner.slot_id)).rowCount ?? 0;
    });
  }

  async #rows<T extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<T[]> {
    try {
      return (await this.#pool.query<T>(text, [...values])).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}

/** The writes of one commit, in the port's order; each kind in one statement. */
async function write(client: pg.PoolClient, slotId: number, commit: SlotCommit): Promise<void> {
  const put: Put = async (text, count, arrays) => {
    if (count > 0) await client.query(text, [slotId, ...arrays()]);
  };
  const outbox = lastOf(commit.outbox, ({ n }) => n);
  await put(sql.PUT_OUTBOX, outbox.length, () => [
    int8Array(outbox.map(({ n }) => n)),
    bytesArray(outbox.map(({ bytes }) => bytes)),
  ]);
  const rows = lastOf(commit.rows, ({ group, field }) => `${String(group.length)}:${group}${field}`);
  await put(sql.PUT_ROWS, rows.length, () => [
    textBytesArray(rows.map(({ group }) => group)),
    textBytesArray(rows.map(({ field }) => field)),
    bytesArray(rows.map(({ value }) => value)),
  ]);
  const values = lastOf(commit.values, ({ bucket, field }) => `${String(bucket)}:${field}`);
  await put(sql.PUT_VALUES, values.length, () => [
    int4Array(values.map(({ bucket }) => bucket)),
    textBytesArray(values.map(({ field }) => field)),
    bytesArray(values.map(({ value }) => value)),
  ]);
  await writeDue(put, commit);
  await writeMeta(put, commit);
  await client.query(sql.ADVANCE, [slotId, commit.seq, commit.commitId, commit.position]);
  await put(sql.DELETE_GROUPS, commit.deletedGroups.length, () => [textBytesArray(commit.deletedGroups)]);
  await put(sql.DELETE_ROWS, commit.deletedRows.length, () => [
    textBytesArray(commit.deletedRows.map(({ group }) => group)),
    textBytesArray(commit.deletedRows.map(({ field }) => field)),
  ]);
}

type Put = (text: string, count: number, arrays: () => Buffer[]) => Promise<void>;

async function writeMeta(put: Put, commit: SlotCommit): Promise<void> {
  const meta = lastOf(commit.meta, ({ field }) => field);
  const kept = meta.filter(({ value }) => value.length > 0);
  const removed = meta.filter(({ value }) => value.length === 0);
  await put(sql.PUT_META, kept.length, () => [
    textBytesArray(kept.map(({ field }) => field)),
    bytesArray(kept.map(({ value }) => value)),
  ]);
  await put(sql.DELETE_META, removed.length, () => [textBytesArray(removed.map(({ field }) => field))]);
}

async function writeDue(put: Put, commit: SlotCommit): Promise<void> {
  const due = new Map(commit.due.map(({ key, dueMs }) => [key, dueMs]));
  const added = [...due].filter((entry): entry is [string, number] => entry[1] !== null);
  const removed = [...due].filter(([, dueMs]) => dueMs === null).map(([key]) => key);
  await put(sql.PUT_DUE, added.length, () => [
    textBytesArray(added.map(([key]) => key)),
    int8Array(added.map(([, dueMs]) => dueMs)),
  ]);
  await put(sql.DELETE_DUE, removed.length, () => [textBytesArray(removed)]);
}

/** ON CONFLICT refuses to touch a row twice in one statement: of what is named twice the last counts. */
function lastOf<T>(items: readonly T[], keyOf: (item: T) => string | number): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}

function rowValue(row: RowRow): RowValue {
  return {
    group: row.row_group.toString('utf8'),
    field: row.field.toString('utf8'),
    value: row.value,
  };
}

function slotKey(slot: SlotId): [string, string, number] {
  return [slot.group, slot.topic, slot.partition];
}

function metaOf(rows: readonly NamedBytes[]): Map<string, Uint8Array> {
  return new Map(rows.map(({ field, value }) => [field.toString('utf8'), value]));
}
