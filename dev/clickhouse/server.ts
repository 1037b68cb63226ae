import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { portsOf } from '../processes/ports.ts';
import type { ServerGroup } from '../processes/server-group.ts';

const PROGRAM = fileURLToPath(new URL('../clickhouse.ts', import.meta.url));

/**
 * chDB behind ClickHouse's HTTP interface, in a process of its own (dev/clickhouse.ts). Called again in the same
 * group after a kill, it restarts on its data at its port.
 *
 * @returns CLICKHOUSE_URL and WEIR_TEST_CLICKHOUSE_DIR (the process id is in clickhouse.pid beside it)
 * @throws Error with the end of its log when it does not answer within 30 s
 */
export async function startClickhouse(group: ServerGroup): Promise<Record<string, string>> {
  const dir = await group.folder('clickhouse');
  const [port] = await portsOf(dir, 1);
  const url = `http://127.0.0.1:${String(port)}`;
  await group.start({
    name: 'clickhouse',
    command: process.execPath,
    args: ['--import', 'tsx', PROGRAM, '--path', join(dir, 'data'), '--port', String(port)],
    // tsx is found from here, whatever folder the caller is in.
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    ready: () => answersPing(url),
    readyTimeoutMs: 30_000,
  });
  return { CLICKHOUSE_URL: url, WEIR_TEST_CLICKHOUSE_DIR: dir };
}

async function answersPing(url: string): Promise<boolean> {
  return (await fetch(`${url}/ping`)).ok;
}
