import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../cache-folder.ts';
import { programPath } from '../debian-packages.ts';
import type { ServerGroup } from '../processes/server-group.ts';

const POM = fileURLToPath(new URL('pom.xml', import.meta.url));

/** True when the jars of this pom are in the cache, so that no Maven is needed. */
export async function kafkaJarsAreCached(): Promise<boolean> {
  return (await jarsIn(await jarFolder())) > 0;
}

/**
 * The folder with the broker's jars, fetched from Maven Central on first use (54 MB, about 10 s). The folder is
 * named after the pom's hash and appears by a rename, so a half-finished fetch is never taken for a cache.
 *
 * @throws Error with Maven's words when the fetch fails
 */
export async function kafkaJars(group: ServerGroup): Promise<string> {
  const folder = await jarFolder();
  if ((await jarsIn(folder)) > 0) return folder;
  const partial = `${folder}.${randomUUID()}`;
  await mkdir(partial, { recursive: true });
  try {
    process.stderr.write(`fetching Kafka into ${folder}\n`);
    await group.run(await programPath('mvn'), [
      ...['-B', '-q', '-f', POM, 'dependency:copy-dependencies'],
      ...[`-DoutputDirectory=${partial}`, '-DincludeScope=runtime'],
    ]);
    // Another run may have been faster: its folder is as good as ours.
    if ((await jarsIn(folder)) === 0) await rename(partial, folder);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}

async function jarFolder(): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile(POM))
    .digest('hex')
    .slice(0, 12);
  return cacheFolder('kafka', hash);
}

async function jarsIn(folder: string): Promise<number> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.jar')).length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
