import { appendFile, mkdir, mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitUntil } from '../../dev/processes/wait-until.ts';
import type { FolderReport } from '../../storage/policy-ports.ts';
import { AppError } from '../../schemas/errors.ts';
import { PolicyFolder } from './policy-folder.ts';
import { capPolicy, capTests, check, policyRig } from './policy-rig.contract.ts';
import { lookAt, readFolder } from './read-folder.ts';

const WITHIN = { timeoutMs: 20_000 };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-folder-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const put = (name: string, content: string): Promise<void> => writeFile(join(folder, name), content);
const text = (over = {}): string => JSON.stringify(capPolicy(over), null, 2);

function rig(path = folder) {
  const { store, context } = policyRig();
  const reports: FolderReport[] = [];
  const lines: string[] = [];
  const say = (level: string) => (fields: object, message: string) =>
    lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const state = { faults: -1, failing: false };
  const watched = new PolicyFolder({
    folder: path,
    reporter: 'me',
    store: new Proxy(store, {
      get: (target, key) => {
        if (key === 'takeFolder' && state.failing)
          return () => Promise.reject(new AppError('unreachable', 'away', { retriable: true }));
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    }),
    reports: {
      reportFolder: (_, report) => {
        reports.push(report);
        return Promise.resolve();
      },
    },
    check,
    context,
    log: { info: say('info'), warn: say('warn'), error: say('error') } as never,
    onFaults: (files) => (state.faults = files),
  });
  const description = async (id = 'fup'): Promise<string | undefined> =>
    (await store.head(id))?.base?.version.file.description;
  return { watched, store, reports, lines, state, description };
}

describe('PolicyFolder', () => {
  it('publishes at start and whenever a file changes', async () => {
    await put('fup.json', text());
    const { watched, store, description } = rig();
    await watched.start();
    try {
      expect(await description()).toBe('slow at the cap');
      expect((await store.head('fup'))?.base?.change).toMatchObject({ by: 'folder', source: 'folder' });
      await put('fup.json', text({ description: 'second' }));
      await waitUntil('the change', async () => (await description()) === 'second', WITHIN);
      await put('.next', text({ description: 'third' }));
      await rename(join(folder, '.next'), join(folder, 'fup.json'));
      await waitUntil('the file renamed over it', async () => (await description()) === 'third', WITHIN);
      await put('other.json', text({ id: 'other' }));
      await waitUntil('a new file', async () => (await description('other')) !== undefined, WITHIN);
      expect(store.controls).toHaveLength(4);
    } finally {
      await watched.stop();
    }
  });

  it('keeps what was in force when a file turns wrong, says so, and takes it when it is mended', async () => {
    await put('fup.json', text());
    const { watched, state, lines, reports, description } = rig();
    await watched.start();
    try {
      expect(state.faults).toBe(0);
      await put('fup.json', text({ description: 'wrong' }).replace('capUsedPercent', 'capUsed'));
      await put('good.json', text({ id: 'good' }));
      await waitUntil('the fault', async () => state.faults === 1, WITHIN);
      await waitUntil('the other file', async () => (await description('good')) !== undefined, WITHIN);
      expect(await description()).toBe('slow at the cap');
      expect(lines.join('\n')).toMatch(/error policy file refused.*fup\.json:\d+:\d+: P101/);
      expect(reports.at(-1)?.refused).toMatchObject([{ file: 'fup.json', policyId: 'fup' }]);
      await put('fup.json', text({ description: 'mended' }));
      await waitUntil('the mended file', async () => (await description()) === 'mended', WITHIN);
      await waitUntil('no fault', async () => state.faults === 0, WITHIN);
    } finally {
      await watched.stop();
    }
  });

  it('refuses a policy whose tests fail', async () => {
    await put('fup.json', text());
    await put('fup.test.json', capTests(true));
    const { watched, store, state } = rig();
    await watched.start();
    try {
      expect([state.faults, await store.heads()]).toEqual([1, []]);
      await put('fup.test.json', capTests());
      await waitUntil('the mended tests', async () => (await store.heads()).length === 1, WITHIN);
    } finally {
      await watched.stop();
    }
  });

  it('leaves a policy in force whose file is gone, with a warning', async () => {
    await put('fup.json', text());
    const { watched, lines, description } = rig();
    await watched.start();
    try {
      await rm(join(folder, 'fup.json'));
      await waitUntil('the warning', async () => lines.join().includes('not in the folder'), WITHIN);
      expect(await description()).toBe('slow at the cap');
    } finally {
      await watched.stop();
    }
  });

  it('waits for a folder that is not there yet, and says that nothing is in force', async () => {
    const later = join(folder, 'later');
    const { watched, lines, description } = rig(later);
    await watched.start();
    try {
      expect(lines.join()).toContain('nothing is throttled');
      await put('x.json', text());
      await mkdir(later);
      await rename(join(folder, 'x.json'), join(later, 'x.json'));
      await waitUntil('the folder', async () => (await description()) !== undefined, WITHIN);
    } finally {
      await watched.stop();
    }
  });

  it('takes a change that the store could not take later', async () => {
    await put('fup.json', text());
    const { watched, state, lines, description } = rig();
    await watched.start();
    try {
      state.failing = true;
      await put('fup.json', text({ description: 'second' }));
      await waitUntil('a vain try', async () => lines.join().includes('could not be taken'), WITHIN);
      state.failing = false;
      await waitUntil('the change', async () => (await description()) === 'second', WITHIN);
    } finally {
      await watched.stop();
    }
  });

  it('never publishes a file that is being written', async () => {
    await put('fup.json', text());
    const { watched, store, lines, description } = rig();
    await watched.start();
    const file = await open(join(folder, 'fup.json'), 'w');
    try {
      const content = text({ description: 'slowly' });
      for (let at = 0; at < content.length; at += 20) {
        await file.write(content.slice(at, at + 20));
        await lookAt(folder);
      }
      await waitUntil('the whole file', async () => (await description()) === 'slowly', WITHIN);
      expect(lines.join()).not.toContain('refused');
      expect(store.controls).toHaveLength(2);
    } finally {
      await file.close();
      await watched.stop();
    }
  });
});

describe('readFolder', () => {
  it('leaves out what grows between its looks, and what goes', async () => {
    await put('still.json', '{}');
    await put('grows.json', '{');
    let writing = true;
    const grow = (async () => {
      while (writing) await appendFile(join(folder, 'grows.json'), ' ');
    })();
    const found = await readFolder(folder);
    writing = false;
    await grow;
    expect([...found.files.keys()]).toEqual(['still.json']);
    expect(found.unsettled).toEqual(['grows.json']);
    expect([...(await readFolder(folder)).files.keys()]).toEqual(['grows.json', 'still.json']);
  });
});
