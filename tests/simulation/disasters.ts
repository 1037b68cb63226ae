import type { FaultName } from './fault-plan.ts';
import { slotOf } from './servers.ts';
import type { World } from './world.ts';

const OUTAGES = {
  storeOutage: 'store',
  ledgerOutage: 'ledger',
  analyticsOutage: 'analytics',
  logOutage: 'log',
} as const;

/** Rolls the dice for everything that may go wrong between two steps. */
export async function strike(world: World): Promise<void> {
  const { dice, plan, group, network, trace } = world;
  const strikes = (name: FaultName): boolean => {
    if (!dice.chance(plan.rate(name))) return false;
    trace.count(name);
    return true;
  };
  if (strikes('rebalance')) group.revoke(dice.pick(world.partitions), 'in order');
  if (strikes('zombie')) group.revoke(dice.pick(world.partitions), 'zombie');
  if (group.present.length > 0 && strikes('stop')) group.stop(dice.pick(group.present));
  if (group.alive.length > 0 && strikes('clockJump')) {
    dice.pick(group.alive).clockErrorMs += dice.pick([-3_600_000, -30_000, 240_000, 600_000]);
  }
  for (const name of Object.keys(OUTAGES) as (keyof typeof OUTAGES)[]) {
    if (!strikes(name)) continue;
    const steps = dice.between(10, 150);
    trace.say(`${network.step} ${OUTAGES[name]} is away for ${steps} steps`);
    network.takeDown(OUTAGES[name], steps);
    // Ledger and marks are one database.
    if (name === 'ledgerOutage') network.takeDown('marks', steps);
  }
  if (world.copies.length > 0 && strikes('lostTail')) await loseTail(world);
  if (world.relayed.length > 0 && strikes('relayRepeats')) await repeatRelayed(world);
  if (strikes('deletedAhead')) await deleteAhead(world);
}

/** The store comes back as it was at the time of a copy: one slot, or all of them. */
async function loseTail(world: World): Promise<void> {
  const { dice, copies, servers, trace, network } = world;
  const from = dice.pick(copies);
  const index = copies.indexOf(from);
  const older = dice.chance(0.1)
    ? [{ partition: from.partition, position: 0, copy: null, n: -1 }]
    : dice.chance(0.5)
      ? [from]
      : copies
          .slice(index)
          .filter(({ partition }, i, rest) => rest.findIndex((other) => other.partition === partition) === i);
  world.lastLossStep = network.step;
  for (const { partition, position, copy, n } of older) {
    const before = (await world.positionOf(partition)) ?? 0;
    if (position < before) trace.count('lost tails');
    trace.say(`${network.step} slot ${partition} goes back from ${before} to ${position}`);
    servers.store.restoreSlot(slotOf(partition), copy);
    forgetYounger(world, partition, n);
    world.watch.lost(partition, position, network.step);
  }
}

/** A store goes back, and not forward again to what it had lost. */
function forgetYounger({ copies }: World, partition: number, n: number): void {
  const kept = copies.filter((copy) => copy.partition !== partition || copy.n <= n);
  copies.splice(0, copies.length, ...kept);
}

/** A relay that crashed between append and cursor begins again some controls before. */
async function repeatRelayed(world: World): Promise<void> {
  const { dice, relayed, servers, clock } = world;
  world.trace.say(`${world.network.step} the relay repeats`);
  for (const { appends } of relayed.slice(-dice.between(1, 4))) {
    await servers.log.append(appends.map((append) => ({ ...append, timeMs: clock.nowMs })));
  }
}

/** Retention is too short, or somebody deletes records: some of them were not read. */
async function deleteAhead(world: World): Promise<void> {
  const { dice, servers, trace } = world;
  const partition = dice.pick(world.partitions);
  const position = await world.positionOf(partition);
  // A slot that is new begins where its log begins.
  if (position === null) return;
  const high = servers.log.high(partition);
  if (high - position < 2) return;
  const offset = dice.between(position + 1, high);
  world.deletedAhead.add(partition);
  trace.say(`${world.network.step} partition ${partition} is deleted below ${offset}, state at ${position}`);
  await servers.log.deleteBelow(partition, offset);
}
