import { decodeCore } from '../commit/slot-codec.ts';
import { OLDEST_BLOB_VERSION } from '../commit/subscriber-codec.ts';
import { NEWEST_BLOB_VERSION, emptySlot } from '../fold/slot-state.ts';
import type { FoldSettings } from '../fold/slot-state.ts';
import type { SlotCore } from './inspect-slot.ts';

/** Whether this program reads values of that version: its own and the one before. */
export function readsVersion(version: number): boolean {
  return version >= OLDEST_BLOB_VERSION && version <= NEWEST_BLOB_VERSION;
}

/** Reads a slot's meta field 'core' for people. Throws 'store-corrupt', 'state-version-unknown'. */
export function readSlotCore(bytes: Uint8Array): SlotCore {
  const state = emptySlot(0, REPLACED, 0);
  decodeCore(bytes, state);
  const { partitionCount, bucketCount } = state.settings;
  const { blobVersion: stateVersion, watermarkMs, controlsFolded } = state;
  return { stateVersion, watermarkMs, ...state.population, partitionCount, bucketCount, controlsFolded };
}

/** A slot has settings of its own from its first commit on. */
const REPLACED: FoldSettings = {
  partitionCount: 1,
  bucketCount: 1,
  defaultZone: 'UTC',
  acceptLatenessMs: 0,
  cycleCloseGraceMs: 0,
};
