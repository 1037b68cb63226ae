import type { RunResult } from './run.ts';

/** Figures of many runs: what was simulated, what went wrong on purpose, and what was found. */
export class SimulationReport {
  readonly counts = new Map<string, number>();
  readonly red: RunResult[] = [];
  runs = 0;

  add(result: RunResult): void {
    this.runs += 1;
    for (const [name, count] of result.counts) this.counts.set(name, (this.counts.get(name) ?? 0) + count);
    if (result.violations.length > 0) this.red.push(result);
  }

  /** Names of points at which something struck, e.g. `crash before store.commit`. */
  struck(prefix: string): string[] {
    return [...this.counts.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  /** One line a figure, points last. */
  lines(): string[] {
    const point = /^(crash (before|after)|torn at) /;
    const main = [...this.counts].filter(([name]) => !point.test(name)).sort();
    const points = [...this.counts].filter(([name]) => point.test(name)).sort();
    const crashes = points.filter(([name]) => name.startsWith('crash'));
    const tears = points.filter(([name]) => name.startsWith('torn'));
    const listed = (of: [string, number][]): string =>
      of.map(([name, count]) => `${name.replace(point, '')} ${count}`).join(', ');
    return [
      `seeds: ${this.runs}, red: ${this.red.length}`,
      ...main.map(([name, count]) => `${name}: ${count}`),
      `torn at: ${listed(tears)}`,
      `killed before: ${listed(crashes.filter(([name]) => name.startsWith('crash before')))}`,
      `killed after: ${listed(crashes.filter(([name]) => name.startsWith('crash after')))}`,
    ];
  }

  /** What was wrong, and how to see it again. */
  complaints(): string[] {
    return this.red.flatMap(({ seed, violations }) => [
      `seed ${seed}: npm run simulation -- --seed ${seed} --trace`,
      ...violations.slice(0, 8).map((violation) => `  ${violation.slice(0, 400)}`),
    ]);
  }
}
