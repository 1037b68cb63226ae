import { ACCOUNTING_SCHEMA_TEXT } from '../../pipeline/source/accounting-schema.ts';
import { partitionOfText } from '../../schemas/partitioning.ts';
import { fastRecordEncoder } from '../../simulator/fast-encoder.ts';
import type { SimNas } from '../../simulator/profiles.ts';
import { Random } from '../../simulator/random.ts';
import { nasRecord } from '../../simulator/session.ts';
import type { LogAppend } from '../../storage/ports.ts';
import { makeWorkload } from '../../tests/flow/workload.ts';
import type { Workload, WorkloadOptions } from '../../tests/flow/workload.ts';
import { splitLines } from './tariff-changes.ts';

/** Of records, about: Accounting-On, half of them after an Accounting-Off. */
const NAS_EVENTS = 1 / 20_000;

/**
 * The flow tests' usage (duplicates, retransmissions, reordering, late Stops, entries that no reader can meter), and NAS
 * that restart: each closes its sessions in every slot, and the records that follow open them again.
 */
export function makeChaosWorkload(options: WorkloadOptions): Workload {
  const workload = makeWorkload(options);
  const { byDirectory, byPeople } = splitLines(workload.profiles);
  const byId = new Map([...byDirectory, ...byPeople].map((profile) => [profile.subscriberId, profile]));
  const profiles = workload.profiles.map((profile) => byId.get(profile.subscriberId) ?? profile);
  return { ...workload, profiles, entries: withNasEvents(workload, options) };
}

function* withNasEvents(workload: Workload, options: WorkloadOptions): Generator<LogAppend> {
  const random = new Random(options.seed, 'NAS events');
  const encode = fastRecordEncoder(ACCOUNTING_SCHEMA_TEXT, 'single-object');
  let made = 0;
  const event = (nas: SimNas, status: 'ACCOUNTING_ON' | 'ACCOUNTING_OFF', timeMs: number): LogAppend => {
    made += 1;
    const { nasId } = nas.profile;
    const second = Math.floor(timeMs / 1_000) * 1_000;
    return {
      partition: partitionOfText(nasId, options.partitions),
      key: Buffer.from(nasId, 'utf8'),
      value: encode(nasRecord(nas, `nas-${String(options.seed)}-${String(made)}`, status, second)),
      timeMs,
    };
  };
  for (const entry of workload.entries) {
    yield entry;
    if (!random.chance(NAS_EVENTS) || entry.timeMs === undefined) continue;
    const nas = workload.nas[random.between(0, workload.nas.length - 1)];
    if (nas === undefined) continue;
    if (random.chance(0.5)) yield event(nas, 'ACCOUNTING_OFF', entry.timeMs);
    yield event(nas, 'ACCOUNTING_ON', entry.timeMs);
  }
}
