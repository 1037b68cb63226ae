import { describe, expect, it } from 'vitest';
import { HEAVY_KINDS, NETWORK_KINDS, planFaults } from './fault-plan.ts';
import type { PlanOptions } from './fault-plan.ts';

const options = (seed: number, seconds: number): PlanOptions => ({
  seed,
  durationMs: seconds * 1_000,
  workers: 3,
  longOutages: false,
});

describe('a plan of faults', () => {
  it('comes from the seed alone', () => {
    expect(planFaults(options(7, 600))).toEqual(planFaults(options(7, 600)));
    expect(planFaults(options(7, 600))).not.toEqual(planFaults(options(8, 600)));
  });

  it.each([110, 200, 600])('has every kind within %d s, whatever the seed', (seconds) => {
    for (let seed = 0; seed < 300; seed += 1) {
      const kinds = new Set(planFaults(options(seed, seconds)).map(({ fault }) => fault.kind));
      expect([...kinds].sort(), `seed ${String(seed)}`).toEqual([...HEAVY_KINDS, ...NETWORK_KINDS].sort());
    }
  });

  it('ends within the run, in order of time', () => {
    for (let seed = 0; seed < 100; seed += 1) {
      const plan = planFaults(options(seed, 90));
      for (const { atMs, tookMs } of plan) expect(atMs + tookMs).toBeLessThanOrEqual(90_000);
      expect(plan.map(({ atMs }) => atMs)).toEqual(plan.map(({ atMs }) => atMs).sort((a, b) => a - b));
    }
  });

  it('leaves ClickHouse and Postgres away for a minute or more in long runs', () => {
    const away = planFaults({ ...options(1, 1_200), longOutages: true }).filter(({ fault }) =>
      fault.kind.endsWith('-away'),
    );
    expect(away.length).toBeGreaterThan(1);
    for (const { tookMs } of away) expect(tookMs).toBeGreaterThanOrEqual(60_000);
  });

  it('does not hurt the same process or server twice at once', () => {
    for (let seed = 0; seed < 100; seed += 1) {
      const lastEnd = new Map<string, number>();
      for (const { atMs, tookMs, fault } of planFaults(options(seed, 300))) {
        if (!HEAVY_KINDS.some((kind) => kind === fault.kind)) continue;
        const target = 'worker' in fault ? `worker ${String(fault.worker)}` : fault.kind.split('-')[0];
        expect(atMs).toBeGreaterThanOrEqual(lastEnd.get(target ?? '') ?? 0);
        lastEnd.set(target ?? '', atMs + tookMs);
      }
    }
  });
});
