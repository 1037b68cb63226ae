import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { ActionIntent } from '../../schemas/action.ts';
import { anIntent } from '../../storage/action-factory.contract.ts';
import { PostgresActionLedger } from '../../storage/postgres/ledger.ts';
import { migrate } from '../../storage/postgres/migrate.ts';
import { connectPostgres } from '../../storage/postgres/pool.ts';
import { Notes } from './dispatch-rig.contract.ts';
import { Dispatcher } from './dispatcher.ts';
import { CoaClient } from './radius/coa-client.ts';
import { CoaServer, type CoaVerdict } from './radius/coa-server.ts';
import { readAttribute } from './radius/attributes.ts';
import { decodeSpeed } from './radius/encoders.ts';
import { RadiusSink } from './radius/radius-sink.ts';
import { actionWork } from './work.ts';

const SCHEMA = `dispatcher_${process.pid}`;
const SLOT = { group: 'weir', topic: 'accounting', partition: 0 };
const url = process.env['DATABASE_URL'];
if (url === undefined) throw new Error('DATABASE_URL is missing: run these tests through npm test');
const quiet = { warn: () => undefined };

let pool: pg.Pool;
/** What the NAS was told: session -> download speeds in order of arrival. */
const told = new Map<string, number[]>();
let verdict: (session: string) => CoaVerdict = () => ({ kind: 'ack' });
const server = new CoaServer({
  secret: 'testing123',
  handle({ attributes }) {
    const session = readAttribute(attributes, 'Acct-Session-Id') ?? '';
    told.set(session, [...(told.get(session) ?? []), decodeSpeed(attributes)?.downBps ?? Number.NaN]);
    return verdict(session);
  },
});
let nasPort = 0;

beforeAll(async () => {
  const admin = await connectPostgres(url, quiet, { max: 1 });
  await admin.query(`create schema ${SCHEMA}`);
  await admin.end();
  pool = await connectPostgres(url, quiet, { schema: SCHEMA, max: 8, applicationName: SCHEMA });
  await migrate(pool);
  nasPort = (await server.listen(0)).port;
});

afterAll(async () => {
  await server.close();
  await pool.query(`drop schema ${SCHEMA} cascade`);
  await pool.end();
});

beforeEach(async () => {
  told.clear();
  verdict = () => ({ kind: 'ack' });
  await pool.query('truncate action, slot_mark');
});

function dispatcherOver(ledger: PostgresActionLedger, name: string): Dispatcher {
  const access = (nasId: string) =>
    Promise.resolve({
      nasId,
      address: '127.0.0.1',
      coaPort: nasPort,
      secret: 'testing123',
      vendor: 'mikrotik',
    });
  const sink = new RadiusSink({ inventory: { access }, client: new CoaClient() });
  return new Dispatcher({ work: actionWork(ledger, sink), name, observer: new Notes() });
}

function throttles(count: number): ActionIntent[] {
  return Array.from({ length: count }, (_, n) => {
    const session = { nasId: 'nas-1', nasIp: null, sessionId: `S-${n}`, framedIp: '198.51.100.7' };
    return anIntent({ id: `t${n}`, subscriberId: `s${n}`, sessions: [session] });
  });
}

/** Polls until the ledger has so many in the state. */
async function untilCount(
  ledger: PostgresActionLedger,
  state: 'delivered' | 'rejected',
  count: number,
): Promise<void> {
  await expect
    .poll(async () => (await ledger.counts())[state], { timeout: 30_000, interval: 50 })
    .toBe(count);
}

it('tells the NAS of every action once, with three dispatchers on one ledger', async () => {
  const ledger = new PostgresActionLedger(pool);
  const dispatchers = ['a', 'b', 'c'].map((name) => dispatcherOver(new PostgresActionLedger(pool), name));
  for (const dispatcher of dispatchers) dispatcher.start();
  const intents = throttles(600);
  for (let at = 0; at < 600; at += 60) {
    await ledger.insert(SLOT, at, { intents: intents.slice(at, at + 60) });
    for (const dispatcher of dispatchers) dispatcher.wake();
  }
  await untilCount(ledger, 'delivered', 600);
  await Promise.all(dispatchers.map((dispatcher) => dispatcher.stop(5_000)));
  expect(told.size).toBe(600);
  expect([...told.values()].every((speeds) => speeds.length === 1 && speeds[0] === 2_000_000)).toBe(true);
  expect(await ledger.counts()).toMatchObject({ pending: 0, sending: 0, delivered: 600 });
});

it('carries a refusal of the NAS into the ledger', async () => {
  verdict = () => ({ kind: 'nak', errorCause: 407 });
  const ledger = new PostgresActionLedger(pool);
  const dispatcher = dispatcherOver(ledger, 'a');
  await ledger.insert(SLOT, 1, { intents: throttles(1) });
  dispatcher.start();
  await untilCount(ledger, 'rejected', 1);
  await dispatcher.stop(1_000);
  expect((await ledger.recent(1))[0]?.detail).toContain('NAK 407');
});

it('gives back on stop what has no answer, and another dispatcher ends it', async () => {
  verdict = () => ({ kind: 'silent' });
  const ledger = new PostgresActionLedger(pool);
  const first = dispatcherOver(ledger, 'first');
  await ledger.insert(SLOT, 1, { intents: throttles(20) });
  first.start();
  await expect.poll(() => told.size, { timeout: 10_000 }).toBe(20);
  await first.stop(200);
  expect(await ledger.counts()).toMatchObject({ pending: 20, sending: 0 });
  verdict = () => ({ kind: 'ack' });
  const second = dispatcherOver(ledger, 'second');
  second.start();
  await untilCount(ledger, 'delivered', 20);
  await second.stop(1_000);
});

it('goes on when its connections to Postgres were cut', async () => {
  const ledger = new PostgresActionLedger(pool);
  const dispatcher = dispatcherOver(ledger, 'a');
  dispatcher.start();
  await ledger.insert(SLOT, 1, { intents: throttles(50) });
  dispatcher.wake();
  const admin = await connectPostgres(url, quiet, { max: 1 });
  const cut = await admin.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1',
    [SCHEMA],
  );
  expect(cut.rowCount).toBeGreaterThan(0);
  await admin.end();
  await untilCount(ledger, 'delivered', 50);
  await dispatcher.stop(1_000);
});
