import { groupBy } from '../group-by.ts';
import type { SlotCommit } from '../ports.ts';

/** Parts of a slot that a dump can hold. `owner`: epoch, token, seq, commit id. */
export type DumpSection = 'position' | 'meta' | 'values' | 'rows' | 'due' | 'outbox' | 'owner';

const FOLD_SECTIONS: readonly DumpSection[] = ['position', 'meta', 'values', 'rows', 'due'];

/** Names of the writes of one commit, in their order. */
type WritePoint = 'outbox' | 'rows' | 'values' | 'due' | 'meta' | 'deletes';

/** Everything that is stored of one slot. Bytes are copied on the way in; whoever hands them out copies again. */
export class SlotContent {
  epoch = 0;
  /** null: nobody owns it, no token is right */
  token: string | null = null;
  seq = 0;
  commitId: string | null = null;
  position: number | null = null;
  readonly meta = new Map<string, Uint8Array>();
  readonly outbox = new Map<number, Uint8Array>();
  readonly due = new Map<string, number>();
  readonly values = new Map<number, Map<string, Uint8Array>>();
  readonly rows = new Map<string, Map<string, Uint8Array>>();

  /** Writes a checked commit; `before` is told each write and may throw to tear it there. */
  apply(commit: SlotCommit, before: (point: WritePoint) => void): void {
    before('outbox');
    for (const { n, bytes } of commit.outbox) this.outbox.set(n, copyOf(bytes));
    for (const [group, entries] of groupBy(commit.rows, (row) => row.group)) {
      before('rows');
      setAll(this.rows, group, entries);
    }
    for (const [bucket, entries] of groupBy(commit.values, (value) => value.bucket)) {
      before('values');
      setAll(this.values, bucket, entries);
    }
    before('due');
    for (const { key, dueMs } of commit.due) {
      if (dueMs === null) this.due.delete(key);
      else this.due.set(key, dueMs);
    }
    before('meta');
    for (const { field, value } of commit.meta) {
      if (value.length === 0) this.meta.delete(field);
      else this.meta.set(field, copyOf(value));
    }
    this.position = commit.position;
    this.seq = commit.seq;
    this.commitId = commit.commitId;
    before('deletes');
    for (const group of commit.deletedGroups) this.rows.delete(group);
    for (const { group, field } of commit.deletedRows) this.#deleteRow(group, field);
  }

  /** Removes all but the epoch; `before` is told each part, the head last, and may throw to leave the rest. */
  clear(before: () => void): void {
    for (const part of [this.values, this.rows, this.outbox, this.due]) {
      before();
      part.clear();
    }
    before();
    this.meta.clear();
    this.position = null;
    this.seq = 0;
    this.commitId = null;
    this.token = null;
  }

  clone(): SlotContent {
    const copy = new SlotContent();
    return Object.assign(copy, structuredClone({ ...this }));
  }

  /** See MemoryStateStore.dump. Each name and value is preceded by its length in 4 bytes. */
  dump(sections: readonly DumpSection[] = FOLD_SECTIONS): Uint8Array {
    const parts = this.#entries(sections).flatMap(([name, value]) => [
      framed(Buffer.from(name)),
      framed(value),
    ]);
    return Buffer.concat(parts);
  }

  dumpText(sections: readonly DumpSection[] = FOLD_SECTIONS): string[] {
    return this.#entries(sections).map(([name, value]) => `${name} = ${Buffer.from(value).toString('hex')}`);
  }

  /** Sorted by the bytes of the name. */
  #entries(sections: readonly DumpSection[]): [string, Uint8Array][] {
    const entries: [string, Uint8Array][] = [];
    const add = (
      section: DumpSection,
      name: readonly (string | number)[],
      value: Uint8Array | string,
    ): void => {
      if (!sections.includes(section)) return;
      entries.push([
        JSON.stringify([section, ...name]),
        typeof value === 'string' ? Buffer.from(value) : value,
      ]);
    };
    add('position', [], String(this.position));
    add('owner', [], JSON.stringify([this.epoch, this.token, this.seq, this.commitId]));
    for (const [field, value] of this.meta) add('meta', [field], value);
    for (const [n, bytes] of this.outbox) add('outbox', [n], bytes);
    for (const [key, dueMs] of this.due) add('due', [key], String(dueMs));
    for (const [bucket, fields] of this.values) {
      for (const [field, value] of fields) add('values', [bucket, field], value);
    }
    for (const [group, fields] of this.rows) {
      for (const [field, value] of fields) add('rows', [group, field], value);
    }
    return entries.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  #deleteRow(group: string, field: string): void {
    const fields = this.rows.get(group);
    fields?.delete(field);
    if (fields?.size === 0) this.rows.delete(group);
  }
}

/** Not slice(): of a Buffer that is a view of the same memory. */
export function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

function setAll<K>(
  groups: Map<K, Map<string, Uint8Array>>,
  name: K,
  entries: readonly { field: string; value: Uint8Array }[],
): void {
  const fields = groups.get(name) ?? new Map<string, Uint8Array>();
  for (const { field, value } of entries) fields.set(field, copyOf(value));
  groups.set(name, fields);
}

function framed(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
