import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outcomeOf } from './flow-outcome.ts';
import type { FlowOutcome } from './flow-outcome.ts';
import { FlowRun } from './flow-run.ts';
import type { ProcessEnd } from './weir-process.ts';

const RECORDS = 200_000;

describe('200,000 records through Kafka, Redis, Postgres, ClickHouse and to the NAS', () => {
  let run: FlowRun;
  let outcome: FlowOutcome;
  let end: ProcessEnd;

  beforeAll(async () => {
    run = await FlowRun.open({ seed: 20_260_730, subscribers: 400, records: RECORDS });
    const process = run.start();
    await run.controlsRelayed(process);
    await run.append();
    await run.settled(process, 60_000);
    end = await process.end('SIGTERM');
    outcome = await outcomeOf(run);
  });

  afterAll(async () => {
    await run.close();
  });

  it('leaves in ClickHouse what the oracle says of the log, window by window', () => {
    expect(outcome.windows).toEqual([]);
    expect(outcome.late).toEqual([]);
    expect(outcome.view).toEqual([]);
    expect(outcome.sizes.windows).toBeGreaterThan(100_000);
    expect(outcome.sizes.late).toBeGreaterThan(0);
  });

  it('leaves in the slots the cycle totals of the oracle', () => {
    expect(outcome.cycles).toEqual([]);
    expect(outcome.sizes.cycles).toBeGreaterThan(400);
  });

  it('gives every record one outcome', () => {
    expect(outcome.outcomes.actual).toEqual(outcome.outcomes.expected);
    const { actual } = outcome.outcomes;
    expect(Object.values(actual).reduce((sum, count) => sum + count, 0)).toBe(RECORDS);
    expect(outcome.recordsIn).toBe(RECORDS);
    for (const name of ['metered', 'zero-delta', 'duplicate', 'reordered', 'dead-lettered'] as const)
      expect(actual[name]).toBeGreaterThan(0);
  });

  it('has the actions of the oracle in the ledger, each once', () => {
    expect(outcome.actions).toEqual([]);
    expect(outcome.sizes.actions).toBeGreaterThan(400);
    const { delivered = 0, superseded = 0 } = outcome.states;
    expect(delivered + superseded).toBe(outcome.sizes.actions);
    expect(delivered).toBeGreaterThan(superseded);
  });

  it('tells every session of a delivered action once', () => {
    expect(run.nas.failures).toEqual([]);
    expect(outcome.effects).toEqual([]);
    expect(run.nas.repeats).toBe(0);
    expect(outcome.sizes.effects).toBeGreaterThan(400);
  });

  it('ends cleanly when told to', () => {
    expect(end).toEqual({ code: 0, signal: null });
  });
});
