import { afterAll, beforeAll, expect, it } from 'vitest';
import { JavaScriptTree } from './javascript-tree.ts';
import { runSeeds } from './pool.ts';
import { SimulationReport } from './report.ts';
import type { RunResult } from './run.ts';

const SEEDS = 2000;
const PLAIN = { faults: null, trace: false, ignore: {} } as const;

let tree: JavaScriptTree;
let folder: string;
const report = new SimulationReport();
const digests = new Map<number, string>();

beforeAll(async () => {
  tree = await JavaScriptTree.of('tests/simulation/thread.ts');
  folder = await tree.write();
});

afterAll(async () => {
  await tree.close();
  process.stdout.write(`\n${report.lines().join('\n')}\n`);
});

it(`loses nothing, counts nothing twice and comes to an end, in ${SEEDS} runs`, async () => {
  await runSeeds({
    folder,
    seeds: Array.from({ length: SEEDS }, (_, i) => i + 1),
    run: PLAIN,
    onResult: (result) => {
      report.add(result);
      digests.set(result.seed, result.digest);
      return report.red.length === 5;
    },
  });
  expect(report.complaints()).toEqual([]);
  expect(report.runs).toBe(SEEDS);
});

it('replays a seed exactly', async () => {
  const again: RunResult[] = [];
  await runSeeds({
    folder,
    seeds: [1, 500, 1000, 1500, 2000],
    run: { ...PLAIN, trace: true },
    onResult: (result) => {
      again.push(result);
      return false;
    },
  });
  for (const { seed, digest, trace } of again) {
    expect([seed, digest]).toEqual([seed, digests.get(seed)]);
    expect(trace.length).toBeGreaterThan(100);
  }
});

it('struck at every write of a commit, and killed before and after every call', () => {
  expect(report.struck('torn at ')).toEqual(
    ['deletes', 'due', 'meta', 'outbox', 'rows', 'values'].map((point) => `torn at ${point}`),
  );
  for (const when of ['before', 'after']) {
    const points = CALLS.map((call) => `crash ${when} ${call}`);
    expect(report.struck(`crash ${when} `)).toEqual(expect.arrayContaining(points));
  }
});

it('had every kind of fault', () => {
  for (const name of KINDS) expect([name, report.counts.get(name) ?? 0]).not.toEqual([name, 0]);
});

/** Calls to servers that a run makes. */
const CALLS = [
  'analytics.insert',
  'ledger.claim',
  'ledger.insert',
  'ledger.settle',
  'log.append',
  'marks.raise',
  'marks.read',
  'sink.send',
  'store.acquire',
  'store.commit',
  'store.holds',
  'store.loadDue',
  'store.loadRows',
  'store.readBuckets',
  'store.readRows',
  'store.readValues',
  'store.removeOutbox',
];

const KINDS = [
  'alarms that were due',
  'analyticsOutage',
  'clockJump',
  'crashes',
  'delayed',
  'deletedAhead',
  'duplicated messages',
  'halts with an alarm',
  'late messages',
  'ledgerOutage',
  'logOutage',
  'lost answers',
  'lost tails',
  'rebalance',
  'refused',
  'relayRepeats',
  'stop',
  'storeOutage',
  'torn commits',
  'zombie',
];
