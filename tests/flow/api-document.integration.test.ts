import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePorts } from '../../dev/processes/ports.ts';
import { openServerGroup } from '../../dev/processes/server-group.ts';
import type { ServerGroup } from '../../dev/processes/server-group.ts';
import { runSchemathesis } from '../../dev/schemathesis/run.ts';
import { WeirProcess } from './weir-process.ts';

/** WEIR_TEST_SECONDS raises it: after a minute on two quiet cores the boundary cases are done, then random ones follow. */
const SECONDS = Number(process.env['WEIR_TEST_SECONDS'] ?? 30);
const STARTED_WITHIN_MS = 60_000;

let group: ServerGroup;
let scratch: string;
let weir: WeirProcess;
let url: string;

beforeAll(async () => {
  group = await openServerGroup();
  scratch = await mkdtemp(join(tmpdir(), 'weir-api-'));
  const [api = 0, metrics = 0] = await freePorts(2);
  url = `http://127.0.0.1:${api}`;
  weir = new WeirProcess({
    WEIR_DATA_DIR: scratch,
    WEIR_API_PORT: String(api),
    WEIR_METRICS_PORT: String(metrics),
    WEIR_SIMULATOR_SUBSCRIBERS: '20',
    WEIR_API_RATE_LIMIT: '1000000',
    WEIR_API_KEY_RATE_LIMIT: '1000000',
  });
  const isKnown = async (): Promise<boolean> => (await ask('GET', '/v1/subscribers/sub-000003')) === 200;
  await weir.until('a subscriber is known', isKnown, STARTED_WITHIN_MS);
}, 120_000);

afterAll(async () => {
  await weir.end('SIGKILL');
  await group.stop();
  await rm(scratch, { recursive: true, force: true });
});

async function key(): Promise<string> {
  return (await readFile(join(scratch, 'admin-key'), 'utf8')).trim();
}

/** The status of the answer; 0 while it does not listen. */
async function ask(method: string, path: string, body?: object): Promise<number> {
  try {
    const answer = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${await key()}`,
        'idempotency-key': path,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    // Not yet; whoever waits for it gives up in time.
    return 0;
  }
}

/** What the cases are told of (dev/schemathesis/schemathesis.toml) and the simulated provider does not have. */
async function seed(): Promise<void> {
  const addOn = {
    name: 'More',
    currency: 'EUR',
    feeMinor: 500,
    when: 'advance',
    capBytes: '1',
    prorated: true,
  };
  const effectiveFrom = '2026-01-01T00:00:00Z';
  expect(await ask('POST', '/v1/add-ons/more/versions', { ...addOn, effectiveFrom })).toBe(201);
  const pool = { allowanceBytes: '5', zone: 'UTC', anchorDay: 1, segment: '', planId: null };
  const whole = { ...pool, overageConsent: false, billTo: 'sub-000001' };
  expect(await ask('PUT', '/v1/pools/family', whole)).toBe(201);
}

it(
  'answers whatever is sent as its document says, and never by a fault of its own',
  async () => {
    await seed();
    const run = { url: `${url}/v1/openapi.json`, key: await key(), seconds: SECONDS, seed: 1 };
    const { code, output } = await runSchemathesis(group, run);
    expect(weir.hasEnded).toBe(false);
    expect(code, output.slice(-20_000)).toBe(0);
    // It came to something.
    expect(Number(/(\d+) generated/.exec(output)?.[1])).toBeGreaterThan(500);
  },
  (SECONDS + 180) * 1000,
);
