import { ACCOUNTING_SCHEMA_TEXT } from '../../pipeline/source/accounting-schema.ts';
import { partitionOfText } from '../../schemas/partitioning.ts';
import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import type { SimRecord } from '../../simulator/delivery.ts';
import { fastRecordEncoder } from '../../simulator/fast-encoder.ts';
import { generateRecords } from '../../simulator/load.ts';
import { SIMULATED_PLANS } from '../../simulator/plans.ts';
import { simulatedNas } from '../../simulator/profiles.ts';
import type { SimNas } from '../../simulator/profiles.ts';
import { Random } from '../../simulator/random.ts';
import type { LogAppend } from '../../storage/ports.ts';
import { BAD_KEY } from './accounting-topic.ts';

/** 41 hours of usage from here cross the first of a month, hence half of all cycles. */
export const WORKLOAD_START_MS = Date.UTC(2026, 6, 30, 18);
const GB = 1_000_000_000;
/** Share of Stops that come more than an hour late, and of entries that cannot be metered. */
const LATE_STOPS = 0.02;
const BAD_ENTRIES = 0.001;

/** Usage, and who uses. */
export interface Workload {
  profiles: SubscriberProfile[];
  plans: PlanVersion[];
  nas: SimNas[];
  /** can be gone through once; in the order to append */
  entries: Iterable<LogAppend>;
}

/** Of a workload. */
export interface WorkloadOptions {
  seed: number;
  subscribers: number;
  /** entries, copies and bad ones included */
  records: number;
  partitions: number;
}

/**
 * 1 % duplicates and retransmissions, 2 % reordered by up to three interims, Stops that come too late for their
 * window, and entries that no reader can meter. Caps are small enough that most lines reach theirs within the run.
 */
export function makeWorkload(options: WorkloadOptions): Workload {
  const { seed, subscribers, records, partitions } = options;
  const bad = Math.floor(records * BAD_ENTRIES);
  const load = generateRecords({
    seed,
    subscribers,
    records: records - bad,
    duplicates: 0.01,
    reordering: 0.02,
    startMs: WORKLOAD_START_MS,
  });
  const random = new Random(seed, 'workload');
  const late = heldStops(load.records, random, subscribers);
  return {
    // Every CoA is then of a policy's speed; load-tests/chaos adds pools and purchases.
    profiles: load.subscribers.map(({ profile }) => ({
      ...profile,
      topUps: [],
      holds: [],
      boosts: [],
      poolId: null,
    })),
    plans: [
      { ...SIMULATED_PLANS.homeLite, capBytes: 5 * GB },
      { ...SIMULATED_PLANS.home100, capBytes: 20 * GB },
      { ...SIMULATED_PLANS.home300, capBytes: 40 * GB },
      SIMULATED_PLANS.business500,
    ],
    nas: [0, 1, 2, 3].map(simulatedNas),
    entries: withBadEntries(encoded(late, partitions), bad, records, partitions),
  };
}

/** Holds some Stops back by 14 to 20 interims of everybody. */
function* heldStops(records: Iterable<SimRecord>, random: Random, subscribers: number): Generator<SimRecord> {
  const held: { after: number; record: SimRecord }[] = [];
  let sent = 0;
  for (const record of records) {
    const [first] = held;
    if (first !== undefined && first.after <= sent) {
      held.shift();
      yield { ...first.record, arrivalMs: record.arrivalMs };
    }
    sent += 1;
    if (record.record.status_type === 'STOP' && random.chance(LATE_STOPS)) {
      held.push({ after: sent + subscribers * random.between(14, 20), record });
      held.sort((a, b) => a.after - b.after);
    } else yield record;
  }
  for (const { record } of held) yield record;
}

function* encoded(records: Iterable<SimRecord>, partitions: number): Generator<LogAppend> {
  const encode = fastRecordEncoder(ACCOUNTING_SCHEMA_TEXT, 'single-object');
  const places = new Map<string, { key: Buffer; partition: number }>();
  for (const { record, key, arrivalMs } of records) {
    let place = places.get(key);
    if (place === undefined) {
      place = { key: Buffer.from(key, 'utf8'), partition: partitionOfText(key, partitions) };
      places.set(key, place);
    }
    yield { ...place, value: encode(record), timeMs: arrivalMs };
  }
}

/** Truncated, foreign, empty and misrouted entries, evenly between the others. */
function* withBadEntries(
  entries: Iterable<LogAppend>,
  count: number,
  total: number,
  partitions: number,
): Generator<LogAppend> {
  const every = count === 0 ? Infinity : Math.floor((total - count) / count);
  let sent = 0;
  let made = 0;
  for (const entry of entries) {
    sent += 1;
    yield entry;
    if (sent % every !== 0 || made >= count) continue;
    const key = `${BAD_KEY}${String(made)}`;
    const home = partitionOfText(key, partitions);
    const partition = made % 4 === 3 ? (home + 1) % partitions : home;
    const values = [entry.value.subarray(0, 40), Buffer.from('not Avro'), Buffer.alloc(0), entry.value];
    yield { ...entry, key: Buffer.from(key, 'utf8'), partition, value: values[made % 4] ?? entry.value };
    made += 1;
  }
}
