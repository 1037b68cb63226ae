import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRestRadius } from '../../dev/freeradius/rest-server.ts';
import type { RestRadius } from '../../dev/freeradius/rest-server.ts';
import { freePorts } from '../../dev/processes/ports.ts';
import { openServerGroup } from '../../dev/processes/server-group.ts';
import type { ServerGroup } from '../../dev/processes/server-group.ts';
import { ACCEPTED, documentedSnippets, sendPacket } from '../../pipeline/ingest/freeradius-rig.contract.ts';
import type { SubscriberView } from '../../schemas/views.ts';
import { WeirProcess } from './weir-process.ts';

const WITHIN_MS = 60_000;
const GIGAWORD = 2 ** 32;

let scratch: string;
let key: string;
let base: string;
let program: WeirProcess;
let group: ServerGroup;
let radius: RestRadius;

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
  await program.until('the program is up', async () => (await fetch(`${base}/readyz`)).ok, WITHIN_MS);
  key = (await readFile(join(scratch, 'admin-key'), 'utf8')).trim();
  group = await openServerGroup();
  radius = await startRestRadius(group, await documentedSnippets(), { WEIR_URL: base, WEIR_FEED_KEY: key });
});

afterAll(async () => {
  await group.stop();
  await program.end('SIGKILL');
  await rm(scratch, { recursive: true, force: true });
});

async function subscriber(id: string): Promise<SubscriberView | null> {
  const url = `${base}/v1/subscribers/${encodeURIComponent(id)}`;
  const answer = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
  return answer.ok ? ((await answer.json()) as SubscriberView) : null;
}

/** Bytes down and up of all cycles: what was sent may lie on both sides of midnight of the first. */
function usageOf({ cycle, previousCycles }: SubscriberView): { down: number; up: number } {
  const cycles = cycle === null ? previousCycles : [cycle, ...previousCycles];
  return {
    down: cycles.reduce((sum, { downBytes }) => sum + Number(downBytes), 0),
    up: cycles.reduce((sum, { upBytes }) => sum + Number(upBytes), 0),
  };
}

/** Times in seconds since 1970. */
function packet(status: string, atSeconds: number, more: Record<string, number> = {}) {
  const session = { 'User-Name': 'ann', 'Acct-Session-Id': 's1', 'NAS-Identifier': 'n1' };
  return { 'Acct-Status-Type': status, 'Event-Timestamp': atSeconds, ...session, ...more };
}

it('shows the usage of packets that a RADIUS server passed on, however often they came', async () => {
  const now = Math.floor(Date.now() / 1000);
  const packets = [
    packet('Start', now - 1200),
    packet('Interim-Update', now - 600, { 'Acct-Input-Octets': 1_000, 'Acct-Output-Octets': 5_000 }),
    packet('Stop', now - 60, {
      ...{ 'Acct-Input-Octets': 2_000, 'Acct-Output-Octets': 9_000, 'Acct-Output-Gigawords': 1 },
    }),
  ];
  for (const one of [...packets, ...packets]) expect(await sendPacket(radius, one)).toContain(ACCEPTED);
  let usage = { down: 0, up: 0 };
  const isCounted = async (): Promise<boolean> => {
    const view = await subscriber('user:ann');
    if (view !== null) usage = usageOf(view);
    return view !== null && view.sessions.length === 0 && usage.down > 5_000;
  };
  await program.until('the usage', isCounted, WITHIN_MS);
  expect(usage).toEqual({ down: GIGAWORD + 9_000, up: 2_000 });
});
