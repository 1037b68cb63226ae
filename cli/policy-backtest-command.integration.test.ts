import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BacktestReport } from '../pipeline/backtest/report.ts';
import { openAdmin } from '../pipeline/compose-admin.ts';
import { readConfig } from '../pipeline/config.ts';
import { policyVersion } from '../pipeline/policies/policy-version.ts';
import type { PolicyFile } from '../schemas/policy.ts';
import { connectClickHouse } from '../storage/clickhouse/connection.ts';
import { PostgresDirectory } from '../storage/postgres/directory.ts';
import { PostgresPolicyStore } from '../storage/postgres/policy-store.ts';
import { connectPostgres } from '../storage/postgres/pool.ts';
import { SecretBox } from '../storage/postgres/secret-box.ts';
import { plan, profile } from '../tests/factories.ts';
import { makeDatabases, serversOf } from '../tests/flow/servers.ts';
import type { ScratchDatabases } from '../tests/flow/servers.ts';
import { runWeir } from './run-weir.contract.ts';

const JUNE = Date.UTC(2026, 5, 1);
const HOUR_MS = 3_600_000;
const GB = 1_000_000_000;
const SUBSCRIBERS = 90;
const quiet = pino({ level: 'silent' });

let databases: ScratchDatabases;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-backtest-'));
  databases = await makeDatabases(serversOf(process.env));
  await fill();
});
afterAll(async () => {
  await databases.drop();
  await rm(folder, { recursive: true, force: true });
});

const env = () => ({
  DATABASE_URL: databases.databaseUrl,
  CLICKHOUSE_URL: databases.clickhouseUrl,
  WEIR_DATA_DIR: folder,
});

/** Slows at a share of the cap of 100 GB, and sells blocks beyond it. */
function fairUse(percent: number): PolicyFile {
  return {
    id: 'fair-use',
    description: 'Slow at the cap',
    mode: 'enforce',
    rules: [
      {
        name: 'slow-at-cap',
        conditions: { all: [{ fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: percent }] },
        event: { type: 'throttle', params: { downBps: 2_000_000, upBps: 1_000_000 } },
      },
      {
        name: 'blocks',
        conditions: { all: [{ fact: 'capUsedPercent', operator: 'greaterThan', value: percent + 10 }] },
        event: { type: 'overage', params: {} },
      },
    ],
  };
}

/** Subscriber n uses n GB within three days. */
async function fill(): Promise<void> {
  const config = readConfig(env());
  const admin = await openAdmin(config, quiet);
  await admin.migrate();
  await admin.close();
  const pool = await connectPostgres(databases.databaseUrl, quiet, { max: 1 });
  const directory = new PostgresDirectory(pool, new SecretBox(randomBytes(32)));
  const overage = { blockBytes: GB, blockPriceMinor: 150, currency: 'EUR', maxBlocks: 20 };
  await directory.putPlans([plan({ capBytes: 60 * GB, overage })]);
  const ids = Array.from({ length: SUBSCRIBERS }, (_, n) => `sub-${String(n + 1).padStart(3, '0')}`);
  await directory.putSubscribers(
    ids.map((subscriberId) => profile({ subscriberId, userName: subscriberId, overageConsent: true })),
  );
  await new PostgresPolicyStore(pool).publish([policyVersion(fairUse(100))], {
    by: 'test',
    source: 'cli',
    comment: '',
  });
  await pool.end();
  const analytics = await connectClickHouse(databases.clickhouseUrl);
  const windows = ids.flatMap((subscriberId, n) =>
    Array.from({ length: 64 }, (_, hour) => ({
      ...{ partition: 0, subscriberId, serviceClass: '', nasId: 'nas-1', planId: '' },
      ...{ upBytes: 0, estimated: false, version: 1, windowStartMs: JUNE + hour * HOUR_MS },
      downBytes: ((n + 1) * GB) / 64,
    })),
  );
  await analytics.insert({ windows, late: [], sessions: [], feeds: [] });
  await analytics.close();
}

async function weir(...args: string[]) {
  const run = await runWeir(['policy', 'backtest', ...args], env());
  return { ...run, err: run.err.replaceAll(folder, '.') };
}

async function draft(percent: number, name = 'draft.json'): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, JSON.stringify(fairUse(percent), null, 1));
  return file;
}

const RANGE = ['--from', '2026-06-01', '--to', '2026-06-05'];

describe('weir policy backtest', () => {
  it('says whom a stricter draft gains, and what it costs them', async () => {
    const page = join(folder, 'page.html');
    const { code, out, err } = await weir(await draft(80), ...RANGE, '--json', '-', '--html', page);
    expect({ code, err: err.includes('100 %') }).toEqual({ code: 0, err: true });
    const report = JSON.parse(out) as BacktestReport;
    // From 48 GB instead of 60 on.
    expect(report.reach).toMatchObject({ draft: 43, against: 31, gained: 12, lost: 0 });
    expect(report).toMatchObject({
      subscribers: SUBSCRIBERS,
      subscriberDays: 4 * SUBSCRIBERS,
      divergences: 0,
    });
    expect(report.against).toMatchObject({ kind: 'live', policies: [{ policyId: 'fair-use' }] });
    // A block counts from the allowance on, and both ask only beyond it: 61 to 90 GB, at most 20 each.
    const blocks = Array.from({ length: 30 }, (_, n) => Math.min(n + 1, 20));
    const euro = report.money.find(({ currency }) => currency === 'EUR');
    expect(euro?.draft.blocks).toBe(blocks.reduce((sum, one) => sum + one, 0));
    expect(euro?.draft.blocksMinor).toBe(150 * (euro?.draft.blocks ?? 0));
    expect(report.byPlan.map(({ planId, gained }) => [planId, gained])).toEqual([['home-100', 12]]);
    const gained = report.samples.gained[0]?.draft[0];
    expect(gained?.conditions).toEqual([
      expect.objectContaining({ fact: 'capUsedPercent', expected: 80, result: true }),
    ]);
    const html = await readFile(page, 'utf8');
    expect(html).toContain('<svg role="img"');
    // References within the page are all there is.
    expect(/<script|<link|src=|@import|url\((?!#)|:hover/.exec(html)?.[0]).toBeUndefined();
  });

  it('finds nothing between a policy and itself, however many threads there are', async () => {
    const file = await draft(100);
    const one = await weir(file, ...RANGE, '--json', '-', '--threads', '1');
    const three = await weir(file, ...RANGE, '--json', '-', '--threads', '3');
    expect(three.out).toBe(one.out);
    expect((JSON.parse(one.out) as BacktestReport).reach).toMatchObject({ gained: 0, lost: 0, changed: 0 });
  });

  it('compares with nothing, or with another file, and takes samples', async () => {
    const file = await draft(80);
    const alone = await weir(file, ...RANGE, '--against', 'none');
    expect(alone.out).toContain('against no policies');
    const other = await draft(90, 'other.json');
    const { out } = await weir(file, ...RANGE, '--against', other, '--sample', '45', '--json', '-');
    const report = JSON.parse(out) as BacktestReport;
    expect(report.isSample).toBe(true);
    expect(report.subscribers).toBeGreaterThan(20);
    expect(report.subscribers).toBeLessThan(70);
    expect(report.notes.join('\n')).toContain(`${String(report.subscribers)} of 90 subscribers`);
  });

  it('says what is wrong with a draft, with its place', async () => {
    const file = join(folder, 'wrong.json');
    await writeFile(file, JSON.stringify(fairUse(80), null, 1).replaceAll('capUsedPercent', 'capUsed'));
    const { code, out, err } = await weir(file, ...RANGE);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^\.\/wrong\.json:\d+:\d+ error P101 /m);
  });

  it.each([
    [['--from', '2026-06-05', '--to', '2026-06-01'], 2, /--from \(.*\) must lie before --to/],
    [
      ['--from', '2025-01-01', '--to', '2025-02-01'],
      1,
      /no usage is stored between .*: it reaches from 2026-06-01/,
    ],
    [[...RANGE, '--resolution', '2h'], 2, /one of 5m, 1h, 1d/],
    [['--from', 'yesterday', '--to', '2026-06-01'], 2, /an instant with its zone/],
  ])('refuses %s', async (flags, code, words) => {
    const found = await weir(await draft(80), ...flags);
    expect(found.code).toBe(code);
    expect(found.err).toMatch(words);
  });

  it('refuses a file that is not there, and a resolution that cannot see what is asked', async () => {
    const gone = await weir(join(folder, 'gone.json'), ...RANGE);
    expect(gone).toMatchObject({ code: 2, out: '' });
    expect(gone.err).toContain('there is no file or folder ./gone.json');
    const file = join(folder, 'peak.json');
    await writeFile(file, JSON.stringify(fairUse(80)).replaceAll('capUsedPercent', 'peakRateBps'));
    const peak = await weir(file, ...RANGE, '--resolution', '1h');
    expect(peak.err).toMatch(/peakRateBps can be seen with --resolution 5m only/);
  });
});
