import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockDataFolder } from './data-folder.ts';

const MODULE = new URL('./data-folder.ts', import.meta.url).href;
/** Takes the lock, tells how it went, and stays. */
const HOLDER = `
  const { lockDataFolder } = await import(${JSON.stringify(MODULE)});
  try {
    await lockDataFolder(process.argv[1], () => process.exit(9));
    process.send({ held: true });
    setInterval(() => {}, 1000);
  } catch (error) {
    process.send({ held: false, code: error.code, message: error.message }, () => process.exit(2));
  }`;

interface Answer {
  held: boolean;
  code?: string;
  message?: string;
}

let folder: string;
let children: ChildProcess[];

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'weir-lock-')), 'data');
  children = [];
});

afterEach(async () => {
  for (const child of children) await kill(child);
  await rm(join(folder, '..'), { recursive: true });
});

async function holder(): Promise<{ child: ChildProcess; answer: Answer }> {
  const child = fork('-', [], {
    execPath: process.execPath,
    execArgv: ['--import', 'tsx', '--input-type=module', '-e', HOLDER, folder],
  });
  children.push(child);
  const [answer] = (await once(child, 'message')) as [Answer];
  return { child, answer };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

function fail(error: Error): void {
  throw error;
}

describe('lockDataFolder between processes', () => {
  it('refuses a second process and names the first', async () => {
    const first = await holder();
    expect(first.answer).toEqual({ held: true });
    const second = await holder();
    expect(second.answer).toMatchObject({ held: false, code: 'data-folder-in-use' });
    expect(second.answer.message).toContain(`process ${first.child.pid}`);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  it.runIf(process.platform === 'linux')('takes over at once from a process killed by kill -9', async () => {
    const first = await holder();
    await kill(first.child);
    const killedAt = Date.now();
    const second = await holder();
    expect(second.answer).toEqual({ held: true });
    console.log(
      `restart after kill -9 held the folder after ${Date.now() - killedAt} ms, process start included`,
    );
  });

  it('lets exactly one of several processes take over from a killed one', async () => {
    await kill((await holder()).child);
    const answers = await Promise.all([holder(), holder(), holder()]);
    expect(answers.filter(({ answer }) => answer.held)).toHaveLength(process.platform === 'linux' ? 1 : 0);
  });

  it('is free again after release', async () => {
    const mine = await lockDataFolder(folder, fail);
    expect((await holder()).answer).toMatchObject({ held: false, code: 'data-folder-in-use' });
    await mine.release();
    await mine.release();
    expect((await holder()).answer).toEqual({ held: true });
  });
});
