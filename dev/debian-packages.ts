import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** A program the native servers need, and the Debian package that brings it. */
export interface Requirement {
  readonly package: string;
  /** True when it is there already, by whatever way it came. */
  readonly present: () => Promise<boolean>;
}

/** Where Debian keeps daemons that an ordinary user's PATH leaves out. */
const DAEMON_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin'];
const POLICY = '/usr/sbin/policy-rc.d';

/** The full path of a program in PATH or in the folders of daemons, or undefined. */
export async function findProgram(name: string): Promise<string | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...DAEMON_FOLDERS];
  for (const folder of folders) {
    const path = join(folder, name);
    if (folder !== '' && (await isExecutable(path))) return path;
  }
  return undefined;
}

/** findProgram for a program that ensurePackages has seen to. @throws Error when it is missing after all */
export async function programPath(name: string): Promise<string> {
  const path = await findProgram(name);
  if (path === undefined) throw new Error(`${name} is not in PATH`);
  return path;
}

/** True when the file is there and may be executed (or, for a library, read). */
export async function isReadable(path: string): Promise<boolean> {
  return canAccess(path, constants.R_OK);
}

async function isExecutable(path: string): Promise<boolean> {
  return canAccess(path, constants.X_OK);
}

async function canAccess(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch {
    // The answer is the value: access() has no other way to say no.
    return false;
  }
}

/**
 * Sees to it that every requirement is present: installs the missing Debian packages when this process is root,
 * apt-get exists and WEIR_INSTALL is not "never". Services that the packages bring are not started.
 *
 * @throws Error naming the packages and the command to install them by hand
 */
export async function ensurePackages(requirements: readonly Requirement[]): Promise<void> {
  const missing = await missingPackages(requirements);
  if (missing.length === 0) return;
  const command = `apt-get install ${missing.join(' ')}`;
  const permitted = process.getuid?.() === 0 && process.env['WEIR_INSTALL'] !== 'never';
  if (!permitted || (await findProgram('apt-get')) === undefined) {
    throw new Error(
      `Missing for the real servers: ${missing.join(', ')}.\n` +
        `On Debian: sudo ${command}\nElsewhere: start a Docker engine, and Compose is used instead.`,
    );
  }
  process.stderr.write(`installing ${missing.join(', ')}\n`);
  const withPolicy = !(await isReadable(POLICY));
  // 101 = "not allowed": Debian's way to install a daemon without starting it.
  if (withPolicy) await writeFile(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await apt(['update', '-q']);
    await apt(['install', '-q', '-y', '--no-install-recommends', ...missing]);
  } finally {
    if (withPolicy) await rm(POLICY, { force: true });
  }
  const still = await missingPackages(requirements);
  if (still.length > 0) throw new Error(`installed, and yet not found: ${still.join(', ')}`);
}

async function missingPackages(requirements: readonly Requirement[]): Promise<string[]> {
  const missing = new Set<string>();
  for (const requirement of requirements) {
    if (!(await requirement.present())) missing.add(requirement.package);
  }
  return [...missing];
}

async function apt(args: readonly string[]): Promise<void> {
  const child = spawn(await programPath('apt-get'), args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  if (child.exitCode !== 0) {
    throw new Error(`apt-get ${args.join(' ')} failed:\n${output.split('\n').slice(-20).join('\n')}`);
  }
}
