import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiOptions } from '../api/api-rig.contract.ts';
import { createApi } from '../api/server.ts';
import type { Api } from '../api/server.ts';
import { jobViews } from '../pipeline/schedule/job-views.ts';
import type { KeysView, NewKeyView } from '../schemas/admin-views.ts';
import { lockDataFolder } from '../storage/data-folder.ts';
import type { JobLeadership } from '../storage/job-ports.ts';
import type { MemoryApiKeys } from '../storage/memory/api-keys.ts';
import { MemoryJobStore } from '../storage/memory/job-store.ts';
import { runWeir } from './run-weir.contract.ts';

const NOON = Date.UTC(2026, 0, 1, 12);
const DAY = 86_400_000;

let folder: string;
let api: Api;
let keys: MemoryApiKeys;
let leader: JobLeadership;
let env: Record<string, string>;
let flags: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  const store = new MemoryJobStore(() => NOON);
  const led = await store.lead('test');
  if (led === null) throw new Error('nobody else is there to lead');
  leader = led;
  await leader.register([{ name: 'trim', cron: '0 * * * *' }], NOON);
  const options = apiOptions();
  keys = options.keys;
  const audit = { audit: () => Promise.resolve({ items: [], next: null }) };
  api = await createApi({ ...options, admin: { jobs: jobViews(store), keys, audit } });
  const url = await api.listen('127.0.0.1', 0);
  const { key } = await keys.create('admin', ['admin']);
  const keyFile = join(folder, 'admin-key');
  await writeFile(keyFile, `${key}\n`);
  env = { WEIR_DATA_DIR: folder };
  flags = ['--url', url, '--key-file', keyFile];
});

afterEach(async () => {
  await api.close();
  await rm(folder, { recursive: true, force: true });
});

async function weir(...args: string[]) {
  const { code, out, err } = await runWeir([...args, ...flags], env);
  return { code, out, err, rows: out.split('\n').map((line) => line.replace(/ {2,}/g, ' | ')) };
}

describe('weir jobs', () => {
  it('is a line a job, with what went wrong', async () => {
    expect((await weir('jobs')).rows).toEqual([
      'job | cron (UTC) | last run | took | result | next',
      'trim | 0 * * * * | never | - | - | 2026-01-01T13:00:00.000Z',
      '',
    ]);
    const run = await leader.begin('trim', NOON, null);
    if (run === null) throw new Error('it runs already');
    const { rows } = await weir('jobs', 'list');
    expect(rows[1]).toBe(
      'trim | 0 * * * * | 2026-01-01T12:00:00.000Z | running | - | 2026-01-01T13:00:00.000Z',
    );
    await leader.end(run, 'failed', 'no room');
    expect((await weir('jobs', 'list')).rows.slice(1)).toEqual([
      'trim | 0 * * * * | 2026-01-01T12:00:00.000Z | 0.0 s | failed | 2026-01-01T13:00:00.000Z',
      'trim: no room',
      '',
    ]);
  });

  it('has one run, and shows what it did', async () => {
    expect((await weir('jobs', 'run', 'trim')).out).toBe(
      'asked for: trim by admin; it begins within seconds: weir jobs show trim\n',
    );
    expect((await weir('jobs')).rows[1]).toContain('asked for by admin');
    const run = await leader.begin('trim', null, 'admin');
    if (run === null) throw new Error('it runs already');
    expect(await weir('jobs', 'run', 'trim')).toMatchObject({ code: 1, err: 'weir: trim runs already\n' });
    await leader.progress(run, { dropped: 3 });
    await leader.end(run, 'done', null);
    expect((await weir('jobs', 'show', 'trim')).rows).toEqual([
      'started | took | result | by | what it did',
      '2026-01-01T12:00:00.000Z | 0.0 s | done | admin | {"dropped":3}',
      '',
    ]);
  });

  it('has one paused, and go on', async () => {
    expect((await weir('jobs', 'pause', 'trim')).out).toBe('trim runs by hand alone\n');
    expect((await weir('jobs')).rows[1]).toBe('trim | 0 * * * * | never | - | - | paused');
    expect((await weir('jobs', 'resume', 'trim')).out).toBe('trim runs at its times\n');
    expect((await weir('jobs')).rows[1]).toContain('2026-01-01T13:00:00.000Z');
  });

  it('does not know others', async () => {
    for (const command of ['run', 'show', 'pause', 'resume'])
      expect(await weir('jobs', command, 'x')).toMatchObject({ code: 1, err: 'weir: there is no job x\n' });
  });
});

describe('weir keys', () => {
  it('makes one that ends by itself, through the running Weir', async () => {
    const created = await weir(
      'keys',
      'create',
      '--name',
      'console',
      '--roles',
      'viewer',
      '--expires',
      '90d',
      '--rate',
      '60',
      '--json',
    );
    expect(created.code).toBe(0);
    const made = JSON.parse(created.out) as NewKeyView;
    expect(Date.parse(made.expires ?? '') - Date.now()).toBeGreaterThan(89 * DAY);
    expect(await keys.find(made.key)).toMatchObject({ name: 'console', roles: ['viewer'], rateLimit: 60 });
    const { keys: listed } = JSON.parse((await weir('keys', 'list', '--json')).out) as KeysView;
    expect(listed.map(({ name }) => name).sort()).toEqual(['admin', 'console']);
  });

  it('asks the process that holds the data folder, without being told where it is', async () => {
    const lock = await lockDataFolder(folder, () => undefined);
    try {
      const port = { WEIR_API_PORT: new URL(flags[1] ?? '').port };
      const { code, out } = await runWeir(['keys', 'list', '--json'], { ...env, ...port });
      expect(code).toBe(0);
      expect((JSON.parse(out) as KeysView).keys).toHaveLength(1);
    } finally {
      await lock.release();
    }
  });

  it('lists them with their state, and revokes one', async () => {
    const { id, prefix } = await keys.create('old', ['viewer'], { expiresMs: NOON, by: 'ann' });
    const line = async (): Promise<string | undefined> =>
      (await weir('keys', 'list')).rows.find((row) => row.startsWith(id));
    expect(await line()).toMatch(
      new RegExp(
        `^${id} \\| old \\| ${prefix} \\| viewer \\| .* \\| ann \\| never \\| as usual \\| expired 2026`,
      ),
    );
    expect(await weir('keys', 'revoke', id)).toMatchObject({ code: 0, out: `revoked ${id}\n` });
    expect(await line()).toContain('| revoked 20');
    expect((await weir('keys', 'revoke', id)).code).toBe(1);
  });

  it.each<[string, string[], string]>([
    ['an expiry that is over', ['--expires', '2020-01-01T00:00:00Z'], 'in the future'],
    ['an expiry beyond ten years', ['--expires', '9999d'], 'ten years at most'],
    ['an expiry without its zone', ['--expires', '2030-01-01T00:00:00'], 'instant with its zone'],
    ['no requests at all', ['--rate', '0'], 'from 1 to 1000000'],
    ['an unknown role', ['--roles', 'root'], 'some of'],
  ])('ends with 2 and makes none: %s', async (_, args, message) => {
    const { code, err } = await weir('keys', 'create', '--name', 'x', '--roles', 'viewer', ...args);
    expect(err).toContain(message);
    expect(code).toBe(2);
    expect(await keys.list()).toHaveLength(1);
  });
});
