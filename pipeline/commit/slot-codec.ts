import { FLAGS, OUTCOMES } from '../../schemas/outcome.ts';
import type { PolicyVersion } from '../../schemas/policy.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import type { FeedProfile, NasProfile, PlanVersion } from '../../schemas/profile.ts';
import { AppError } from '../../schemas/errors.ts';
import { compileAll } from '../fold/controls.ts';
import type { OneShotRow } from '../fold/effects.ts';
import type { SlotState, WindowTotal } from '../fold/slot-state.ts';
import { TARIFF_VERSION } from '../fold/tariff-state.ts';
import { decodePool, encodePool } from '../pool/pool.ts';
import { parseWindowKey } from '../window/window-key.ts';
import { ByteWriter } from './bytes.ts';
import { decodeFeed, encodeFeed } from './feed-codec.ts';
import { open } from './subscriber-codec.ts';

const writer = new ByteWriter();

/** What the slot knows besides subscribers, windows, feeds and catalogue. Position and flushed version are stored beside it. */
export function encodeCore(state: SlotState): Uint8Array {
  const { settings, population, sweep } = state;
  writer.begin(state.blobVersion);
  writer.uint(settings.partitionCount);
  writer.uint(settings.bucketCount);
  writer.text(settings.defaultZone);
  writer.uint(settings.acceptLatenessMs);
  writer.uint(settings.cycleCloseGraceMs);
  writer.uint(state.watermarkMs);
  writer.uint(state.controlsFolded);
  writer.uint(population.subscribers);
  // After a torn write they are off by what was ahead, and may fall below nothing.
  writer.uint(Math.max(0, population.openSessions));
  writer.uint(Math.max(0, population.throttled));
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
  const windows = [...state.windows].sort(([a], [b]) => a - b);
  writer.uint(windows.length);
  for (const [startMs, version] of windows) {
    writer.uint(startMs);
    writer.uint(version);
  }
  writer.byte(sweep === null ? 0 : 1);
  if (sweep !== null) {
    writer.uint(sweep.bucket);
    writer.text(sweep.after);
    writer.uint(sweep.left);
  }
  return writer.take();
}

/** Reads encodeCore's bytes into a slot. Throws 'store-corrupt' or 'state-version-unknown'. */
export function decodeCore(bytes: Uint8Array, into: SlotState): void {
  const { reader, version } = open(bytes);
  into.blobVersion = version;
  into.settings = {
    partitionCount: reader.uint(),
    bucketCount: reader.uint(),
    defaultZone: reader.text(),
    acceptLatenessMs: reader.uint(),
    cycleCloseGraceMs: reader.uint(),
  };
  into.watermarkMs = reader.uint();
  into.controlsFolded = reader.uint();
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
  into.windows = new Map(reader.list(() => [reader.uint(), reader.uint()]));
  into.sweep =
    reader.byte() === 0 ? null : { bucket: reader.uint(), after: reader.text(), left: reader.uint() };
  reader.end();
}

/** Field of the meta that holds the NAS events of the slot. */
const NAS_EVENTS_FIELD = 'nas-events';
/** Field of the meta that holds what the provider has set. */
const PROVIDER_FIELD = 'provider';
/** Field of the meta that says how far the pools were looked at. */
const POOL_SWEEP_FIELD = 'pool-sweep';

/**
 * Bytes of a catalogue field (`plan:`, `policy:`, `candidate:`, `nas:`, `feed-profile:` or `feed:`, `pool:` and an id, or
 * `nas-events`, `provider`, `pool-sweep`); what is no longer there is empty, which removes the field.
 */
export function encodeCatalogue(state: SlotState, field: string): Uint8Array {
  if (field === NAS_EVENTS_FIELD) {
    const events = [...state.nasEvents].sort(([a], [b]) => (a < b ? -1 : 1));
    return Buffer.from(JSON.stringify(events), 'utf8');
  }
  if (field === PROVIDER_FIELD) return Buffer.from(JSON.stringify(state.provider), 'utf8');
  if (field === POOL_SWEEP_FIELD) {
    const { sweptTo } = state.pools;
    return sweptTo === null ? new Uint8Array() : Buffer.from(JSON.stringify(sweptTo), 'utf8');
  }
  const [kind, id] = splitField(field);
  if (kind === 'pool') return encodePool(state.pools.of(id));
  if (kind === 'feed') {
    const feed = state.feeds.known(id);
    return feed === undefined ? new Uint8Array() : encodeFeed(feed);
  }
  const known = entriesOf(state, kind)?.get(id);
  const isOne = kind === 'plan' && state.blobVersion < TARIFF_VERSION;
  const entry = isOne ? state.plans.get(id)?.at(-1) : known;
  return entry === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(entry), 'utf8');
}

function entriesOf(state: SlotState, kind: string): ReadonlyMap<string, unknown> | null {
  switch (kind) {
    case 'plan':
      return state.plans;
    case 'policy':
      return state.policies;
    case 'candidate':
      return state.candidates;
    case 'nas':
      return state.nas;
    case 'feed-profile':
      return state.feedProfiles;
    default:
      return null;
  }
}

/** Reads all catalogue fields of a slot's meta and compiles its policies. */
export function decodeCatalogue(meta: ReadonlyMap<string, Uint8Array>, into: SlotState): void {
  for (const [field, bytes] of meta) {
    const [kind, id] = splitField(field);
    if (kind === 'pool') into.pools.put(decodePool(bytes));
    else if (field === POOL_SWEEP_FIELD) into.pools.sweptTo = parse(bytes) as string;
    else if (kind === 'feed') into.feeds.put(decodeFeed(id, bytes));
    else if (field === NAS_EVENTS_FIELD) into.nasEvents = new Map(parse(bytes) as [string, number][]);
    else if (kind === 'plan') into.plans.set(id, plansOf(parse(bytes)));
    else if (kind === 'policy') takePolicy(into, id, parse(bytes) as PolicyVersion, meta);
    else if (kind === 'candidate') into.candidates.set(id, parse(bytes) as PolicyVersion);
    else if (field === PROVIDER_FIELD) into.provider = parse(bytes) as ProviderSettings;
    else if (kind === 'nas') into.nas.set(id, parse(bytes) as NasProfile);
    else if (kind === 'feed-profile') into.feedProfiles.set(id, parse(bytes) as FeedProfile);
  }
  compileAll(into);
}

/** The layout before kept one version of a policy, whatever its mode. */
function takePolicy(
  into: SlotState,
  id: string,
  policy: PolicyVersion,
  meta: ReadonlyMap<string, Uint8Array>,
): void {
  const { mode } = policy.file;
  if (mode !== 'shadow' && mode !== 'percent') into.policies.set(id, policy);
  else if (!meta.has(`candidate:${id}`)) into.candidates.set(id, policy);
}

/** The layouts before kept one version of a plan. */
function plansOf(stored: unknown): PlanVersion[] {
  return Array.isArray(stored) ? (stored as PlanVersion[]) : [stored as PlanVersion];
}

function parse(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString('utf8'));
}

function splitField(field: string): [kind: string, id: string] {
  const colon = field.indexOf(':');
  return colon < 0 ? [field, ''] : [field.slice(0, colon), field.slice(colon + 1)];
}

/** A window's total; its window, subscriber, class and NAS are its key. */
export function encodeWindow(total: WindowTotal, version: number): Uint8Array {
  writer.begin(version);
  writer.uint(total.version);
  writer.uint(total.down);
  writer.uint(total.up);
  writer.byte(total.estimated ? 1 : 0);
  writer.text(total.planId);
  return writer.take();
}

export function decodeWindow(startMs: number, key: string, bytes: Uint8Array): WindowTotal {
  const { reader } = open(bytes);
  const names = parseWindowKey(key);
  if (names === null) throw new AppError('store-corrupt', 'a stored window has a name that is none');
  const total: WindowTotal = {
    startMs,
    key,
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
export function encodeOneShot(row: OneShotRow, version: number): Uint8Array {
  return Buffer.concat([Buffer.from([version]), Buffer.from(JSON.stringify(row), 'utf8')]);
}

export function decodeOneShot(bytes: Uint8Array): OneShotRow {
  open(bytes);
  return JSON.parse(Buffer.from(bytes).toString('utf8', 1)) as OneShotRow;
}
