import { groupBy } from '../group-by.ts';
import type { SlotCommit } from '../ports.ts';
import { MsgpackWriter } from './msgpack.ts';
import { META_FIELD } from './slot-keys.ts';

/** commit.lua hands the meta fields to one unpack(), which takes about 8,000 values; five pairs are the store's own. */
const MAX_META_FIELDS = 3_000;

/**
 * The one argument of commit.lua. An array: token, seq before this commit, commit id, outbox [n, bytes, ...],
 * rows [[group, [field, value, ...]], ...], due [score, key, ...], keys no longer due, values [[bucket, [field, value, ...]], ...],
 * meta [field, value, ...] with position, seq and commit id, deleted groups, deleted rows [[group, [field, ...]], ...].
 *
 * @throws RangeError for more than 3,000 meta fields
 */
export function encodeCommit(commit: SlotCommit): Buffer {
  if (commit.meta.length > MAX_META_FIELDS) throw new RangeError('a commit takes at most 3,000 meta fields');
  const w = new MsgpackWriter();
  w.array(11);
  w.text(commit.token);
  w.text(String(commit.seq - 1));
  w.text(commit.commitId);
  w.array(commit.outbox.length * 2);
  for (const entry of commit.outbox) {
    w.text(String(entry.n));
    w.bytes(entry.bytes);
  }
  writeHashes(w, groupBy(commit.rows, rowGroup));
  writeDue(w, commit);
  writeHashes(w, groupBy(commit.values, bucketName));
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
  w.array(commit.meta.length * 2 + 6);
  for (const { field, value } of commit.meta) {
    w.text(META_FIELD + field);
    w.bytes(value);
  }
  w.text('position');
  w.text(String(commit.position));
  w.text('seq');
  w.text(String(commit.seq));
  w.text('commit');
  w.text(commit.commitId);
}

function rowGroup(row: { group: string }): string {
  return row.group;
}

function bucketName(value: { bucket: number }): string {
  return String(value.bucket);
}
