import { decodeCore } from '../../pipeline/commit/slot-codec.ts';
import { CORE_FIELD } from '../../pipeline/commit/load-slot.ts';
import { emptySlot } from '../../pipeline/fold/slot-state.ts';
import type { SlotState } from '../../pipeline/fold/slot-state.ts';
import { decodeControl } from '../../pipeline/decode/control-codec.ts';
import { controlKey, parseControlId } from '../../schemas/control.ts';
import type { Control, ControlId } from '../../schemas/control.ts';
import { partitionOfText } from '../../schemas/partitioning.ts';
import { OUTCOMES } from '../../schemas/outcome.ts';
import type { MemoryAnalytics } from '../../storage/memory/analytics.ts';
import type { MemoryActionLedger } from '../../storage/memory/ledger.ts';
import type { MemoryStateStore } from '../../storage/memory/state-store.ts';
import type { LogEntry, StateStore } from '../../storage/ports.ts';
import { undelivered } from './delivered.ts';
import { askOracle } from './oracle.ts';
import { parseOwnSource } from './own-controls.ts';
import { ANY_LETTER, isNeutral, referenceOf } from './reference.ts';
import type { Reference } from './reference.ts';
import { slotOf } from './servers.ts';
import type { World } from './world.ts';

/** Everything that must hold when the faults are over and nothing is under way any more. Each line begins with its invariant. */
export async function checkAll(world: World): Promise<string[]> {
  const { servers, partitions, settings } = world;
  const logs: (readonly LogEntry[])[] = [];
  for (const partition of partitions) {
    const position = (await world.positionOf(partition)) ?? 0;
    logs.push(servers.log.archive(partition).slice(0, position));
  }
  const expected = await referenceOf(logs, settings);
  // What a halted partition has not delivered waits in its slot for whoever repairs the log.
  const halted = new Set(
    partitions.filter((partition) => world.group.ownerOf(partition)?.state === 'halted'),
  );
  const found: string[] = [];
  for (const partition of partitions) {
    found.push(...(await checkProgress(world, partition)));
    found.push(...(await checkState(world, expected, partition)));
    if (!halted.has(partition)) found.push(...checkOwnControls(world, expected, partition));
  }
  found.push(...checkRows(world, expected.analytics, halted));
  found.push(...(await checkLedger(servers.ledger, expected, halted)));
  found.push(...(await checkEffects(world)));
  found.push(...(await askOracle(world, halted)));
  return found;
}

/** The slot has come to the end of its log, one live worker has it, and what waits in its outbox was delivered. */
async function checkProgress(world: World, partition: number): Promise<string[]> {
  const { group, servers } = world;
  const lane = group.ownerOf(partition);
  if (lane?.state === 'halted') return [];
  const found: string[] = [];
  const position = await world.positionOf(partition);
  const end = servers.log.high(partition);
  if ((position ?? 0) !== end) {
    found.push(`progress: partition ${partition} stands at ${position}, its log ends at ${end}`);
  }
  const holders = group.alive.filter(({ worker }) =>
    worker.states.some((state) => state.partition === partition && state.position === end),
  );
  if (holders.length !== 1) {
    found.push(`owner: partition ${partition} is held by ${holders.length} processes`);
  }
  for (const waiting of await undelivered(servers, partition)) {
    found.push(`progress: ${waiting} of partition ${partition} waits in the outbox for ever`);
  }
  return found;
}

/** Subscribers and due times byte for byte; of the rest of the slot what a torn write may not change either. */
async function checkState(world: World, expected: Reference, partition: number): Promise<string[]> {
  const slot = slotOf(partition);
  const { store } = world.servers;
  const found = difference(
    `state of partition ${partition}`,
    store.dumpText(slot, ['values', 'due']),
    expected.store.dumpText(slot, ['values', 'due']),
  );
  const isTorn = world.servers.torn.has(partition);
  const inForce = async (of: StateStore): Promise<string[]> =>
    [...(await of.readHead(slot)).meta]
      .filter(
        ([field]) =>
          /^(plan|policy|candidate|nas|feed-profile|pool):|^(nas-events|provider|pool-sweep)$/.test(field) ||
          (!isTorn && field.startsWith('feed:')),
      )
      .map(([field, bytes]) => `${field} ${Buffer.from(bytes).toString('hex')}`);
  found.push(
    ...difference(`catalogue of partition ${partition}`, await inForce(store), await inForce(expected.store)),
  );
  const core = await coreOf(store, world, partition);
  const wanted = await coreOf(expected.store, world, partition);
  if (core === null || wanted === null) {
    return core === wanted ? found : [...found, `state of partition ${partition}: there or not there`];
  }
  found.push(
    ...difference(`core of partition ${partition}`, coreLines(core, isTorn), coreLines(wanted, isTorn)),
  );
  const records = world.servers.log.archive(partition).slice(0, core.position);
  const recordsIn =
    records.filter((entry) => entry.control === null).length + badControls(expected, partition, records);
  const counted = OUTCOMES.reduce((sum, outcome) => sum + core.counts[outcome], 0);
  if (counted !== recordsIn) {
    found.push(`totality: partition ${partition} counts ${counted} outcomes of ${recordsIn} records`);
  }
  return found;
}

async function coreOf(store: MemoryStateStore, world: World, partition: number): Promise<SlotState | null> {
  const { position, meta } = await store.readHead(slotOf(partition));
  const bytes = meta.get(CORE_FIELD);
  if (bytes === undefined || position === null) return null;
  const state = emptySlot(partition, world.settings, position);
  decodeCore(bytes, state);
  return state;
}

function coreLines(state: SlotState, isTorn: boolean): string[] {
  const { watermarkMs, blobVersion, sweep, controls, population, counts, flags } = state;
  const sources = [...controls].filter(([source]) => !isNeutral(source)).sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = [
    `watermark ${watermarkMs}`,
    `layout ${blobVersion}`,
    `sweep ${JSON.stringify(sweep)}`,
    `controls ${JSON.stringify(sources)}`,
  ];
  // A torn write leaves values that are ahead: their records are counted as duplicates when they come again.
  return isTorn ? lines : [...lines, ...Object.entries({ ...population, ...counts, ...flags }).map(String)];
}

/** Letters of entries that claimed to be controls: these are outcomes too. */
function badControls(expected: Reference, partition: number, log: readonly LogEntry[]): number {
  return expected.letters.filter((place) => place[0] === partition && log[place[1]]?.control !== null).length;
}

/**
 * What a slot has to tell (NAS events to all, pools and members what concerns them) came to every partition that it concerns,
 * in an order in which none was skipped. After a torn commit controls of pools may come under lower numbers besides: what
 * counts is that those that are due were taken.
 */
function checkOwnControls(world: World, expected: Reference, partition: number): string[] {
  const found: string[] = [];
  const { partitions } = world.servers.log;
  const isTorn = world.servers.torn.has(partition);
  for (const target of world.partitions) {
    const wanted = expected.told
      .filter(({ id }) => parseOwnSource(id.source) === partition)
      .filter(({ control }) => partitionsOf(control, partitions).includes(target))
      .map(({ id, control }) => nameOf(id, control, isTorn));
    const highest = new Map<string, number>();
    const taken: string[] = [];
    for (const { control, value } of world.servers.log.archive(target)) {
      const id = parseControlId(control ?? '');
      if (id === null || parseOwnSource(id.source) !== partition) continue;
      if (id.n <= (highest.get(id.source) ?? 0)) continue;
      highest.set(id.source, id.n);
      const content = decodeControl(value);
      if (content.ok) taken.push(nameOf(id, content.control, isTorn));
    }
    const name = `controls of ${partition} to partition ${target}`;
    found.push(...(isTorn ? missing(name, taken, wanted) : difference(name, taken, wanted)));
  }
  return found;
}

function partitionsOf(control: Control, partitions: number): number[] {
  const key = controlKey(control);
  return key === null ? [...Array(partitions).keys()] : [partitionOfText(key, partitions)];
}

function nameOf(id: ControlId, control: Control, isTorn: boolean): string {
  const content = JSON.stringify(control);
  return isTorn && control.kind !== 'nas-event' ? content : `${id.source}:${id.n} ${content}`;
}

function missing(name: string, got: readonly string[], due: readonly string[]): string[] {
  const had = new Set(got);
  return due.filter((line) => !had.has(line)).map((line) => `${name}: missing ${line}`);
}

/** What analysts see. */
function checkRows(world: World, expected: MemoryAnalytics, halted: ReadonlySet<number>): string[] {
  const got = world.servers.analytics;
  // Of a halted partition an older version of a row may be the last that was flushed.
  const going = (all: readonly InPartition[]): InPartition[] =>
    all.filter(({ partition }) => !halted.has(partition));
  const rows = (name: string, of: (analytics: MemoryAnalytics) => readonly InPartition[]): string[] =>
    difference(name, linesOf(going(of(got))), linesOf(going(of(expected))));
  return [
    ...rows('windows', (analytics) => analytics.windows()),
    ...rows('late rows', (analytics) => analytics.late()),
    ...rows('sessions', (analytics) => analytics.sessions()),
  ];
}

/** Each action, adjustment, closed cycle and dead letter once. */
async function checkLedger(
  got: MemoryActionLedger,
  expected: Reference,
  halted: ReadonlySet<number>,
): Promise<string[]> {
  const found: string[] = [];
  const compare = async (
    name: string,
    of: (ledger: MemoryActionLedger) => Promise<readonly InPartition[]>,
  ): Promise<void> => {
    const all = await of(expected.ledger);
    const due = all.filter(({ partition }) => !halted.has(partition));
    found.push(...difference(name, linesOf(await of(got)), linesOf(due), linesOf(all)));
  };
  await compare('actions', async (ledger) => (await ledger.recent(Infinity)).map(({ intent }) => intent));
  await compare('adjustments', (ledger) => united(ledger.records.allAdjustments()));
  await compare('closed cycles', (ledger) => united(ledger.records.allClosedCycles()));
  await compare('dead letters', (ledger) => ledger.deadLetters.list(ANY_LETTER, Infinity, null));
  return found;
}

/** Whatever comes from one partition's log. */
interface InPartition {
  partition: number;
}

function linesOf(rows: readonly InPartition[]): string[] {
  return rows.map((row) => JSON.stringify(row));
}

async function united<T>(pages: AsyncIterable<T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

/** Every action has ended, and sinks heard of no other. */
async function checkEffects(world: World): Promise<string[]> {
  const { ledger, sent } = world.servers;
  const found: string[] = [];
  const ids = new Set<string>();
  for (const { intent, state } of await ledger.recent(Infinity)) {
    if (ids.has(intent.id)) found.push(`actions: ${intent.id} is in the ledger twice`);
    ids.add(intent.id);
    if (state === 'delivered' && !sent.has(intent.id)) found.push(`actions: ${intent.id} was never sent`);
  }
  for (const id of sent.keys())
    if (!ids.has(id)) found.push(`actions: ${id} was sent, the ledger does not know it`);
  return found;
}

/**
 * Lines that are missing or too many, the first few of them.
 * @param due what must be there
 * @param allowed what may be there
 */
function difference(
  name: string,
  got: readonly string[],
  due: readonly string[],
  allowed: readonly string[] = due,
): string[] {
  const had = counted(got);
  const wanted = counted(due);
  const may = counted(allowed);
  const lines: string[] = [];
  for (const [line, count] of wanted)
    if ((had.get(line) ?? 0) < count) lines.push(`${name}: missing ${line}`);
  for (const [line, count] of had) if ((may.get(line) ?? 0) < count) lines.push(`${name}: too much ${line}`);
  return lines.length <= 6 ? lines : [...lines.slice(0, 6), `${name}: and ${lines.length - 6} more`];
}

function counted(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}
