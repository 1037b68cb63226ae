import type { SlotId } from '../ports.ts';

/**
 * Start of all keys of a slot: `weir:{<group>:<topic>:<partition>}:`. The braces are Redis Cluster's hash tag, so one script
 * may touch all of them. Behind it:
 *
 * - `meta`: hash of epoch, token, seq, position, commit (id of the last one), and `m:<field>` for the fields of commits
 * - `b:<bucket>`: hash of the values of one bucket; `bk`: set of the buckets that exist
 * - `r:<group>`: hash of the rows of one group; `rg`: set of the groups that exist
 * - `outbox`: hash of n -> intent
 * - `due`: sorted set of key by due time in ms
 */
export function slotPrefix(slot: SlotId): string {
  return `weir:{${slot.group}:${slot.topic}:${String(slot.partition)}}:`;
}

/** Prefix of the fields of commits in `meta`. */
export const META_FIELD = 'm:';
