import { encodeControl } from '../../pipeline/decode/control-codec.ts';
import { strike } from './disasters.ts';
import { checkAll } from './invariants.ts';
import { heartbeat } from './heartbeat.ts';
import type { WorkItem } from './workload.ts';
import { World } from './world.ts';
import type { RunOptions } from './world.ts';
import { slotOf } from './servers.ts';
import { undelivered } from './delivered.ts';

/** What a run came to. */
export interface RunResult {
  seed: number;
  /** empty = everything held */
  violations: string[];
  steps: number;
  /** of the trace: equal for equal seeds */
  digest: string;
  counts: Map<string, number>;
  trace: string[];
}

/** Steps of a run after which it makes no progress any more. */
const MOST_STEPS = 60_000;
/** After the faults the rest must be done within this. */
const MOST_DRAIN_STEPS = 20_000;

/** One run: work, faults and everything in between in an order that the seed alone decides; then the invariants. */
export async function run(options: RunOptions): Promise<RunResult> {
  const world = new World(options);
  const { violations, trace } = world;
  try {
    await work(world);
    await drain(world);
    violations.push(...world.watch.violations, ...(await checkAll(world)));
  } catch (error) {
    violations.push(`defect: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
  trace.count('steps', world.network.step);
  trace.count('alarms that were due', world.watch.noticed);
  for (const violation of violations) trace.say(`VIOLATION ${violation}`);
  return {
    seed: options.seed,
    violations,
    steps: world.network.step,
    digest: trace.digest,
    counts: trace.counts,
    trace: trace.lines,
  };
}

/** Lets everything run that waits for nothing but itself: product and adapters have no timers of their own. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function work(world: World): Promise<void> {
  for (const item of world.workload.beginning()) await append(world, item);
  while (!(world.workload.isOver && isCaughtUp(world))) {
    if (world.network.step > MOST_STEPS) {
      world.violations.push(`progress: not done after ${MOST_STEPS} steps with faults`);
      return;
    }
    await step(world);
    // The last records are read under faults too, but not for ever.
    if (world.workload.isOver && world.dice.chance(0.004)) return;
  }
}

function isCaughtUp({ group, partitions }: World): boolean {
  return partitions.every((partition) => {
    const lane = group.ownerOf(partition);
    return lane?.isAtEnd === true || lane?.state === 'halted';
  });
}

type Move = () => Promise<void> | void;

async function step(world: World): Promise<void> {
  const { dice, network, workload, group, clock } = world;
  network.step += 1;
  await strike(world);
  const lanes = group.lanes.filter((lane) => lane.canStep);
  const moves: (readonly [number, Move])[] = [];
  if (network.canStep) moves.push([12, async () => void (await network.advance())]);
  if (lanes.length > 0) moves.push([4, () => dice.pick(lanes).begin()]);
  if (!workload.isOver) moves.push([2, () => append(world, workload.next())]);
  const { orphans, zombies, present } = group;
  if (orphans.length > 0) moves.push([1, () => void group.assign(dice.pick(orphans))]);
  if (zombies.length > 0) moves.push([0.15, () => group.endZombie()]);
  if (present.length > 0) moves.push([0.4, () => heartbeat(world, dice.pick(present))]);
  if (present.length > 0) moves.push([0.1, () => tick(world)]);
  const stopped = group.alive.filter((process) => process.stopped);
  if (stopped.length > 0) moves.push([0.2, () => group.resume(dice.pick(stopped))]);
  if (present.length === 0 || (group.hasRoom && dice.chance(0.01))) {
    moves.push([1, () => group.startProcess()]);
  }
  moves.push([1.5, () => pass(world, dice.pick([0, 50, 1_000, 5_000]))]);
  moves.push([0.3, () => saveGroupOffset(world)]);
  moves.push([0.15, () => copySlots(world)]);
  if (clock.nextMs !== null && clock.nextMs <= clock.nowMs) moves.push([3, () => void clock.fire()]);
  await dice.weighted(moves)();
  await settle();
}

/** Faults have ended: what is left must be done within a bounded number of steps, and then nothing is under way. */
async function drain(world: World): Promise<void> {
  const { network, group, clock, plan, dice } = world;
  plan.end();
  world.trace.say('faults end');
  for (const process of group.alive) if (process.stopped) group.resume(process);
  const endsAt = network.step + MOST_DRAIN_STEPS;
  let rounds = 0;
  for (; network.step < endsAt; network.step += 1) {
    await settle();
    for (const zombie of group.zombies) zombie.close();
    if (group.present.length === 0) group.startProcess();
    for (const partition of group.orphans) {
      if (!group.assign(partition) && group.hasRoom) group.startProcess();
    }
    const lanes = group.lanes.filter((lane) => lane.canStep);
    if (lanes.length > 0 && (!network.canStep || dice.chance(0.3))) dice.pick(lanes).begin();
    else if (network.canStep) await network.advance();
    else if (clock.fire()) continue;
    else if (rounds < 2 && isCaughtUp(world)) {
      rounds += 1;
      await oneMoreRound(world, rounds);
    } else if ((await undone(world)) === '') return;
    else if (clock.nextMs !== null) clock.advanceTo(clock.nextMs);
    else break;
  }
  world.violations.push(
    `progress: not done ${MOST_DRAIN_STEPS} steps after the last fault: ${await undone(world)}`,
  );
}

/** Idle owners look whether they are owners still; then a tick wakes what fell asleep and brings what is flushed. */
async function oneMoreRound(world: World, round: number): Promise<void> {
  const { group, clock } = world;
  if (round === 1) {
    for (const process of group.present) heartbeat(world, process);
    return;
  }
  world.violations.push(...(await staleSlots(world)));
  const lastMs = clock.nowMs + 3 * 3_600_000;
  clock.advanceTo(lastMs);
  const t = lastMs - 60_000;
  const value = encodeControl({ kind: 'tick', t });
  await world.servers.log.append(
    world.partitions.map((partition) => ({
      partition,
      key: null,
      value,
      control: { source: 'tick', n: t },
      timeMs: lastMs,
    })),
  );
}

/** After a heartbeat nobody has a slot in memory that the store has otherwise: the API would show it, nothing would correct it. */
async function staleSlots(world: World): Promise<string[]> {
  const found: string[] = [];
  for (const { name, worker } of world.group.present) {
    for (const { partition, position } of worker.states) {
      const stored = await world.positionOf(partition);
      if ((stored ?? 0) !== position) {
        found.push(`heartbeat: ${name} has partition ${partition} at ${position}, the store at ${stored}`);
      }
    }
  }
  return found;
}

/** What is still to be done; '' = nothing. */
async function undone(world: World): Promise<string> {
  const { group, servers } = world;
  const left: string[] = [];
  for (const partition of world.partitions) {
    const lane = group.ownerOf(partition);
    if (lane?.state === 'halted') continue;
    if (lane?.isAtEnd !== true) left.push(`partition ${partition}: ${lane?.state ?? 'nobody'}`);
    const waiting = await undelivered(servers, partition);
    if (waiting.length > 0)
      left.push(`partition ${partition} has not delivered ${waiting.slice(0, 3).join()}`);
  }
  for (const { name, flusher } of group.alive) {
    if (flusher.backlogRows > 0) left.push(`${name}: ${flusher.backlogRows} rows`);
  }
  const { pending, sending } = await servers.ledger.counts();
  if (pending + sending > 0) left.push(`ledger: ${pending} pending, ${sending} sending`);
  return left.join('; ');
}

async function append(world: World, item: WorkItem): Promise<void> {
  world.clock.advanceTo(item.atMs);
  world.trace.say(`${world.network.step} ${item.appends.length} entries are appended`);
  await world.servers.log.append(item.appends);
  if (item.isRelayed) world.relayed.push(item);
}

function tick(world: World): void {
  const process = world.dice.pick(world.group.present);
  // It fails like any append; the next beat tries again.
  process.ticker.beat().catch(() => undefined);
}

function pass(world: World, ms: number): void {
  world.clock.advanceTo(world.clock.nowMs + ms);
  world.clock.fire();
}

function saveGroupOffset({ group, dice, partitions, servers, trace }: World): void {
  const partition = dice.pick(partitions);
  const position = group.ownerOf(partition)?.position ?? null;
  if (position === null) return;
  trace.say(`group offset of ${partition} is ${position}`);
  servers.log.saveGroupOffset(partition, position);
}

async function copySlots(world: World): Promise<void> {
  const { copies, servers } = world;
  for (const partition of world.partitions) {
    const position = (await world.positionOf(partition)) ?? 0;
    copies.push({
      n: world.network.step,
      partition,
      position,
      copy: servers.store.copySlot(slotOf(partition)),
    });
  }
  if (copies.length > 12) copies.splice(0, copies.length - 12);
}
