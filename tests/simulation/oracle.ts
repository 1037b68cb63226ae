import { decodeBatch } from '../../pipeline/decode/decode.ts';
import { exportActions } from '../../pipeline/flush/action-export.ts';
import { StoredSlots } from '../../pipeline/verify/stored-slots.ts';
import { checkPolicyFile } from '../../rules/policy-file.ts';
import type { Readers } from '../../verify/readers.ts';
import type { DifferenceKind } from '../../verify/difference.ts';
import { verifyLog } from '../../verify/verify-log.ts';
import { MAX_RECORD_BYTES, SCHEMAS } from './process.ts';
import { GROUP, TOPIC } from './servers.ts';
import type { World } from './world.ts';

/** What of a partition that halted can be held against its log: the rest waits in its slot. */
const OF_STATE: ReadonlySet<DifferenceKind> = new Set([
  'subscriber',
  'cycle',
  'session',
  'throttle',
  'tariff',
]);

/** Holds everything stored against the recomputation that shares no code with the product, as `weir verify` does. */
export async function askOracle(world: World, halted: ReadonlySet<number>): Promise<string[]> {
  const { servers, partitions } = world;
  const positions = await Promise.all(partitions.map((partition) => world.positionOf(partition)));
  if (positions.every((position) => position === null)) return [];
  await exportActions(servers.ledger, servers.analytics);
  const { differences } = await verifyLog({
    readers: readersOf(world),
    scope: { onlySubscriber: null, sinceMs: 0 },
    policyFault: ({ file }) => {
      const checked = checkPolicyFile(file);
      return 'file' in checked ? null : (checked.faults[0]?.message ?? 'is not valid');
    },
    waitMs: 0,
    now: () => world.clock.nowMs,
    pause: () => Promise.resolve(),
    lettersKeptMs: Infinity,
    onProgress: () => undefined,
  });
  return differences
    .filter(({ kind, partition }) => {
      // Records that a torn commit held already are counted as duplicates when they come again.
      if (kind === 'slot' && servers.torn.has(partition)) return false;
      // A partition that reads no more takes no NAS event either, and nothing of pools.
      if (kind === 'nas-event' || kind === 'pool') return halted.size === 0;
      return !halted.has(partition) || OF_STATE.has(kind);
    })
    .slice(0, 6)
    .map(
      ({ kind, partition, key, expected, found }) =>
        `oracle: ${kind} ${key} of partition ${partition}: expected ${expected}, found ${found}`,
    );
}

function readersOf({ servers, settings, partitions }: World): Readers {
  const { store, analytics, ledger, log } = servers;
  const { partitionCount } = settings;
  return {
    log: {
      marks: () =>
        Promise.resolve(new Map(partitions.map((each) => [each, { low: 0, high: log.high(each) }]))),
      async *read(ranges) {
        for (const [partition, { from, to }] of ranges) {
          yield await Promise.resolve({ partition, entries: log.archive(partition).slice(from, to) });
        }
      },
    },
    decode: (partition, entries) => {
      const batch = { partition, entries: [...entries], highWatermark: 0 };
      return Promise.resolve(
        decodeBatch(batch, { partitionCount, schemas: SCHEMAS, maxRecordBytes: MAX_RECORD_BYTES }),
      );
    },
    slots: new StoredSlots(store, { group: GROUP, topic: TOPIC }),
    analytics,
    records: ledger.records,
    letters: ledger.deadLetters,
    async *actions() {
      yield (await ledger.recent(Infinity)).map(({ intent }) => intent);
    },
    origin: () => Promise.resolve(null),
  };
}
