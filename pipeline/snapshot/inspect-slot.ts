import { isAppError } from '../../schemas/errors.ts';
import type { SlotId, StateStore } from '../../storage/ports.ts';
import { isRebuilding } from './rebuilding.ts';

/** What of a slot's core a person wants to know; the codec of the commit stage reads it. */
export interface SlotCore {
  stateVersion: number;
  /** event time that has been reached, ms since 1970 UTC; 0 = nothing yet */
  watermarkMs: number;
  subscribers: number;
  openSessions: number;
  throttled: number;
  partitionCount: number;
  bucketCount: number;
  controlsFolded: number;
}

/** A slot as it is stored. */
export interface SlotReport {
  slot: SlotId;
  /** null = the slot is empty */
  position: number | null;
  rebuilding: boolean;
  /** null where it is empty, or `problem` says why it cannot be read */
  core: SlotCore | null;
  problem: string | null;
  /** intents and records not delivered yet */
  outbox: number;
  /** windows with rows that wait for analytics or late records, and their rows */
  windows: number;
  windowRows: number;
  otherRows: number;
  due: number;
  values: number;
  valueBytes: number;
  /** catalogue entries by kind, e.g. plan: 3 */
  catalogue: Record<string, number>;
}

type Readable = Pick<StateStore, 'readHead' | 'readOutbox' | 'loadRows' | 'loadDue' | 'loadValues'>;

/**
 * Reads a slot without owning it, a chunk at a time. While a worker commits to it the figures are of different moments.
 *
 * @param decodeCore reads the meta field 'core'; an AppError that it throws becomes `problem`
 */
export async function inspectSlot(
  store: Readable,
  slot: SlotId,
  decodeCore: (bytes: Uint8Array) => SlotCore,
): Promise<SlotReport> {
  const { position, meta } = await store.readHead(slot);
  return {
    slot,
    position,
    rebuilding: isRebuilding(meta),
    ...readCore(meta, decodeCore),
    outbox: (await store.readOutbox(slot)).length,
    ...(await countRows(store, slot)),
    due: (await store.loadDue(slot)).length,
    ...(await countValues(store, slot)),
    catalogue: countCatalogue(meta),
  };
}

function readCore(
  meta: ReadonlyMap<string, Uint8Array>,
  decodeCore: (bytes: Uint8Array) => SlotCore,
): Pick<SlotReport, 'core' | 'problem'> {
  const bytes = meta.get('core');
  if (bytes === undefined) return { core: null, problem: null };
  try {
    return { core: decodeCore(bytes), problem: null };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { core: null, problem: error.message };
  }
}

async function countRows(
  store: Readable,
  slot: SlotId,
): Promise<Pick<SlotReport, 'windows' | 'windowRows' | 'otherRows'>> {
  const windows = new Set<string>();
  let [windowRows, otherRows] = [0, 0];
  for await (const chunk of store.loadRows(slot)) {
    for (const { group } of chunk) {
      if (!group.startsWith('w:')) otherRows += 1;
      else {
        windows.add(group);
        windowRows += 1;
      }
    }
  }
  return { windows: windows.size, windowRows, otherRows };
}

async function countValues(
  store: Readable,
  slot: SlotId,
): Promise<Pick<SlotReport, 'values' | 'valueBytes'>> {
  let [values, valueBytes] = [0, 0];
  for await (const chunk of store.loadValues(slot)) {
    values += chunk.length;
    for (const { value } of chunk) valueBytes += value.length;
  }
  return { values, valueBytes };
}

function countCatalogue(meta: ReadonlyMap<string, Uint8Array>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const field of meta.keys()) {
    const colon = field.indexOf(':');
    if (colon <= 0) continue;
    const kind = field.slice(0, colon);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
