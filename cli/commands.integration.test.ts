import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiOptions } from '../api/api-rig.contract.ts';
import { createApi } from '../api/server.ts';
import type { Api } from '../api/server.ts';
import { subscriberView } from '../api/view-factory.contract.ts';
import { lockDataFolder } from '../storage/data-folder.ts';
import { runWeir } from './run-weir.contract.ts';

let folder: string;
let api: Api | null = null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
});

afterEach(async () => {
  await api?.close();
  api = null;
  await rm(folder, { recursive: true, force: true });
});

async function weir(args: string[], env: Record<string, string> = {}) {
  return runWeir(args, { WEIR_DATA_DIR: folder, ...env });
}

/** An API that listens, with its admin key in the data folder. */
async function running(): Promise<{ WEIR_API_PORT: string }> {
  const options = apiOptions();
  api = await createApi(options);
  const url = new URL(await api.listen('127.0.0.1', 0));
  const { key } = await options.keys.create('admin', ['admin']);
  await writeFile(join(folder, 'admin-key'), `${key}\n`);
  return { WEIR_API_PORT: url.port };
}

describe('weir overview and subscriber', () => {
  it('show what the running process answers', async () => {
    const env = await running();
    const overview = await weir(['overview'], env);
    expect(overview).toMatchObject({ code: 0, err: '' });
    expect(overview.out).toContain('partition 1: halted');
    expect(overview.out).toContain('throttle s1 to 2/1 Mbit/s by home-fup/cap: delivered (CoA-ACK)');
    const subscriber = await weir(['subscriber', 's/1'], env);
    expect(subscriber.out).toContain('subscriber   s/1 (alice@example.net)');
    expect(subscriber.out).toContain('9007199.254 GB down');
  });

  it('print the answer itself with --json', async () => {
    const env = await running();
    expect(JSON.parse((await weir(['subscriber', 's1', '--json'], env)).out)).toEqual(subscriberView('s1'));
  });

  it('say that a subscriber is not known', async () => {
    const env = await running();
    const { code, err } = await weir(['subscriber', 'nobody'], env);
    expect(code).toBe(1);
    expect(err).toBe('weir: nothing is known of this subscriber\n');
  });

  it('say where the key should be', async () => {
    const { code, err } = await weir(['overview']);
    expect(code).toBe(1);
    expect(err).toContain(join(folder, 'admin-key'));
    expect(err).toContain('--key-file');
  });

  it('say that the key is not this process’s', async () => {
    const env = await running();
    const file = join(folder, 'other-key');
    await writeFile(file, `weir_${'x'.repeat(43)}\n`);
    const { code, err } = await weir(['overview', '--key-file', file], env);
    expect(code).toBe(1);
    expect(err).toContain('does not know the key');
    expect(err).not.toContain('xxx');
  });

  it.each([
    ['a text with lines', 'first\nsecond\n', 'holds is no API key'],
    ['a text of others', 'schlüssel', 'holds is no API key'],
  ])('say that the file holds no key: %s', async (_name, content, message) => {
    const env = await running();
    const file = join(folder, 'no-key');
    await writeFile(file, content);
    const { code, err } = await weir(['overview', '--key-file', file], env);
    expect(code).not.toBe(0);
    expect(err).toContain(message);
    expect(err).not.toContain(content.slice(0, 5));
  });

  it('say that the key file is a folder', async () => {
    const env = await running();
    const { code, err } = await weir(['overview', '--key-file', folder], env);
    expect(code).not.toBe(0);
    expect(err).toContain(`cannot read the API key in ${folder}`);
  });

  it('say that nothing listens', async () => {
    const env = await running();
    await api?.close();
    const { code, err } = await weir(['overview'], env);
    expect(code).toBe(1);
    expect(err).toContain(`nothing answers at http://127.0.0.1:${env.WEIR_API_PORT}`);
    expect(err).toContain('npm start');
  });
});

describe('weir migrate and keys', () => {
  it('work on a data folder that nobody holds, and name what they did', async () => {
    const before = await weir(['migrate', 'status']);
    expect(before).toMatchObject({ code: 0, err: '' });
    expect(before.out).toContain('pending 001_state');
    const created = await weir(['keys', 'create', '--name', 'grafana', '--roles', 'viewer,analyst']);
    expect(created.code).toBe(0);
    expect(created.out).toMatch(/^weir_[A-Za-z0-9_-]{43}\n$/);
    expect(created.err).toContain('grafana');
    const after = await weir(['migrate', 'status']);
    expect(after.out).not.toContain('pending');
    const up = await weir(['migrate', 'up']);
    expect(up).toMatchObject({ code: 0, out: 'up to date\n' });
  });

  it('refuse a data folder that a process holds, and say which', async () => {
    await writeFile(join(folder, 'admin-key'), 'weir_key\n');
    const lock = await lockDataFolder(folder, () => undefined);
    try {
      for (const args of [
        ['migrate', 'up'],
        ['keys', 'create', '--name', 'x', '--roles', 'viewer'],
      ]) {
        // Keys would be made by the process, if it answered.
        const { code, err } = await weir(args, { WEIR_API_PORT: '1' });
        expect(code).toBe(1);
        expect(err).toContain(`is in use by process ${process.pid}`);
      }
    } finally {
      await lock.release();
    }
  });

  it('say that the database is away', async () => {
    const url = 'postgres://weir:hush@127.0.0.1:1/weir';
    const { code, err } = await weir(['migrate', 'status'], {
      DATABASE_URL: url,
      CLICKHOUSE_URL: 'http://127.0.0.1:1',
    });
    expect(code).toBe(1);
    expect(err).toContain('cannot use Postgres at 127.0.0.1:1/weir');
    expect(err).not.toContain('hush');
  });
});
