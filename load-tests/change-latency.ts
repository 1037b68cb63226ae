import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '../dev/processes/wait-until.ts';
import { simulatedNas } from '../simulator/profiles.ts';
import type { LogAppend } from '../storage/ports.ts';
import { NasRecorder } from '../tests/flow/nas-recorder.ts';
import { sessionEntries } from '../tests/flow/tariff-lines.ts';
import { PARTITIONS, TariffRun } from '../tests/flow/tariff-run.ts';
import { SteadyFeed } from './chaos/steady-feed.ts';

const POLICIES = fileURLToPath(new URL('latency-policies', import.meta.url));
const GB = 1_000_000_000;
const HOUR_MS = 3_600_000;
const WAIT_MS = 60_000;
/** A change whose CoA has not come by then counts as lost, and fails the run. */
const LOST_MS = 30_000;
/** Who change their plan to and fro; each top-up is of a line of its own. */
const CHANGERS = 50;
/** Lines that only send records, under load. */
const OTHERS = 2_000;
const CHUNK = 500;

/** What is measured. */
export interface LatencyOptions {
  /** changes of each stretch, half of them of plan, half top-ups */
  changes: number;
  /** records a second under load */
  rate: number;
  /** subscribers that are brought in meanwhile, in a stretch of its own; 0 = none */
  imported: number;
}

/** The stations of changes, ms, each from the one before; the request is all before the commit was answered. */
export const STATIONS = ['request', 'log', 'ledger', 'network'] as const;
export type Station = (typeof STATIONS)[number];

/** One change. */
export interface ChangeTimes extends Record<Station, number> {
  kind: 'plan' | 'top-up';
  /** from the answer to the request, which says that it is committed, to the CoA at the NAS */
  total: number;
}

/** Of one stretch of the run. */
export interface LatencyStretch {
  name: string;
  times: ChangeTimes[];
}

/**
 * Plan changes and top-ups over the API of lines that have used up their cap, one after the other, until a NAS has the
 * CoA: the API and the relay in one process, the worker and the dispatcher in another, on real servers.
 */
export async function measureChanges(
  options: LatencyOptions,
  env: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void,
): Promise<LatencyStretch[]> {
  const run = await TariffRun.open({ policiesDir: POLICIES, realTime: true, on: env });
  const nas = new NasRecorder();
  try {
    const bench = new Bench(run, nas, options);
    say('starting, and filling the directory');
    await bench.open();
    say('idle');
    const stretches = [{ name: 'idle', times: await bench.stretch() }];
    say(`under ${String(options.rate)} records a second`);
    const feed = bench.feed();
    feed.start();
    stretches.push({ name: `${String(options.rate)} records/s`, times: await bench.stretch() });
    await feed.stop();
    if (options.imported > 0) {
      say(`while ${String(options.imported)} subscribers are brought in`);
      stretches.push({ name: 'import', times: await bench.whileImporting() });
    }
    return stretches;
  } finally {
    await run.close();
    await nas.stop();
  }
}

class Bench {
  readonly #run: TariffRun;
  readonly #nas: NasRecorder;
  readonly #options: LatencyOptions;
  /** lines that have bought nothing yet */
  readonly #buyers: string[];
  readonly #changers = Array.from({ length: CHANGERS }, (_, i) => ({
    id: `changer-${String(i)}`,
    isLarge: false,
  }));
  readonly #startMs = Date.now() - HOUR_MS;
  #made = 0;

  constructor(run: TariffRun, nas: NasRecorder, options: LatencyOptions) {
    this.#run = run;
    this.#nas = nas;
    this.#options = options;
    const stretches = options.imported > 0 ? 3 : 2;
    this.#buyers = Array.from({ length: options.changes * stretches }, (_, i) => `buyer-${String(i)}`);
  }

  /** All lines are slow in the end. */
  async open(): Promise<void> {
    const run = this.#run;
    const network = simulatedNas(0);
    const [access = null] = await this.#nas.start([network]);
    await run.directory.putNas([{ profile: network.profile, access }]);
    const api = await run.start('api', 'relay');
    await run.start('worker', 'dispatcher');
    await api.until('the API is up', async () => (await run.ask('GET', '/v1/plans')).status === 200, WAIT_MS);
    for (const [planId, capBytes, downBps] of [
      ['small', GB, 50_000_000],
      ['large', 100 * GB, 200_000_000],
    ] as const)
      await run.granted('POST', `/v1/plans/${planId}/versions`, {
        json: { terms: terms(planId, capBytes, downBps), effectiveFrom: null },
      });
    const ids = [...this.#changers.map(({ id }) => id), ...this.#buyers];
    await this.#bringIn(
      'subscribers',
      ids.map((id) => ({ subscriberId: id, zone: 'UTC', credentials: [{ userName: id }] })),
    );
    const from = new Date(this.#startMs).toISOString();
    await this.#bringIn(
      'assignments',
      ids.map((id) => ({ subscriberId: id, planId: 'small', from })),
    );
    await run.read(WAIT_MS);
    const sessions = ids.map((subscriberId) => ({
      ...{ subscriberId, startMs: this.#startMs + HOUR_MS / 2, minutes: 5, bytes: 2 * GB, isOpen: true },
    }));
    await run.append(sessionEntries(sessions, PARTITIONS));
    await run.until(
      'all lines are slow',
      () => Promise.resolve(this.#nas.effects.length >= ids.length),
      WAIT_MS,
    );
  }

  /** One change after the other. */
  async stretch(until: () => boolean = () => true): Promise<ChangeTimes[]> {
    const times: ChangeTimes[] = [];
    for (let i = 0; i < this.#options.changes || !until(); i += 1) {
      const time = i % 2 === 0 ? await this.#changePlan() : await this.#buy();
      if (time === null) break;
      times.push(time);
      // Not in step with any clock of the program.
      await pause(Math.random() * 50);
    }
    return times;
  }

  /** The stretch lasts while the import does, and for as many changes as are asked for at least. */
  async whileImporting(): Promise<ChangeTimes[]> {
    let isDone = false;
    const lines = Array.from({ length: this.#options.imported }, (_, i) => ({
      ...{ subscriberId: `new-${String(i)}`, zone: 'UTC', credentials: [{ userName: `new-${String(i)}` }] },
    }));
    const imported = this.#bringIn('subscribers', lines).finally(() => (isDone = true));
    const times = await this.stretch(() => isDone);
    await imported;
    return times;
  }

  /** Records of other lines, as many a second as were asked for. */
  feed(): SteadyFeed {
    const { brokers: broker, topic } = this.#run;
    const { rate: perSecond } = this.#options;
    return new SteadyFeed({
      broker,
      topic: topic.name,
      partitions: PARTITIONS,
      entries: this.#records(),
      perSecond,
    });
  }

  /** A new session of everybody again and again. */
  *#records(): Generator<LogAppend> {
    for (let round = 0; ; round += 1) {
      const startMs = this.#startMs + round * 60_000;
      for (let at = 0; at < OTHERS; at += CHUNK) {
        const sessions = Array.from({ length: CHUNK }, (_, i) => ({
          ...{ subscriberId: `other-${String(at + i)}`, startMs, minutes: 10, bytes: GB / 10 },
        }));
        yield* sessionEntries(sessions, PARTITIONS);
      }
    }
  }

  async #changePlan(): Promise<ChangeTimes | null> {
    const changer = this.#changers[this.#made % CHANGERS];
    if (changer === undefined) return null;
    changer.isLarge = !changer.isLarge;
    const json = { planId: changer.isLarge ? 'large' : 'small', at: 'now' };
    return this.#timed('plan', changer.id, 'assignments', json);
  }

  async #buy(): Promise<ChangeTimes | null> {
    const id = this.#buyers.pop();
    if (id === undefined) return null;
    const price = { amountMinor: 500, currency: 'EUR' };
    const json = { kind: 'bytes', bytes: String(5 * GB), validSeconds: 86_400, price };
    return this.#timed('top-up', id, 'top-ups', json);
  }

  async #timed(kind: ChangeTimes['kind'], id: string, path: string, json: object): Promise<ChangeTimes> {
    this.#made += 1;
    const before = this.#nas.effects.length;
    const headers = { 'idempotency-key': `change-${String(this.#made)}` };
    const askedMs = Date.now();
    await this.#run.granted('POST', `/v1/subscribers/${id}/${path}`, { json, headers });
    const answeredMs = Date.now();
    const told = (): number | undefined =>
      this.#nas.effects.slice(before).find(({ userName }) => userName === id)?.atMs;
    await waitUntil(`the CoA of ${id}`, () => Promise.resolve(told() !== undefined), { timeoutMs: LOST_MS });
    const row = await this.#run.row<{ appended: number; stored: number }>(
      `select (intent ->> 'appendTimeMs')::float8 as appended, extract(epoch from created_at)::float8 * 1000 as stored
       from action where subscriber_id = $1 order by seq desc limit 1`,
      [id],
    );
    const toldMs = told() ?? 0;
    return {
      kind,
      request: answeredMs - askedMs,
      log: row.appended - answeredMs,
      ledger: row.stored - row.appended,
      network: toldMs - row.stored,
      total: toldMs - answeredMs,
    };
  }

  async #bringIn(kind: string, lines: readonly object[]): Promise<void> {
    const run = this.#run;
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    const file = { type: 'application/x-ndjson', text };
    const taken = (await run.granted('POST', `/v1/imports?kind=${kind}`, { file })) as { importId: string };
    const isDone = async (): Promise<boolean> => {
      const { state } = (await run.granted('GET', `/v1/imports/${taken.importId}`)) as { state: string };
      return state === 'done';
    };
    await run.until(`the import of ${kind}`, isDone, 10 * WAIT_MS);
  }
}

function terms(name: string, capBytes: number, downBps: number): object {
  return {
    ...{ name, currency: 'EUR', recurring: null, usage: null },
    metering: { capBytes: String(capBytes), counted: 'both', downBps, upBps: downBps / 10, overage: null },
  };
}
