import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiOptions } from '../api/api-rig.contract.ts';
import { createApi } from '../api/server.ts';
import type { Api } from '../api/server.ts';
import { Importer } from '../pipeline/import/importer.ts';
import { AppError } from '../schemas/errors.ts';
import type { ImportFaultsView, ImportsView, ImportView } from '../schemas/import-views.ts';
import { MemoryImports } from '../storage/memory/imports.ts';
import { runWeir } from './run-weir.contract.ts';

let folder: string;
let api: Api;
let flags: string[];
let applied: string[];
let refuses: string | null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  [applied, refuses] = [[], null];
  const options = apiOptions();
  const imports = new MemoryImports();
  const importer = new Importer({
    imports,
    store: {
      applyImport: (_id, lines) => {
        const ids = lines.map(({ content }) => content.subscriberId);
        if (refuses !== null && ids.includes(refuses))
          return Promise.reject(new AppError('conflict', 'overlaps with what is there'));
        applied.push(...ids);
        return Promise.resolve();
      },
    },
    reads: { outboxBacklog: () => Promise.resolve(0) },
    log: options.log,
    nowMs: () => 1000,
    pause: () => Promise.resolve(),
    limits: { maxBytes: 100_000, maxRecords: 1000 },
    chunkRows: 2,
    backlog: 10,
  });
  api = await createApi({ ...options, imports: { importer, imports, maxBytes: 100_000 } });
  const url = await api.listen('127.0.0.1', 0);
  const { key } = await options.keys.create('ann', ['operator']);
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, `${key}\n`);
  flags = ['--url', url, '--key-file', keyFile];
});

afterEach(async () => {
  await api.close();
  await rm(folder, { recursive: true, force: true });
});

const weir = (...args: string[]) => runWeir(['import', ...args, ...flags], { WEIR_DATA_DIR: folder });

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe('weir import', () => {
  it('brings a file in', async () => {
    const path = await file('people.csv', 'subscriber_id,zone\ns1,UTC\ns2,UTC\ns3,UTC\n');
    const { code, out } = await weir(path, '--kind', 'subscribers');
    expect([code, applied]).toEqual([0, ['s1', 's2', 's3']]);
    expect(out).toMatch(/^import [0-9a-f-]{36} of 3 subscribers: done, 3 applied\n$/);
    expect((await weir('list')).out).toContain('3 of 3 subscribers  by ann');
    const again = await weir(path, '--kind', 'subscribers');
    expect([again.code, applied]).toEqual([0, ['s1', 's2', 's3']]);
    expect(again.out).toContain('nothing was applied now: this is the import of ');
  });

  it('tries one, by another name', async () => {
    const path = await file('people', '{"subscriberId":"s1","zone":"UTC"}\n');
    expect((await weir(path, '--kind', 'subscribers')).code).toBe(2);
    const { code, out } = await weir(path, '--kind', 'subscribers', '--format', 'ndjson', '--dry-run');
    expect([code, applied]).toEqual([0, []]);
    expect(out).toContain('of 1 subscribers: done (dry run), 0 applied');
  });

  it('tells what is wrong with one, and fails', async () => {
    const path = await file('people.csv', 'subscriber_id,zone\ns1,UTC\ns2,Mars\n');
    const { code, out } = await weir(path, '--kind', 'subscribers');
    expect([code, applied]).toEqual([1, []]);
    expect(out).toContain(
      'of 2 subscribers: refused, 0 applied\n  record 2  line 3: zone is not a known time zone\n',
    );
  });

  it('says all that is wrong with --json', async () => {
    const path = await file('people.csv', `subscriber_id,zone\n${'s,Mars\n'.repeat(600)}`);
    const { out } = await weir(path, '--kind', 'subscribers');
    expect(out.match(/^ {2}record/gm)).toHaveLength(20);
    const listed = JSON.parse((await weir('list', '--json')).out) as ImportsView;
    const importId = listed.items[0]?.importId ?? '';
    const told = JSON.parse((await weir('show', importId, '--json')).out) as { faults: ImportFaultsView };
    expect(told.faults.items).toHaveLength(600);
  });

  it('goes on with one that stopped', async () => {
    refuses = 's3';
    const path = await file('people.csv', 'subscriber_id,zone\ns1,UTC\ns2,UTC\ns3,UTC\n');
    const stopped = await weir(path, '--kind', 'subscribers', '--json');
    expect(stopped.code).toBe(1);
    const { importId, state } = JSON.parse(stopped.out) as ImportView;
    expect(state).toBe('stopped');
    expect((await weir('show', importId)).out).toContain('  records 3 to 3 did not go in: overlaps');
    refuses = null;
    const { code, out } = await weir('resume', importId);
    expect([code, applied]).toEqual([0, ['s1', 's2', 's3']]);
    expect(out).toContain('done, 3 applied');
    expect((await weir('forget', importId)).code).toBe(0);
    expect((await weir('show', importId)).code).toBe(1);
  });

  it('says that a file is not there', async () => {
    const { code, err } = await weir(join(folder, 'none.csv'), '--kind', 'subscribers');
    expect(code).toBe(2);
    expect(err).toContain('none.csv cannot be read');
  });
});
