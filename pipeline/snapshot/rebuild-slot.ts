import { randomUUID } from 'node:crypto';
import { AppError, isAppError } from '../../schemas/errors.ts';
import type { SlotCommit, SlotHead, SlotId, SlotLease, StateStore } from '../../storage/ports.ts';
import type { SnapshotPart } from './format.ts';
import { readParts } from './read-snapshot.ts';
import type { CheckedSnapshot } from './read-snapshot.ts';
import { isRebuilding, REBUILDING_FIELD } from './rebuilding.ts';

/** A commit is sent when it holds so much: a bounded pause for whoever shares the server. */
const COMMIT_ITEMS = 2_500;
const COMMIT_BYTES = 2 * 1024 * 1024;
/** Acquisitions of a slot in its life; each rebalance is one. */
const MAX_EPOCH = 1_000_000;

export interface RebuildDeps {
  store: Pick<StateStore, 'readHead' | 'acquire' | 'commit' | 'clear'>;
  /** whether this program reads values of that version */
  readsVersion: (version: number) => boolean;
}

/** What may be overwritten. */
export interface RebuildOptions {
  /** drop what the slot holds; without it only an empty slot, or one whose rebuild was interrupted, is rebuilt */
  force: boolean;
}

/**
 * Makes a slot hold what a snapshot holds, byte for byte. It was checked whole before, and is checked again on the way.
 * Interrupted at any point, the slot cannot be loaded (requireRebuilt) or is empty; calling again begins anew.
 *
 * @throws AppError 'conflict' for a slot that holds something and `force` is off; 'state-version-unknown', 'invalid-input' for
 *   a snapshot that is not for this program or slot; nothing is changed then. 'store-rejected' when somebody acquires the
 *   slot meanwhile
 */
export async function restoreSlot(
  deps: RebuildDeps,
  slot: SlotId,
  checked: CheckedSnapshot,
  options: RebuildOptions,
): Promise<void> {
  requireUsable(deps, slot, checked);
  const { position, epoch } = checked.header;
  const commits = await emptied(deps, slot, position, options);
  await commits.raiseEpochAbove(epoch);
  await commits.send({ meta: [MARK] });
  for await (const part of readParts(checked)) {
    for (const changes of chunksOf(part)) await commits.send(changes);
  }
  await commits.send({ meta: [UNMARK] });
}

/**
 * Makes a slot begin anew at `position`, the first offset that its log holds: everything is computed again.
 *
 * @throws AppError 'conflict', 'store-rejected' as restoreSlot
 */
export async function beginAtLog(
  deps: RebuildDeps,
  slot: SlotId,
  position: number,
  options: RebuildOptions,
): Promise<void> {
  const commits = await emptied(deps, slot, position, options);
  // An empty slot begins at the log's beginning by itself, but only where that is offset 0: else it counts as lost.
  if (position > 0) await commits.send({});
}

/** @throws AppError 'state-version-unknown', 'invalid-input' */
export function requireUsable(
  { readsVersion }: Pick<RebuildDeps, 'readsVersion'>,
  slot: SlotId,
  { header }: CheckedSnapshot,
): void {
  if (!readsVersion(header.stateVersion)) {
    throw new AppError(
      'state-version-unknown',
      `the snapshot holds state of version ${String(header.stateVersion)}, which this program does not read: use another Weir`,
    );
  }
  const { group, topic, partition } = header.slot;
  if (group === slot.group && topic === slot.topic && partition === slot.partition) return;
  throw new AppError(
    'invalid-input',
    `the snapshot is of partition ${String(partition)} of topic ${topic} and group ${group}, ` +
      `not of partition ${String(slot.partition)} of ${slot.topic} and ${slot.group}`,
  );
}

const MARK = { field: REBUILDING_FIELD, value: new Uint8Array(Buffer.from('1')) };
const UNMARK = { field: REBUILDING_FIELD, value: new Uint8Array() };

/** The slot, owned and cleared. Marked before it is cleared, as that is not atomic. */
async function emptied(
  { store }: RebuildDeps,
  slot: SlotId,
  position: number,
  { force }: RebuildOptions,
): Promise<RebuildCommits> {
  const head = await store.readHead(slot);
  if (head.position !== null && !isRebuilding(head.meta) && !force) {
    throw new AppError(
      'conflict',
      `partition ${String(slot.partition)} of ${slot.topic} holds state up to offset ${String(head.position)}: ` +
        'add --force to drop it',
    );
  }
  const owned = await store.acquire(slot);
  const marking = new RebuildCommits(store, slot, owned, head.position ?? position);
  await marking.send({ meta: [MARK] });
  if (!(await store.clear(slot, marking.lease))) throw taken(slot);
  return new RebuildCommits(store, slot, await store.acquire(slot), position);
}

type Changes = Partial<Pick<SlotCommit, 'outbox' | 'rows' | 'due' | 'values' | 'meta'>>;

/** Commits of one slot in sequence, all with the same position. */
class RebuildCommits {
  lease: SlotLease;
  readonly #store: RebuildDeps['store'];
  readonly #slot: SlotId;
  readonly #position: number;

  constructor(store: RebuildDeps['store'], slot: SlotId, head: SlotHead, position: number) {
    this.#store = store;
    this.#slot = slot;
    this.lease = head.lease;
    this.#position = position;
  }

  /**
   * Numbers in the outbox are made of the owner's epoch and must never be given twice. A store that lost everything counts
   * epochs from 1 again, below those in the snapshot.
   */
  async raiseEpochAbove(epoch: number): Promise<void> {
    if (epoch > MAX_EPOCH)
      throw new AppError('store-corrupt', `the snapshot names the impossible epoch ${String(epoch)}`);
    while (this.lease.epoch <= epoch) this.lease = (await this.#store.acquire(this.#slot)).lease;
  }

  /** An unknown outcome sends the same commit once more, which its id makes safe. */
  async send(changes: Changes): Promise<void> {
    const commit: SlotCommit = {
      slot: this.#slot,
      token: this.lease.token,
      seq: this.lease.seq + 1,
      commitId: randomUUID(),
      position: this.#position,
      outbox: [],
      rows: [],
      deletedGroups: [],
      deletedRows: [],
      due: [],
      values: [],
      meta: [],
      ...changes,
    };
    let result;
    try {
      result = await this.#store.commit(commit);
    } catch (error) {
      if (!isAppError(error, 'store-unknown-outcome')) throw error;
      result = await this.#store.commit(commit);
    }
    if (result === 'rejected') throw taken(this.#slot);
    this.lease = { ...this.lease, seq: commit.seq };
  }
}

/** A part as changes of commits, each of bounded size. */
function chunksOf(part: SnapshotPart): Changes[] {
  switch (part.kind) {
    case 'outbox':
      return split(part.items, ({ bytes }) => bytes.length).map((outbox) => ({ outbox }));
    case 'rows':
      return split(part.items, ({ value }) => value.length).map((rows) => ({ rows }));
    case 'due':
      return split(part.items, () => 0).map((due) => ({ due }));
    case 'values':
      return split(part.items, ({ value }) => value.length).map((values) => ({ values }));
    case 'meta':
      return split(part.items, ({ value }) => value.length).map((meta) => ({ meta }));
  }
}

function split<T>(items: readonly T[], sizeOf: (item: T) => number): T[][] {
  const chunks: T[][] = [];
  let chunk: T[] = [];
  let bytes = 0;
  for (const item of items) {
    if (chunk.length >= COMMIT_ITEMS || (chunk.length > 0 && bytes + sizeOf(item) > COMMIT_BYTES)) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(item);
    bytes += sizeOf(item);
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

function taken({ partition, topic }: SlotId): AppError {
  return new AppError(
    'store-rejected',
    `partition ${String(partition)} of ${topic} was taken by a worker while it was rebuilt: stop the workers and begin again`,
  );
}
