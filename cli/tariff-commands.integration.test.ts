import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiOptions } from '../api/api-rig.contract.ts';
import { createApi } from '../api/server.ts';
import type { Api } from '../api/server.ts';
import { recordingTariffs } from '../api/tariff-fake.contract.ts';
import { memoryTariffs } from '../api/tariff-memory.contract.ts';
import { jobViews } from '../pipeline/schedule/job-views.ts';
import type { SubscriberChangeView } from '../schemas/tariff-views.ts';
import { MemoryJobStore } from '../storage/memory/job-store.ts';
import { runWeir } from './run-weir.contract.ts';

let folder: string;
let api: Api;
let port: string;
let tariffs: ReturnType<typeof memoryTariffs>;
/** another one, which answers the same to all */
let other: Api;
let otherPort: string;

const TERMS = {
  ...{ name: 'Fibre', currency: 'EUR', usage: null, recurring: { feeMinor: 3100, when: 'advance' } },
  metering: { capBytes: '1000000', counted: 'both', downBps: 5e8, upBps: 5e7, overage: null },
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  tariffs = memoryTariffs();
  const options = apiOptions({ subscriber: () => Promise.resolve(null) });
  const limits = { rateLimit: 1_000_000, keyRateLimit: 1_000_000 };
  api = await createApi({ ...options, ...limits, tariffs });
  const entry = { id: '7', atMs: 0, who: 'ann', action: 'job-run', subject: 'trim', content: {} };
  const admin = {
    jobs: jobViews(new MemoryJobStore(() => 0)),
    keys: options.keys,
    audit: { audit: () => Promise.resolve({ items: [entry], next: '7' }) },
  };
  other = await createApi({ ...options, ...limits, admin, tariffs: recordingTariffs() });
  port = new URL(await api.listen('127.0.0.1', 0)).port;
  otherPort = new URL(await other.listen('127.0.0.1', 0)).port;
  const { key } = await options.keys.create('ann', ['admin']);
  await writeFile(join(folder, 'admin-key'), `${key}\n`);
  await writeFile(join(folder, 'fibre.json'), JSON.stringify(TERMS));
  const context = { by: 'ann', atMs: tariffs.nowMs(), reason: '' };
  await tariffs.store.putAccount(
    {
      ...{
        accountId: 'a1',
        currency: 'EUR',
        taxClass: 'standard',
        billingStatus: 'current',
        billingRef: null,
      },
      cycle: { kind: 'month', anchorDay: 1 },
    },
    context,
  );
  for (const id of ['s1', 's2'])
    await tariffs.store.putSubscriber(
      {
        ...{ subscriberId: id, accountId: 'a1', externalId: null, segment: 'home', tags: [], zone: 'UTC' },
        overageConsent: false,
        credentials: [{ userName: `u-${id}`, fromMs: tariffs.nowMs(), toMs: null }],
      },
      context,
    );
}, 120_000);

afterAll(async () => {
  await api.close();
  await other.close();
  await rm(folder, { recursive: true, force: true });
});

function weir(...args: string[]) {
  return runWeir(args, { WEIR_DATA_DIR: folder, WEIR_API_PORT: port });
}

/** At the one that answers the same to all. */
function elsewhere(...args: string[]) {
  return runWeir(args, { WEIR_DATA_DIR: folder, WEIR_API_PORT: otherPort });
}

describe('weir plans', () => {
  it('makes versions from a file, lists and shows them', async () => {
    const file = join(folder, 'fibre.json');
    const made = await weir('plans', 'add-version', 'fibre', file, '--at-once', '--reason', 'first');
    expect(made).toMatchObject({ code: 0, err: '' });
    expect(made.out).toContain('version 1, at once for everybody: Fibre');
    expect(made.out).toContain('31.00 EUR in advance');
    const later = ['--effective-from', '2027-01-01T00:00:00Z'];
    expect((await weir('plans', 'add-version', 'fibre', file, ...later)).code).toBe(0);
    expect((await weir('plans')).out.split('\n')).toHaveLength(3);
    const { out } = await weir('plans', 'show', 'fibre');
    expect(out).toContain('version 2, from 2027-01-01T00:00:00.000Z on');
    expect(JSON.parse((await weir('plans', 'show', 'fibre', '--json')).out)).toMatchObject({
      planId: 'fibre',
    });
    expect((await weir('plans', 'versions', 'fibre')).out.match(/^version/gm)).toHaveLength(2);
    expect((await weir('plans', 'set', 'fibre', '--name', 'Old', '--archived')).out).toContain('archived');
    expect((await weir('plans', 'set', 'fibre', '--no-archived')).out).not.toContain('archived');
    expect((await weir('plans', 'set', 'fibre')).code).toBe(2);
  });

  it.each([
    [['add-version', 'fibre', 'fibre.json'], 2, 'say from when on'],
    [['add-version', 'fibre', '/nowhere.json', '--at-once'], 2, 'cannot read /nowhere.json'],
    [['show', 'none'], 1, 'there is no plan none'],
    [['list', '--limit', '0'], 2, 'whole number'],
  ])('is wrong use: %j', async (args, code, message) => {
    const run = await weir('plans', ...args);
    expect(run.code).toBe(code);
    expect(run.err).toContain(message);
  });
});

describe('weir subscriber', () => {
  it('sees what a plan would cost, gives it, and shows it', async () => {
    await weir('plans', 'add-version', 'basic', join(folder, 'fibre.json'), '--at-once');
    const seen = await weir('subscriber', 'plan', 's1', 'basic', '--at', 'now', '--preview');
    expect(seen).toMatchObject({ code: 0, err: '' });
    expect(seen.out).toContain('nothing is changed; it would be:');
    const sum = /sum +(.*)/.exec(seen.out)?.[1];
    const done = await weir('subscriber', 'plan', 's1', 'basic', '--at', 'now', '--json');
    expect(done.code).toBe(0);
    const { items, tariff } = JSON.parse(done.out) as SubscriberChangeView;
    expect(items.length).toBeGreaterThan(0);
    expect(tariff.assignments).toMatchObject([{ planId: 'basic' }]);
    expect(sum).toMatch(/^[0-9.]+ EUR$/);
    expect((await weir('subscriber', 's1')).out).toContain('basic');
  });

  it('holds, ends the hold, buys, ends the service, copies and forgets', async () => {
    const held = await weir('subscriber', 'hold', 's2', 'fraud', '--reason', 'card', '--json');
    expect(held.code).toBe(0);
    const { id } = JSON.parse(held.out) as SubscriberChangeView;
    expect((await weir('subscriber', 'hold', 's2', '--end', String(id))).code).toBe(0);
    const bought = await weir('subscriber', 'top-up', 's2', 'extra-5');
    expect(bought).toMatchObject({ code: 0, err: '' });
    expect(bought.out).toContain('5.00 EUR');
    const boost = ['--boost', '1000/100', '--valid-seconds', '3600', '--price', '0.99 EUR'];
    expect((await weir('subscriber', 'top-up', 's2', ...boost)).out).toContain('1000/100 Mbit/s');
    const file = join(folder, 'copy.ndjson');
    expect((await weir('subscriber', 'export', 's2', '--out', file)).code).toBe(0);
    expect(await readFile(file, 'utf8')).toContain('u-s2');
    expect((await stat(file)).mode & 0o077).toBe(0);
    expect((await weir('subscriber', 'export', 's2', '--out', file)).err).toContain('cannot write');
    expect((await weir('subscriber', 'erase', 's2')).code).toBe(1);
    expect((await weir('subscriber', 'terminate', 's2', '--at', 'now')).code).toBe(0);
    expect((await weir('subscriber', 'erase', 's2', '--reason', 'asked for')).out).toContain('erased: s2');
    expect((await weir('subscriber', 'export', 's2')).out).not.toContain('u-s2');
  });

  it.each([
    [['plan', 's1', 'basic'], '--at'],
    [['plan', 's1', 'basic', '--at', 'tomorrow'], 'an instant with its zone'],
    [['hold', 's1'], 'name either a kind'],
    [['hold', 's1', 'fraud', '--end', '3'], 'name either a kind'],
    [['hold', 's1', 'boredom'], 'kind'],
    [['top-up', 's1'], 'name a product'],
    [
      ['top-up', 's1', '--unlimited', '--bytes', '5', '--valid-seconds', '5', '--price', '1 EUR'],
      'name a product',
    ],
    [
      ['top-up', 's1', '--unlimited', '--valid-seconds', '5', '--price', '1.001 EUR'],
      'an amount and its currency',
    ],
    [['top-up', 's1', '--boost', '1000', '--valid-seconds', '5', '--price', '1 EUR'], 'download/upload'],
  ])('is wrong use: %j', async (args, message) => {
    const run = await weir('subscriber', ...args);
    expect(run.code).toBe(2);
    expect(run.err).toContain(message);
  });
});

describe('weir accounts', () => {
  it('makes, changes, shows and lists them', async () => {
    const made = await weir('accounts', 'put', 'a9', '--currency', 'EUR', '--cycle', 'week 1');
    expect(made).toMatchObject({ code: 0, err: '' });
    expect(made.out).toContain('weekly on ISO day 1');
    expect((await weir('accounts', 'put', 'a9', '--billing-ref', 'c-17')).code).toBe(0);
    const { out } = await weir('accounts', 'show', 'a9');
    expect(out).toContain('current, called c-17 there');
    expect(out).toContain('weekly on ISO day 1');
    expect((await weir('accounts', 'put', 'a9', '--billing-ref', 'none')).out).not.toContain('c-17');
    expect((await weir('accounts')).out.split('\n').some((line) => line.startsWith('a9 '))).toBe(true);
    expect((await weir('accounts', 'list', '--status', 'suspended')).out).toBe('none\n');
    const changed = await weir('accounts', 'cycle', 'a9', 'days 28 2026-01-01', '--reason', 'as asked');
    expect(changed).toMatchObject({ code: 0, err: '' });
    expect(changed.out).toContain('done: a9, ');
  });

  it.each([
    [['put', 'a1'], 'nothing is to be changed'],
    [['put', 'a1', '--cycle', 'fortnight'], '"month DAY"'],
    [['cycle', 'a1', 'days 28'], 'the rule must be'],
    [['list', '--status', 'broke'], 'Allowed choices'],
  ])('is wrong use: %j', async (args, message) => {
    const run = await weir('accounts', ...args);
    expect(run.code).toBe(2);
    expect(run.err).toContain(message);
  });
});

describe('weir subscriber add', () => {
  it('makes one that logs in, books an add-on and ends it, buys and takes back', async () => {
    const added = await weir(
      'subscriber',
      'add',
      's9',
      '--account',
      'a1',
      '--user-name',
      'nine',
      '--tag',
      'x',
    );
    expect(added).toMatchObject({ code: 0, err: '' });
    expect((await weir('subscriber', 's9')).out).toContain('nine from');
    expect((await weir('subscriber', 'add', 's9', '--account', 'a1')).code).toBe(1);
    const file = join(folder, 'more.json');
    const terms = {
      name: 'More',
      currency: 'EUR',
      feeMinor: 500,
      when: 'arrears',
      capBytes: '9',
      prorated: true,
    };
    await writeFile(file, JSON.stringify({ ...terms, effectiveFrom: '2026-01-01T00:00:00Z' }));
    expect((await weir('add-ons', 'add-version', 'more', file)).out).toContain('5.00 EUR in arrears');
    expect((await weir('add-ons', 'show', 'more')).out).toContain('9 octets');
    const early = await weir('subscriber', 'add-on', 's9', 'more');
    expect(early).toMatchObject({ code: 1, err: expect.stringContaining('no-plan') as string });
    expect((await weir('subscriber', 'plan', 's9', 'basic', '--at', 'now')).code).toBe(0);
    expect((await weir('subscriber', 'add-on', 's9', 'more', '--preview')).out).toContain(
      'nothing is changed',
    );
    const booked = await weir('subscriber', 'add-on', 's9', 'more', '--json');
    const { id } = JSON.parse(booked.out) as SubscriberChangeView;
    const ended = await weir('subscriber', 'add-on', 's9', '--end', String(id), '--at', 'cycle-end');
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect((await weir('subscriber', 'add-on', 's9')).code).toBe(2);
    const bought = await weir('subscriber', 'top-up', 's9', 'extra-5', '--json');
    const topUp = (JSON.parse(bought.out) as { topUp: { id: string } }).topUp.id;
    expect((await weir('subscriber', 'top-up', 's9', '--take-back', topUp)).out).toContain('taken back');
    expect((await weir('subscriber', 'top-up', 's9', 'extra-5', '--take-back', topUp)).code).toBe(2);
  });
});

describe('weir audit', () => {
  it('tells who changed what', async () => {
    const { out, code } = await elsewhere('audit', '--who', 'ann', '--limit', '1');
    expect(code).toBe(0);
    expect(out).toContain('job-run');
    expect((await elsewhere('audit', '--from', 'yesterday')).code).toBe(2);
  });
});

describe('weir pools', () => {
  it('makes and changes a pool, and who is in it', async () => {
    const set = ['--allowance', '100', '--zone', 'Europe/Berlin', '--bill-to', 's1'];
    expect(await weir('pools', 'set', 'home', ...set)).toMatchObject({ code: 0, err: '' });
    expect((await weir('pools', 'set', 'home', '--anchor-day', '5')).out).toContain(
      'monthly on day 5, Europe/Berlin',
    );
    expect((await weir('pools', 'set', 'home')).code).toBe(2);
    expect(await weir('pools', 'add', 'home', 's1')).toMatchObject({ code: 0, err: '' });
    const { out } = await weir('pools', 'show', 'home');
    expect(out).toContain('s1');
    expect(out).toContain('nothing is known yet');
    const bought = ['--bytes', '5', '--valid-seconds', '60', '--price', '1 EUR'];
    expect((await weir('pools', 'top-up', 'home', ...bought)).out).toContain('5 octets');
    expect((await weir('pools', 'top-up', 'home', 'extra-5', '--take-back', 'x')).code).toBe(2);
    expect((await weir('pools', 'remove', 'home', 's1', '--at', 'cycle-end')).code).toBe(0);
    expect((await weir('pools')).out).toContain('home');
    expect((await weir('pools', 'top-up', 'home', '--bytes', '5')).code).toBe(2);
  });

  it('shows how a pool stands', async () => {
    const { out } = await elsewhere('pools', 'show', 'p1');
    expect(out).toContain('used         50 octets, 50.0 %');
    expect(out).toContain('pool-fup/cap: throttle');
  });
});

describe('weir cycles', () => {
  it('lists those of everybody and of one', async () => {
    expect((await elsewhere('cycles', '--status', 'closed')).out).toContain('s1');
    const { out } = await elsewhere('cycles', '--subscriber', 's1');
    expect(out).toContain('100/10');
    expect(out).toContain('-12.50 EUR');
    expect((await elsewhere('cycles', '--subscriber', 's1', '--status', 'open')).code).toBe(2);
  });

  it('says that there is more than was asked for', async () => {
    expect((await elsewhere('cycles', '--limit', '1')).out).toContain('there is more: --limit N');
  });
});
