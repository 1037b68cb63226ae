import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openServerGroup } from '../processes/server-group.ts';
import type { ServerGroup } from '../processes/server-group.ts';
import { waitUntil } from '../processes/wait-until.ts';
import { answersQuery, startPostgres } from './server.ts';

let group: ServerGroup;
beforeAll(async () => {
  group = await openServerGroup();
});
afterAll(() => group.stop());

async function onDatabase(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

it('restarts on its data at its port after an immediate shutdown', async () => {
  const first = await startPostgres(group);
  const url = await first.createDatabase('kept');
  await onDatabase(url, 'create table kept as select 1 as one');
  process.kill(Number(await readFile(join(group.dir, 'postgres.pid'), 'utf8')), 'SIGQUIT');
  const gone = () =>
    answersQuery({ connectionString: url }).then(
      () => false,
      () => true,
    );
  await waitUntil('Postgres is gone', gone, { timeoutMs: 5_000 });

  const second = await startPostgres(group);
  expect(second.port).toBe(first.port);
  expect(await onDatabase(url, 'select one from kept')).toEqual([{ one: 1 }]);
});
