import { encodeControl } from '../pipeline/decode/control-codec.ts';
import { loadPolicies } from '../pipeline/policies/load-policies.ts';
import { ACCOUNTING_SCHEMA_TEXT } from '../pipeline/source/accounting-schema.ts';
import type { Control } from '../schemas/control.ts';
import { controlKey } from '../schemas/control.ts';
import { partitionOfText } from '../schemas/partitioning.ts';
import type { PolicyVersion } from '../schemas/policy.ts';
import type { NasProfile } from '../schemas/profile.ts';
import { fastRecordEncoder } from '../simulator/fast-encoder.ts';
import { generateRecords } from '../simulator/load.ts';
import type { Load } from '../simulator/load.ts';
import { SIMULATED_PLANS } from '../simulator/plans.ts';
import { simulatedNas } from '../simulator/profiles.ts';
import { BulkWriter } from '../tests/flow/bulk-writer.ts';

/** Noon of a day in the middle of a month: no cycle of anybody ends in a short run. */
export const START_MS = Date.UTC(2026, 6, 12, 12);
const POLICIES = new URL('../tests/policies', import.meta.url).pathname;
const NAS = 16;

/** What is to be in a topic. */
export interface TopicOptions {
  broker: string;
  topic: string;
  seed: number;
  records: number;
  subscribers: number;
  partitions: number;
  policies: number;
}

/** What was written. */
export interface GeneratedTopic {
  totals: Load['totals'];
  /** first offset of a record, by partition: everything before is a control */
  recordsFrom: number[];
  controls: number;
  recordsPerSecond: number;
  bytesPerRecord: number;
}

/** Writes controls first (plans, NAS, policies, every profile), then the records. The same options, the same bytes. */
export async function generateTopic(options: TopicOptions): Promise<GeneratedTopic> {
  const { partitions } = options;
  const load = generateRecords({
    seed: options.seed,
    subscribers: options.subscribers,
    records: options.records,
    duplicates: 0.01,
    reordering: 0.01,
    startMs: START_MS,
    nasCount: NAS,
  });
  const writer = new BulkWriter(options);
  await writer.open();
  try {
    const recordsFrom = Array<number>(partitions).fill(0);
    let n = 0;
    for (const control of await controlsOf(load, options.policies)) {
      n += 1;
      const key = controlKey(control);
      const targets = key === null ? recordsFrom.keys() : [partitionOfText(key, partitions)];
      const value = encodeControl(control);
      const bytes = key === null ? null : Buffer.from(key, 'utf8');
      for (const partition of targets) {
        recordsFrom[partition] = (recordsFrom[partition] ?? 0) + 1;
        const entry = { partition, key: bytes, value, control: { source: 'load', n }, timeMs: START_MS };
        if (writer.add(entry)) await writer.drain();
      }
    }
    await writer.flush();
    return { ...(await writeRecords(writer, load, options)), totals: load.totals, recordsFrom, controls: n };
  } finally {
    writer.close();
  }
}

async function writeRecords(
  writer: BulkWriter,
  load: Load,
  { records, partitions }: TopicOptions,
): Promise<{ recordsPerSecond: number; bytesPerRecord: number }> {
  const encode = fastRecordEncoder(ACCOUNTING_SCHEMA_TEXT, 'single-object');
  const places = new Map(
    load.subscribers.map(({ profile: { subscriberId } }) => {
      const key = Buffer.from(subscriberId, 'utf8');
      return [subscriberId, { key, partition: partitionOfText(subscriberId, partitions) }];
    }),
  );
  const startedMs = performance.now();
  let bytes = 0;
  for (const { record, key, arrivalMs } of load.records) {
    const place = places.get(key);
    if (place === undefined) throw new Error(`a record of the unknown subscriber ${key}`);
    const value = encode(record);
    bytes += value.length;
    if (writer.add({ partition: place.partition, key: place.key, value, timeMs: arrivalMs })) {
      await writer.drain();
    }
  }
  await writer.flush();
  const seconds = (performance.now() - startedMs) / 1000;
  return { recordsPerSecond: records / seconds, bytesPerRecord: bytes / records };
}

async function controlsOf(load: Load, policies: number): Promise<Control[]> {
  const nas = Array.from({ length: NAS }, (_, i) => simulatedNas(i).profile);
  return [
    ...(await catalogueOf(nas, policies)),
    ...load.subscribers.map(({ profile }): Control => ({ kind: 'subscriber-profile', profile })),
  ];
}

/** Plans, NAS and so many policies: what every slot has to know. */
export async function catalogueOf(nas: readonly NasProfile[], policies: number): Promise<Control[]> {
  const first = (await loadPolicies(POLICIES)).policies.find(({ policyId }) => policyId === 'home-fup');
  if (first === undefined) throw new Error('tests/policies/home-fup.json is missing');
  return [
    ...Object.values(SIMULATED_PLANS).map((plan): Control => ({ kind: 'plan-version', plan })),
    ...nas.map((profile): Control => ({ kind: 'nas-profile', nas: profile })),
    ...Array.from({ length: policies }, (_, i): Control => ({
      kind: 'policy-version',
      policy: i === 0 ? first : variant(first, i),
    })),
  ];
}

/** The policy under another name. All are evaluated; none begins, as no cap is reached. */
function variant(policy: PolicyVersion, i: number): PolicyVersion {
  const policyId = `${policy.policyId}-${String(i + 1)}`;
  return { ...policy, policyId, file: { ...policy.file, id: policyId } };
}
