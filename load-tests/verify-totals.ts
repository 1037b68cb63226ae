import type { SlotState } from '../pipeline/fold/slot-state.ts';
import type { Load } from '../simulator/load.ts';
import { readUsage } from '../tests/flow/stored-usage.ts';

/**
 * Compares what was stored with what the generator made: records by outcome, octets by subscriber in the slots and in
 * ClickHouse. Returns faults, one line each; empty = the run counts.
 */
export async function totalFaults(
  records: number,
  totals: Load['totals'],
  states: readonly SlotState[],
  clickhouseUrl: string,
): Promise<string[]> {
  const faults: string[] = [];
  const outcomes = states.flatMap(({ counts }) => Object.values(counts)).reduce((sum, n) => sum + n, 0);
  if (outcomes !== records) faults.push(`${String(outcomes)} outcomes of ${String(records)} records`);
  const dead = states.reduce((sum, { counts }) => sum + counts['dead-lettered'], 0);
  if (dead > 0) faults.push(`${String(dead)} dead letters`);

  const slots = new Map<string, { down: bigint; up: bigint }>();
  for (const state of states) {
    for (const { id, cycles, pastCycles } of state.subscribers.values()) {
      for (const { down, up } of [...cycles, ...pastCycles]) add(slots, id, BigInt(down), BigInt(up));
    }
  }
  const usage = new Map<string, { down: bigint; up: bigint }>();
  for (const [key, { down, up }] of (await readUsage(clickhouseUrl)).view) {
    const [id = ''] = JSON.parse(key) as [string];
    add(usage, id, down, up);
  }
  faults.push(...wrong('the slots', totals, slots), ...wrong('ClickHouse', totals, usage));
  return faults;
}

function wrong(
  where: string,
  totals: Load['totals'],
  found: ReadonlyMap<string, { down: bigint; up: bigint }>,
): string[] {
  let count = 0;
  let first = '';
  for (const [id, { downBytes, upBytes }] of totals) {
    const { down, up } = found.get(id) ?? { down: 0n, up: 0n };
    if (down === BigInt(downBytes) && up === BigInt(upBytes)) continue;
    count += 1;
    if (first === '')
      first = `${id}: ${String(down)}/${String(up)} instead of ${String(downBytes)}/${String(upBytes)}`;
  }
  return count === 0
    ? []
    : [`${String(count)} subscribers have a wrong total in ${where}, the first ${first}`];
}

function add(to: Map<string, { down: bigint; up: bigint }>, id: string, down: bigint, up: bigint): void {
  const sum = to.get(id) ?? { down: 0n, up: 0n };
  to.set(id, { down: sum.down + down, up: sum.up + up });
}
