import { FLAGS, OUTCOMES } from '../../schemas/outcome.ts';
import type { PolicyVersion } from '../../schemas/policy.ts';
import type { NasProfile, PlanVersion } from '../../schemas/profile.ts';
import { AppError } from '../../schemas/errors.ts';
import { compilePolicies } from '../fold/controls.ts';
import type { OneShotRow } from '../fold/effects.ts';
import { parseWindowKey } from '../fold/slot-state.ts';
import type { SlotState, WindowTotal } from '../fold/slot-state.ts';
import { ByteWriter } from './bytes.ts';
import { BLOB_VERSION, open } from './subscriber-codec.ts';

const writer = new ByteWriter();

/** What the slot knows besides subscribers, windows and catalogue. Position and flushed version are stored beside it. */
export function encodeCore(state: SlotState): Uint8Array {
  writer.byte(BLOB_VERSION);
  writer.uint(state.settings.partitionCount);
  writer.uint(state.settings.bucketCount);
  writer.text(state.settings.defaultZone);
  writer.uint(state.watermarkMs);
  writer.uint(state.controlsFolded);
  writer.uint(state.outboxNext);
  writer.uint(state.population.subscribers);
  writer.uint(state.population.openSessions);
  writer.uint(state.population.throttled);
  writer.uint(OUTCOMES.length);
  for (const outcome of OUTCOMES) writer.uint(state.counts[outcome]);
  writer.uint(FLAGS.length);
  for (const flag of FLAGS) writer.uint(state.flags[flag]);
  const sources = [...state.controls].sort(([a], [b]) => (a < b ? -1 : 1));
  writer.uint(sources.length);
  for (const [source, n] of sources) {
    writer.text(source);
    writer.uint(n);
  }
  return writer.take();
}

/** Reads encodeCore's bytes into a slot. Throws 'store-corrupt' or 'state-version-unknown'. */
export function decodeCore(bytes: Uint8Array, into: SlotState): void {
  const reader = open(bytes);
  into.settings = { partitionCount: reader.uint(), bucketCount: reader.uint(), defaultZone: reader.text() };
  into.watermarkMs = reader.uint();
  into.controlsFolded = reader.uint();
  into.outboxNext = reader.uint();
  into.population = { subscribers: reader.uint(), openSessions: reader.uint(), throttled: reader.uint() };
  // Lists only grow at their end, so counters of an older program are a prefix.
  reader
    .list(() => reader.uint())
    .forEach((value, i) => {
      const outcome = OUTCOMES[i];
      if (outcome !== undefined) into.counts[outcome] = value;
    });
  reader
    .list(() => reader.uint())
    .forEach((value, i) => {
      const flag = FLAGS[i];
      if (flag !== undefined) into.flags[flag] = value;
    });
  into.controls = new Map(reader.list(() => [reader.text(), reader.uint()]));
  reader.end();
}

/** Bytes of a catalogue field (`plan:`, `policy:`, `nas:` and an id); a withdrawn one is empty. */
export function encodeCatalogue(state: SlotState, field: string): Uint8Array {
  const [kind, id] = splitField(field);
  const entry =
    kind === 'plan' ? state.plans.get(id) : kind === 'policy' ? state.policies.get(id) : state.nas.get(id);
  return entry === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(entry), 'utf8');
}

/** Reads all catalogue fields of a slot's meta and compiles its policies. */
export function decodeCatalogue(meta: ReadonlyMap<string, Uint8Array>, into: SlotState): void {
  for (const [field, bytes] of meta) {
    const [kind, id] = splitField(field);
    if (bytes.length === 0 || id === '') continue;
    const content: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (kind === 'plan') into.plans.set(id, content as PlanVersion);
    else if (kind === 'policy') into.policies.set(id, content as PolicyVersion);
    else if (kind === 'nas') into.nas.set(id, content as NasProfile);
  }
  compilePolicies(into);
}

function splitField(field: string): [kind: string, id: string] {
  const colon = field.indexOf(':');
  return colon < 0 ? [field, ''] : [field.slice(0, colon), field.slice(colon + 1)];
}

/** A window's total; its window, subscriber, class and NAS are its key. */
export function encodeWindow(total: WindowTotal): Uint8Array {
  writer.byte(BLOB_VERSION);
  writer.uint(total.version);
  writer.uint(total.down);
  writer.uint(total.up);
  writer.byte(total.estimated ? 1 : 0);
  writer.text(total.planId);
  return writer.take();
}

export function decodeWindow(startMs: number, key: string, bytes: Uint8Array): WindowTotal {
  const reader = open(bytes);
  const names = parseWindowKey(key);
  if (names === null) throw new AppError('store-corrupt', 'a stored window has a name that is none');
  const total: WindowTotal = {
    startMs,
    ...names,
    version: reader.uint(),
    down: reader.uint(),
    up: reader.uint(),
    estimated: reader.byte() === 1,
    planId: reader.text(),
  };
  reader.end();
  return total;
}

/** One-shot rows are rare: JSON after the version byte. */
export function encodeOneShot(row: OneShotRow): Uint8Array {
  return Buffer.concat([Buffer.from([BLOB_VERSION]), Buffer.from(JSON.stringify(row), 'utf8')]);
}

export function decodeOneShot(bytes: Uint8Array): OneShotRow {
  open(bytes);
  return JSON.parse(Buffer.from(bytes).toString('utf8', 1)) as OneShotRow;
}
