import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { watch } from 'chokidar';

/** An editor writes, renames and writes again within this. */
const QUIET_MS = 150;

/**
 * Runs once, and again whenever a JSON file in one of the folders changes, until `signal`. Runs do not overlap: what
 * changes during one brings another. The folders of `paths` are watched, not what lies deeper.
 *
 * @param run with the names of the files that changed; none at first. Rejections end the watch
 */
export async function watchPolicies(
  paths: readonly string[],
  run: (changed: string[]) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const folders = await Promise.all(paths.map(folderOf));
  const watcher = watch([...new Set(folders)], { depth: 0, ignoreInitial: true });
  const changed = new Set<string>();
  let isDue = false;
  let wake: () => void = () => undefined;
  let timer: NodeJS.Timeout | undefined;
  watcher.on('all', (_event, path) => {
    if (!path.endsWith('.json')) return;
    changed.add(basename(path));
    clearTimeout(timer);
    timer = setTimeout(() => {
      isDue = true;
      wake();
    }, QUIET_MS);
  });
  const failure = new Promise<never>((_resolve, reject) => watcher.on('error', reject));
  const ready = new Promise<void>((resolve) => watcher.once('ready', resolve));
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    await Promise.race([ready, failure, stopped]);
    await run([]);
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      if (!isDue) await Promise.race([woken, stopped, failure]);
      if (signal.aborted) break;
      isDue = false;
      const names = [...changed].sort();
      changed.clear();
      await run(names);
    }
  } finally {
    clearTimeout(timer);
    await watcher.close();
  }
}

async function folderOf(path: string): Promise<string> {
  return (await stat(path)).isDirectory() ? path : dirname(path);
}
