import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { JobRunner } from '../../pipeline/schedule/job-runner.ts';
import { asLeader } from '../../storage/postgres/job-leader.ts';
import { PostgresJobStore } from '../../storage/postgres/job-store.ts';
import { connectPostgres } from '../../storage/postgres/pool.ts';

/*
 * One process that runs jobs, for the test beside. Its one job writes a row a chunk, each as the leader, until it has
 * written as many as `chunks` says. It never asks whether it is to stop: only its token keeps it from writing. What happens
 * goes to standard output, a line each.
 *
 * arguments: name, database URL, schema, ms that a leader may be silent, chunks, ms between chunks
 */
const [name = '', url = '', schema = '', silentMs = '', chunks = '', betweenMs = ''] = process.argv.slice(2);

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

const pool = await connectPostgres(url, { warn: () => undefined }, { schema, attempts: 60 });

async function work({ token }: { token: string }): Promise<unknown> {
  tell('began');
  for (let chunk = 0; chunk < Number(chunks); chunk++) {
    try {
      await asLeader(pool, token, (client) =>
        client.query('insert into chunk (process, token) values ($1, $2)', [name, token]),
      );
      tell('chunk');
    } catch (error) {
      tell(`refused ${String((error as { code?: unknown }).code)}`);
      throw error;
    }
    await pause(Number(betweenMs));
  }
  return { by: name };
}

const quiet = (): void => undefined;
const runner = new JobRunner({
  store: new PostgresJobStore(pool, { ownSessions: true, silentMs: Number(silentMs) }),
  jobs: [{ name: 'write', cron: '0 0 1 1 *', run: work }],
  process: name,
  clockMs: Date.now,
  nowMs: Date.now,
  log: { info: quiet, warn: quiet, error: quiet },
  observer: {
    leading: (leads) => tell(leads ? 'leads' : 'leads no more'),
    planned: quiet,
    succeeded: quiet,
    ended: (_, outcome) => tell(`ended ${outcome}`),
  },
  lookEveryMs: 100,
});
runner.start();
tell('up');
// Whoever started it ends it by closing its input; a killed test does so too.
createInterface({ input: process.stdin }).on('close', () => process.exit(0));
