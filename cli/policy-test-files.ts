import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError } from '../schemas/errors.ts';

const TESTS = '.test.json';
const PROVIDER = 'provider.json';
/** Policies that one command looks at. */
const MAX_POLICIES = 1_000;
/** One more byte than any file may have: enough to see that it is too large. */
export const MAX_READ_BYTES = 256 * 1024 + 1;

/** A policy, its tests and its provider's settings, as paths; the last two need not exist. */
export interface PolicyPaths {
  policy: string;
  tests: string;
  provider: string;
}

/**
 * Policies that paths mean: of a folder all, of a policy or test file the one. Each once, in order of path.
 *
 * @throws AppError `invalid-input` where a path leads nowhere, or to no policy
 */
export async function policiesAt(paths: readonly string[]): Promise<PolicyPaths[]> {
  const found = new Map<string, PolicyPaths>();
  for (const path of paths) {
    for (const policy of await policyFiles(path)) {
      const stem = policy.slice(0, -'.json'.length);
      found.set(policy, { policy, tests: `${stem}${TESTS}`, provider: join(dirname(policy), PROVIDER) });
    }
  }
  if (found.size > MAX_POLICIES)
    throw new AppError('invalid-input', `${found.size} policies; at most ${MAX_POLICIES} at once`);
  return [...found.values()].sort((a, b) => (a.policy < b.policy ? -1 : 1));
}

async function policyFiles(path: string): Promise<string[]> {
  const found = await stat(path).catch((cause: unknown) => {
    if (!isMissing(cause)) throw cause;
    throw new AppError('invalid-input', `there is no file or folder ${path}`, { cause });
  });
  if (found.isDirectory()) {
    const names = (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
    const policies = names.filter(isPolicyName).map((name) => join(path, name));
    if (policies.length > 0) return policies;
    throw new AppError('invalid-input', `${path} holds no policies (*.json)`);
  }
  if (path.endsWith(TESTS)) return [`${path.slice(0, -TESTS.length)}.json`];
  if (isPolicyName(basename(path))) return [path];
  throw new AppError('invalid-input', `${path} is no policy: those are *.json, but not ${PROVIDER}`);
}

function isPolicyName(name: string): boolean {
  return name.endsWith('.json') && !name.endsWith(TESTS) && name !== PROVIDER;
}

/** Content of a file, cut behind the largest size that anything accepts; null = there is none. */
export async function bytesOf(path: string): Promise<Buffer | null> {
  let file;
  try {
    file = await open(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_READ_BYTES), 0, MAX_READ_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
