import { readFile } from 'node:fs/promises';

const LOOK_EVERY_MS = 1_000;
const MAX_CHAIN = 8;

/**
 * Resolves with the reason when this process is told to stop: SIGINT, SIGTERM, SIGHUP, or the end of a process
 * that started it (npm and tsx between a terminal and us do not pass on a kill -9).
 * A second Ctrl-C ends the process at once; the guard of its servers cleans up.
 */
export async function whenToldToStop(): Promise<string> {
  const chain = await startersUpToNpm();
  return new Promise((resolve) => {
    const told = (reason: string) => {
      clearInterval(look);
      resolve(reason);
    };
    const look = setInterval(() => {
      void isWhole(chain).then((whole) => {
        if (!whole) told('a process that started this one is gone');
      });
    }, LOOK_EVERY_MS);
    look.unref();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => told(signal));
  });
}

/** From this process up: each one's parent, as far as npm where there is a /proc to read it from. */
async function startersUpToNpm(): Promise<number[]> {
  const chain = [process.pid, process.ppid];
  let end = chain.length;
  for (let pid = process.ppid; pid > 1 && chain.length < MAX_CHAIN;) {
    const { commandLine, parent } = await readProcess(pid);
    if (commandLine.startsWith('npm')) end = chain.length;
    chain.push(parent);
    pid = parent;
  }
  return chain.slice(0, end);
}

/** A process whose parent ends gets another one at once, even while the dead parent waits to be reaped. */
async function isWhole(chain: readonly number[]): Promise<boolean> {
  if (process.ppid !== chain[1]) return false;
  for (let i = 1; i + 1 < chain.length; i += 1) {
    const pid = chain[i];
    if (pid !== undefined && (await readProcess(pid)).parent !== chain[i + 1]) return false;
  }
  return true;
}

async function readProcess(pid: number): Promise<{ commandLine: string; parent: number }> {
  try {
    const commandLine = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8');
    const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
    return { commandLine, parent: Number(/^PPid:\s*(\d+)/m.exec(status)?.[1] ?? 0) };
  } catch {
    // It ended, or there is no /proc (macOS, where only our own parent is watched).
    return { commandLine: '', parent: 0 };
  }
}
