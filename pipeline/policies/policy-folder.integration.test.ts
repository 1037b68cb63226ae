import { appendFile, mkdir, mkdtemp, open, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitUntil } from '../../dev/processes/wait-until.ts';
import type { FolderReport } from '../../storage/policy-ports.ts';
import { AppError } from '../../schemas/errors.ts';
import type { MemoryPolicyStore } from '../../storage/memory/policy-store.ts';
import { policyVersion } from './policy-version.ts';
import { PolicyFolder } from './policy-folder.ts';
import { capPolicy, capTests, check, policyRig } from './policy-rig.contract.ts';
import { actsOnAtOnce } from './publish-guard.ts';
import { lookAt, readFolder } from './read-folder.ts';

const WITHIN = { timeoutMs: 20_000 };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-folder-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const put = (name: string, content: string): Promise<void> => writeFile(join(folder, name), content);
const text = (over = {}): string => JSON.stringify(capPolicy(over), null, 2);

function rig(path = folder, known: MemoryPolicyStore | null = null) {
  const { store: own, context, state: around } = policyRig();
  const store = known ?? own;
  const shadows = { holding: () => Promise.resolve(around.holding) };
  const guard = { store, shadows, confirmPercent: 5 };
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
    question: async (policy) => (await actsOnAtOnce(guard, policy, 100)).question,
    log: { info: say('info'), warn: say('warn'), error: say('error') } as never,
    onFaults: (files) => (state.faults = files),
  });
  const description = async (id = 'fup'): Promise<string | undefined> =>
    (await store.head(id))?.base?.version.file.description;
  return { watched, store, reports, lines, state, around, description };
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

  it('does not go from shadow to enforce on many at once without a yes', async () => {
    await put('fup.json', text({ mode: 'shadow' }));
    const { watched, store, reports, state, around } = rig();
    await watched.start();
    try {
      around.holding = 6;
      await put('fup.json', text());
      await waitUntil('the fault', async () => state.faults === 1, WITHIN);
      expect((await store.head('fup'))?.base).toBeNull();
      const [refused] = reports.at(-1)?.refused ?? [];
      expect(refused).toMatchObject({ file: 'fup.json', policyId: 'fup' });
      expect(refused?.faults.join()).toMatch(
        /fup\.json:1:1: .*6 of 100 subscribers \(6\.0 %\).*weir policy publish .*fup\.json --yes/,
      );
      await store.publish([policyVersion(capPolicy())], { by: 'ann', source: 'cli', comment: '' });
      await put('other.json', text({ id: 'other' }));
      await waitUntil('no fault', async () => state.faults === 0, WITHIN);
    } finally {
      await watched.stop();
    }
  });

  it('takes an older content again where it saw the file change to it, and not at a start', async () => {
    await put('fup.json', text());
    const { watched, store, state, description } = rig();
    await watched.start();
    try {
      await put('fup.json', text({ description: 'second' }));
      await waitUntil('the change', async () => (await description()) === 'second', WITHIN);
      await put('fup.json', text());
      await waitUntil('back again', async () => (await description()) === 'slow at the cap', WITHIN);
    } finally {
      await watched.stop();
    }
    await put('fup.json', text({ description: 'second' }));
    const { watched: next, lines } = rig(folder, store);
    await next.start();
    await next.stop();
    expect([await description(), state.faults]).toEqual(['slow at the cap', 0]);
    expect(lines.join()).toContain('taken before and are not in force');
  });

  it('refuses a file that cannot be read, and takes the others', async () => {
    await put('fup.json', text());
    await symlink('loop.json', join(folder, 'loop.json'));
    await put('other.json', text({ id: 'other' }));
    await symlink('other.test.json', join(folder, 'other.test.json'));
    const { watched, reports, description } = rig();
    await watched.start();
    await watched.stop();
    expect(await description()).toBe('slow at the cap');
    expect(await description('other')).toBeUndefined();
    expect(reports.at(-1)?.refused).toEqual([
      {
        file: 'other.json',
        policyId: 'other',
        faults: ['other.json:1:1: its tests cannot be run: other.test.json: cannot be read: ELOOP'],
      },
      { file: 'loop.json', policyId: null, faults: ['loop.json: cannot be read: ELOOP'] },
      { file: 'other.test.json', policyId: null, faults: ['other.test.json: cannot be read: ELOOP'] },
    ]);
  });

  it('starts with a folder that cannot be read, and says so', async () => {
    await put('file', '');
    const path = join(folder, 'file');
    const { watched, state, reports } = rig(path);
    await watched.start();
    await watched.stop();
    expect(state.faults).toBe(1);
    expect(reports.at(-1)?.refused).toMatchObject([
      { file: path, faults: [`${path}: cannot be read: ENOTDIR`] },
    ]);
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
