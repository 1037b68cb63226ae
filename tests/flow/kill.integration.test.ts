import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../simulator/random.ts';
import { outcomeOf } from './flow-outcome.ts';
import type { FlowOutcome } from './flow-outcome.ts';
import { FlowRun } from './flow-run.ts';

const RECORDS = 200_000;
const KILLS = 3;
/** Another seed by WEIR_TEST_SEED; it says the usage, the moments of the kills, and is printed. */
const SEED = Number(process.env['WEIR_TEST_SEED'] ?? Date.now() % 1_000_000);

describe(`a worker killed ${String(KILLS)} times at random moments (WEIR_TEST_SEED=${String(SEED)})`, () => {
  let run: FlowRun;
  let outcome: FlowOutcome;
  const positions: number[][] = [];

  beforeAll(async () => {
    const random = new Random(SEED, 'kills');
    process.stdout.write(`kill test: WEIR_TEST_SEED=${String(SEED)}\n`);
    run = await FlowRun.open({ seed: SEED, subscribers: 400, records: RECORDS });
    let weir = run.start();
    await run.controlsRelayed(weir);
    for (let kill = 0; kill < KILLS; kill += 1) {
      const before = sum(await run.slots.positions());
      await run.append(RECORDS / (KILLS + 1));
      const moves = async (): Promise<boolean> => sum(await run.slots.positions()) > before;
      await weir.until('the program commits', moves, 60_000);
      // A moment in the work that is now under way; not a wait for anything.
      await pause(random.between(0, 1_500));
      await weir.end('SIGKILL');
      positions.push(await run.slots.positions());
      weir = run.start();
    }
    await run.append();
    await run.settled(weir, 90_000);
    await weir.end('SIGTERM');
    outcome = await outcomeOf(run);
  }, 180_000);

  afterAll(async () => {
    await run.close();
  });

  it('was killed before it had read everything', async () => {
    const end = sum(await run.topic.ends());
    expect(positions).toHaveLength(KILLS);
    for (const killed of positions) expect(sum(killed)).toBeLessThan(end);
  });

  it('ends with the same totals in ClickHouse and in the slots', () => {
    expect(outcome.windows).toEqual([]);
    expect(outcome.late).toEqual([]);
    expect(outcome.view).toEqual([]);
    expect(outcome.cycles).toEqual([]);
    expect(outcome.sizes.windows).toBeGreaterThan(100_000);
  });

  it('ends with one outcome a record', () => {
    expect(outcome.outcomes.actual).toEqual(outcome.outcomes.expected);
    expect(outcome.recordsIn).toBe(RECORDS);
  });

  it('ends with every action once in the ledger and once in effect', () => {
    expect(outcome.actions).toEqual([]);
    expect(run.nas.failures).toEqual([]);
    expect(outcome.effects).toEqual([]);
    const { delivered = 0, superseded = 0 } = outcome.states;
    expect(delivered + superseded).toBe(outcome.sizes.actions);
    // Sent before a kill and not settled: sent again, and no second effect, since a CoA sets the speed absolutely.
    process.stdout.write(`kill test: ${String(run.nas.repeats)} CoA repeated without effect, `);
    process.stdout.write(`${String(run.nas.retransmissions)} retransmissions\n`);
  });
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
