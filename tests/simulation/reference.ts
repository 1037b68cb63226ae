import { encodeControl } from '../../pipeline/decode/control-codec.ts';
import { decodeBatch } from '../../pipeline/decode/decode.ts';
import { Worker } from '../../pipeline/commit/worker.ts';
import type { FoldSettings } from '../../pipeline/fold/slot-state.ts';
import type { OutboxRecord } from '../../schemas/outbox.ts';
import { MemoryAnalytics } from '../../storage/memory/analytics.ts';
import { MemoryActionLedger } from '../../storage/memory/ledger.ts';
import { MemorySlotMarks } from '../../storage/memory/slot-marks.ts';
import { MemoryStateStore } from '../../storage/memory/state-store.ts';
import type { LogEntry } from '../../storage/ports.ts';
import { CALENDAR, MAX_RECORD_BYTES, SCHEMAS } from './process.ts';
import { GROUP, TOPIC } from './servers.ts';

/** What a log means: one worker, one batch, nothing goes wrong. */
export interface Reference {
  store: MemoryStateStore;
  ledger: MemoryActionLedger;
  analytics: MemoryAnalytics;
  /** controls that the slots had to tell to all partitions */
  told: Extract<OutboxRecord, { kind: 'control' }>[];
  /** partition and offset of every dead letter */
  letters: [partition: number, offset: number][];
}

/**
 * Folds every partition's log once, in peace. Controls that came again are replaced by some that say nothing: that they are
 * skipped is the product's to show.
 * @param logs entries of each partition, from offset 0
 */
export async function referenceOf(
  logs: readonly (readonly LogEntry[])[],
  settings: FoldSettings,
): Promise<Reference> {
  const store = new MemoryStateStore({ newToken: () => 'reference' });
  const ledger = new MemoryActionLedger({ now: () => 0 });
  const analytics = new MemoryAnalytics();
  const told: Reference['told'] = [];
  let commits = 0;
  const nothing = (): void => undefined;
  const failed = (error: unknown): void => {
    throw error;
  };
  const worker = new Worker(
    {
      store,
      marks: new MemorySlotMarks(),
      ledger,
      tell: async (controls) => {
        told.push(...controls);
      },
      newCommitId: () => String((commits += 1)),
      flusher: { submit: (_partition, rows) => void analytics.insert(rows), forget: nothing },
      calendar: CALENDAR,
      crossCheckRate: 0,
      diverged: nothing,
      resolveSchemas: () => Promise.resolve(SCHEMAS),
      events: {
        opened: nothing,
        committed: nothing,
        dropped: nothing,
        halted: nothing,
        tailLost: nothing,
        intentsStored: nothing,
        egressFailed: failed,
      },
      nowMs: () => 0,
      pause: () => Promise.resolve(),
    },
    {
      group: GROUP,
      topic: TOPIC,
      settings,
      maxRecordBytes: MAX_RECORD_BYTES,
      maxWaitingIntents: Infinity,
      cachedSubscribers: () => Infinity,
    },
  );
  for (const [partition, log] of logs.entries()) {
    const high = log.length;
    await worker.open(partition, { low: 0, high, groupOffset: null });
    if (high > 0)
      await worker.batch({
        partition,
        entries: withoutRepeats(partition, log, settings),
        highWatermark: high,
      });
    // A stopped egress begins no delivery any more.
    await worker.quiet(Infinity);
    await worker.close(partition);
  }
  const kept = await ledger.deadLetters.list(ANY_LETTER, Infinity, null);
  return {
    store,
    ledger,
    analytics,
    told,
    letters: kept.map(({ partition, offset }) => [partition, offset]),
  };
}

export const ANY_LETTER = {
  reason: null,
  partition: null,
  nasId: null,
  fromMs: null,
  toMs: null,
  replayed: null,
};
const SAYS_NOTHING = encodeControl({ kind: 'fold-version', version: 1 });
const NEUTRAL = 'neutral';

/** Source of what stands for repeats; it is in no real log. */
export function isNeutral(source: string): boolean {
  return source === NEUTRAL;
}

/** The log with everything skipped that came again. What is no valid control has no number to come again by. */
function withoutRepeats(partition: number, log: readonly LogEntry[], settings: FoldSettings): LogEntry[] {
  const highest = new Map<string, number>();
  let repeats = 0;
  const { partitionCount } = settings;
  const batch = { partition, entries: [...log], highWatermark: log.length };
  const inputs = decodeBatch(batch, { partitionCount, schemas: SCHEMAS, maxRecordBytes: MAX_RECORD_BYTES });
  return log.map((entry, i) => {
    const input = inputs[i];
    if (input?.kind !== 'control') return entry;
    const { source, n } = input.id;
    const known = highest.get(source) ?? 0;
    highest.set(source, Math.max(known, n));
    if (n > known) return entry;
    return { ...entry, control: `${NEUTRAL}:${(repeats += 1)}`, value: SAYS_NOTHING };
  });
}
