import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openServerGroup } from './processes/server-group.ts';
import type { ServerGroup } from './processes/server-group.ts';
import { whenToldToStop } from './processes/stop-request.ts';
import { prepareServices } from './services.ts';
import { countsOf, failuresOf } from './test-results.ts';
import type { Counts, Failure } from './test-results.ts';

/**
 * `npm test`: starts the real servers, runs the unit, simulation, integration and chaos projects, stops the servers,
 * says once more what failed, and ends with the plain line `N passed, N failed`. Exits 0 only when something passed,
 * nothing failed and nothing was skipped. Arguments go to vitest: `npm test -- storage/redis -t "stale token"`.
 */
async function main(): Promise<number> {
  const filters = process.argv.slice(2);
  // vitest belongs to a group as the servers do: it ends with this process, even after a kill -9.
  const group = await openServerGroup();
  const services = prepareServices();
  let interrupted = false;
  const toldToStop = whenToldToStop().then((reason) => {
    process.stderr.write(`stopping: ${reason}\n`);
    interrupted = true;
  });
  const counts: Counts[] = [];
  const failures: Failure[] = [];
  const work = async () => {
    await timed('servers', () => services.start());
    const env = { ...process.env, ...services.env };
    for (const project of ['unit', 'simulation', 'integration', 'chaos']) {
      if (interrupted) return;
      const report = join(group.dir, `${project}.json`);
      const result = await timed(project, () => runVitest(group, { project, filters, env, report }));
      counts.push(result.counts);
      failures.push(...result.failures);
    }
  };
  try {
    await Promise.race([work(), toldToStop]);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    counts.push({ passed: 0, failed: 1, skipped: 0 });
  }
  // What is cut off by that is no result: it must not change the counts any more.
  const results = [...counts];
  const told = [...failures];
  await timed('stop', () => Promise.all([group.stop(), services.stop()]));
  for (const { name, message } of told) process.stdout.write(`failed: ${name}\n${message}\n\n`);
  return conclude(results, filters.length > 0, interrupted);
}

interface Run {
  readonly project: string;
  readonly filters: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly report: string;
}

const VITEST = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));

async function runVitest(group: ServerGroup, run: Run): Promise<{ counts: Counts; failures: Failure[] }> {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${run.report}`];
  // A filter may well name files of one project only; no test at all in both is caught at the end.
  const empty = run.filters.length > 0 ? ['--passWithNoTests'] : [];
  const args = [VITEST, 'run', '--project', run.project, ...reporters, ...empty, ...run.filters];
  const exitCode = await group.runVisibly(process.execPath, args, run.env);
  const report = await readReport(run.report);
  return { counts: countsOf(report, exitCode), failures: failuresOf(report) };
}

async function readReport(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    process.stderr.write(`vitest left no readable report: ${(error as Error).message}\n`);
    return undefined;
  }
}

async function timed<T>(part: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  try {
    return await work();
  } finally {
    process.stdout.write(`[time] ${part}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`);
  }
}

function conclude(counts: readonly Counts[], filtered: boolean, wasInterrupted: boolean): number {
  const total = (pick: (of: Counts) => number) => counts.reduce((sum, of) => sum + pick(of), 0);
  const [passed, failed, skipped] = [total((c) => c.passed), total((c) => c.failed), total((c) => c.skipped)];
  if (wasInterrupted) process.stdout.write('interrupted: not all tests ran\n');
  // With -t on the command line the others are meant to be skipped; otherwise a skipped test proves nothing.
  if (skipped > 0) process.stdout.write(`${String(skipped)} skipped\n`);
  process.stdout.write(`${String(passed)} passed, ${String(failed)} failed\n`);
  const good = passed > 0 && failed === 0 && (skipped === 0 || filtered) && !wasInterrupted;
  return good ? 0 : 1;
}

process.exit(await main());
