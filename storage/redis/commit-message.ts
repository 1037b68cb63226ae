import { groupBy } from '../group-by.ts';
import type { SlotCommit } from '../ports.ts';
import { MsgpackWriter } from './msgpack.ts';
import { META_FIELD } from './slot-keys.ts';

/** commit.lua hands the last write to one unpack(), which takes about 8,000 values; three pairs are the store's own. */
const FIELDS_WITH_POSITION = 3_000;
/** The meta field that is not written without the position: with an older position it would count records twice. */
const CORE = 'core';

/**
 * The one argument of commit.lua. An array: token, seq before this commit, commit id, outbox [n, bytes, ...],
 * rows [[group, [field, value, ...]], ...], values [[bucket, [field, value, ...]], ...], due [score, key, ...], keys no longer due,
 * meta fields over 3,000 [field, value, ...], the others likewise with position, seq and commit id, names of the empty ones,
 * deleted groups, deleted rows [[group, [field, ...]], ...].
 */
export function encodeCommit(commit: SlotCommit): Buffer {
  const w = new MsgpackWriter();
  w.array(13);
  w.text(commit.token);
  w.text(String(commit.seq - 1));
  w.text(commit.commitId);
  w.array(commit.outbox.length * 2);
  for (const entry of commit.outbox) {
    w.text(String(entry.n));
    w.bytes(entry.bytes);
  }
  writeHashes(w, groupBy(commit.rows, rowGroup));
  writeHashes(w, groupBy(commit.values, bucketName));
  writeDue(w, commit);
  writeMeta(w, commit);
  w.array(commit.deletedGroups.length);
  for (const group of commit.deletedGroups) w.text(group);
  const deleted = groupBy(commit.deletedRows, rowGroup);
  w.array(deleted.size);
  for (const [group, rows] of deleted) {
    w.array(2);
    w.text(group);
    w.array(rows.length);
    for (const row of rows) w.text(row.field);
  }
  return w.finish();
}

function writeHashes(
  w: MsgpackWriter,
  hashes: ReadonlyMap<string, { field: string; value: Uint8Array }[]>,
): void {
  w.array(hashes.size);
  for (const [name, entries] of hashes) {
    w.array(2);
    w.text(name);
    w.array(entries.length * 2);
    for (const entry of entries) {
      w.text(entry.field);
      w.bytes(entry.value);
    }
  }
}

function writeDue(w: MsgpackWriter, commit: SlotCommit): void {
  // Additions and removals are separate commands: of a key that is named twice the last word counts.
  const due = new Map(commit.due.map((entry) => [entry.key, entry.dueMs]));
  const added = [...due].filter((entry): entry is [string, number] => entry[1] !== null);
  w.array(added.length * 2);
  for (const [key, dueMs] of added) {
    w.text(String(dueMs));
    w.text(key);
  }
  w.array(due.size - added.length);
  for (const [key, dueMs] of due) if (dueMs === null) w.text(key);
}

function writeMeta(w: MsgpackWriter, commit: SlotCommit): void {
  // Removal is a separate command: of a field that is named twice the last word counts.
  const fields = [...new Map(commit.meta.map(({ field, value }) => [field, value]))];
  const surplus =
    fields.length <= FIELDS_WITH_POSITION
      ? []
      : fields.filter(([field]) => field !== CORE).slice(FIELDS_WITH_POSITION - 1);
  const early = new Set(surplus.map(([field]) => field));
  const rest = early.size === 0 ? fields : fields.filter(([field]) => !early.has(field));
  w.array(surplus.length * 2);
  for (const field of surplus) writeField(w, field);
  w.array(rest.length * 2 + 6);
  for (const field of rest) writeField(w, field);
  w.text('position');
  w.text(String(commit.position));
  w.text('seq');
  w.text(String(commit.seq));
  w.text('commit');
  w.text(commit.commitId);
  const removed = fields.filter(([, value]) => value.length === 0);
  w.array(removed.length);
  for (const [field] of removed) w.text(META_FIELD + field);
}

function writeField(w: MsgpackWriter, [field, value]: readonly [string, Uint8Array]): void {
  w.text(META_FIELD + field);
  w.bytes(value);
}

function rowGroup(row: { group: string }): string {
  return row.group;
}

function bucketName(value: { bucket: number }): string {
  return String(value.bucket);
}
