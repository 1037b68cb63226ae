import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryApiKeys } from '../storage/memory/api-keys.ts';
import { ensureAdminKey, readKeyFile } from './admin-key.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-key-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('ensureAdminKey', () => {
  it('makes a key that works, in a file that only its owner reads', async () => {
    const keys = new MemoryApiKeys();
    const file = join(folder, 'data', 'admin-key');
    expect(await ensureAdminKey(keys, file)).toBe('made');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'data'))).mode & 0o777).toBe(0o700);
    const key = await readKeyFile(file);
    expect((await keys.find(key ?? ''))?.roles).toEqual(['admin']);
  });

  it('makes no second one', async () => {
    const keys = new MemoryApiKeys();
    const file = join(folder, 'admin-key');
    await ensureAdminKey(keys, file);
    const before = await readFile(file, 'utf8');
    expect(await ensureAdminKey(keys, file)).toBe('there');
    expect(await readFile(file, 'utf8')).toBe(before);
    expect(await keys.count()).toBe(1);
  });

  it('leaves a database alone that has keys of others', async () => {
    const keys = new MemoryApiKeys();
    await keys.create('somebody', ['viewer']);
    const file = join(folder, 'admin-key');
    expect(await ensureAdminKey(keys, file)).toBe('elsewhere');
    expect(await readKeyFile(file)).toBeNull();
  });

  it('makes a lost key again where told to, and replaces one that no longer works', async () => {
    const keys = new MemoryApiKeys();
    await keys.create('somebody', ['viewer']);
    const file = join(folder, 'admin-key');
    await writeFile(file, `weir_${'x'.repeat(43)}\n`);
    expect(await ensureAdminKey(keys, file, { remake: true })).toBe('made');
    expect(await keys.find((await readKeyFile(file)) ?? '')).not.toBeNull();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });
});
