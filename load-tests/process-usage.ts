import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Ticks a second of /proc/PID/stat; 100 on every Linux that Node runs on. */
const TICKS = 100;

/** A process whose use of the machine is measured. */
export interface Measured {
  name: string;
  pid: number;
}

/** CPU seconds of a process so far, user and system, all threads; null where it cannot be read. */
export function cpuSeconds(pid: number): number | null {
  const stat = readProc(pid, 'stat');
  if (stat === null) return null;
  // The command in brackets may hold spaces: fields are counted from behind it. utime and stime are 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Resident memory in bytes: now and at its highest; null where it cannot be read. */
export function memoryBytes(pid: number): { now: number; peak: number } | null {
  const status = readProc(pid, 'status');
  if (status === null) return null;
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { now: field('VmRSS'), peak: field('VmHWM') };
}

/** The servers that dev/services.ts started, by the pid files beside their folders; those of others are not found. */
export function measuredServers(env: Readonly<Record<string, string | undefined>>): Measured[] {
  const names = ['kafka', 'redis', 'clickhouse'];
  return names.flatMap((name) => {
    const folder = env[`WEIR_TEST_${name.toUpperCase()}_DIR`];
    if (folder === undefined) return [];
    const pid = Number(readText(join(folder, '..', `${name}.pid`)) ?? '0');
    return pid > 0 ? [{ name, pid }] : [];
  });
}

function readProc(pid: number, file: string): string | null {
  return readText(`/proc/${String(pid)}/${file}`);
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It has ended, or there is no /proc here: the figure is then missing from the report.
    return null;
  }
}
