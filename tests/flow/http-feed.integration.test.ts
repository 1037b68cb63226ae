import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePorts } from '../../dev/processes/ports.ts';
import type { SubscriberView } from '../../schemas/views.ts';
import { WeirProcess } from './weir-process.ts';

const WITHIN_MS = 60_000;
const GIGAWORD = 2 ** 32;

let scratch: string;
let program: WeirProcess;
let base: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'weir-http-feed-'));
  const [api = 0, metrics = 0] = await freePorts(2);
  base = `http://127.0.0.1:${api}`;
  program = new WeirProcess({
    WEIR_DATA_DIR: scratch,
    WEIR_API_PORT: String(api),
    WEIR_METRICS_PORT: String(metrics),
    WEIR_SIMULATOR: 'off',
  });
  const isUp = async (): Promise<boolean> => (await fetch(`${base}/readyz`)).ok;
  await program.until('the program is up', isUp, WITHIN_MS);
});

afterAll(async () => {
  await program.end('SIGKILL');
  await rm(scratch, { recursive: true, force: true });
});

async function ask(path: string, packet?: object): Promise<Response> {
  const key = (await readFile(join(scratch, 'admin-key'), 'utf8')).trim();
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const request =
    packet === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(packet) };
  return fetch(`${base}${path}`, request);
}

/** A packet as rlm_rest sends it; times in seconds since 1970. */
function packet(status: string, atSeconds: number, more: Record<string, number> = {}): object {
  const values = {
    'Acct-Status-Type': status,
    'User-Name': 'ann',
    'Acct-Session-Id': 's1',
    'NAS-Identifier': 'n1',
  };
  const all = { ...values, 'Event-Timestamp': atSeconds, ...more };
  return Object.fromEntries(
    Object.entries(all).map(([name, value]) => [name, { type: 'x', value: [value] }]),
  );
}

it('shows the usage of packets that came by HTTP, however often they came', async () => {
  const now = Math.floor(Date.now() / 1000);
  const packets = [
    packet('Start', now - 1200),
    packet('Interim-Update', now - 600, { 'Acct-Input-Octets': 1_000, 'Acct-Output-Octets': 5_000 }),
    packet('Stop', now - 60, {
      'Acct-Input-Octets': 2_000,
      'Acct-Output-Octets': 9_000,
      'Acct-Output-Gigawords': 1,
    }),
  ];
  for (const one of [...packets, ...packets]) expect((await ask('/v1/accounting', one)).status).toBe(204);
  let view: SubscriberView | null = null;
  const isCounted = async (): Promise<boolean> => {
    const answer = await ask('/v1/subscribers/user%3Aann');
    if (answer.ok) view = (await answer.json()) as SubscriberView;
    return (
      view !== null &&
      view.cycle !== null &&
      view.sessions.length === 0 &&
      Number(view.cycle.downBytes) > 5_000
    );
  };
  await program.until('the usage', isCounted, WITHIN_MS);
  expect(view).toMatchObject({ cycle: { upBytes: '2000', downBytes: String(GIGAWORD + 9_000) } });
  const feeds = (await (await ask('/v1/feeds')).json()) as object;
  expect(JSON.stringify(feeds)).toContain('n1');
});
