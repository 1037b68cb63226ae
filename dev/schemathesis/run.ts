import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../cache-folder.ts';
import { ensurePackages, findProgram, programPath } from '../debian-packages.ts';
import type { ServerGroup } from '../processes/server-group.ts';

const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url));
const CONFIGURATION = fileURLToPath(new URL('schemathesis.toml', import.meta.url));
const STARTER =
  'import sys; from schemathesis.cli import schemathesis; sys.argv[0] = "schemathesis"; schemathesis()';

/** What must be true of every answer. */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
];

/** What is looked at, and how long. */
export interface SchemathesisRun {
  /** of the OpenAPI document */
  url: string;
  key: string;
  /** it ends soon after, however far it came */
  seconds: number;
  /** the same seed, the same cases in the same order */
  seed: number;
}

/**
 * Sends an API the requests that its document allows, and such that it does not.
 *
 * @returns exit code, 0 where every answer was as documented, and what it printed
 * @throws Error in plain words when Python or its package is missing and cannot be had
 */
export async function runSchemathesis(
  group: ServerGroup,
  { url, key, seconds, seed }: SchemathesisRun,
): Promise<{ code: number; output: string }> {
  const packages = await schemathesis(group);
  const child = spawn(
    await programPath('python3'),
    [
      ...['-c', STARTER, '--no-color', '--config-file', CONFIGURATION, 'run', url],
      ...['--header', `Authorization: Bearer ${key}`, '--checks', CHECKS.join(',')],
      ...['--phases', 'coverage,fuzzing', '--max-time', String(seconds), '--seed', String(seed)],
      ...['--no-shrink', '--continue-on-failure', '--suppress-health-check', 'all', '--warnings', 'off'],
      ...['--request-timeout', '30', '--generation-database', 'none'],
    ],
    {
      cwd: await group.folder('schemathesis'),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: '1' },
    },
  );
  group.adopt(child, 'SIGTERM');
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  await once(child, 'close');
  return { code: child.exitCode ?? 1, output };
}

/**
 * The folder with its Python packages, fetched from PyPI on first use (30 MB, about 15 s). It is named after what is wanted and
 * the version of Python, and appears by a rename.
 */
async function schemathesis(group: ServerGroup): Promise<string> {
  await ensurePackages([{ package: 'python3-pip', present: hasPip }]);
  const python = await programPath('python3');
  const version = await group.run(python, ['-c', 'import sys; print(sys.version)']);
  const wanted = await readFile(REQUIREMENTS);
  const hash = createHash('sha256').update(wanted).update(version).digest('hex').slice(0, 12);
  const folder = cacheFolder('schemathesis', hash);
  if (await isThere(folder)) return folder;
  const partial = `${folder}.${randomUUID()}`;
  await mkdir(partial, { recursive: true });
  try {
    process.stderr.write(`fetching Schemathesis into ${folder}\n`);
    const quiet = ['--quiet', '--disable-pip-version-check', '--no-input'];
    await group.run(python, ['-m', 'pip', 'install', ...quiet, '--target', partial, '-r', REQUIREMENTS]);
    // Another run may have been faster: its folder is as good as ours.
    if (!(await isThere(folder))) await rename(partial, folder);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`Schemathesis could not be fetched from PyPI; is it to be reached?\n${why}`, {
      cause: error,
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}

async function hasPip(): Promise<boolean> {
  const python = await findProgram('python3');
  if (python === undefined) return false;
  const child = spawn(python, ['-m', 'pip', '--version'], { stdio: 'ignore' });
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0;
}

async function isThere(folder: string): Promise<boolean> {
  try {
    await access(folder);
    return true;
  } catch {
    // The answer is the value: access() has no other way to say no.
    return false;
  }
}
