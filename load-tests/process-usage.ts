import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Ticks a second of /proc/PID/stat; 100 on every Linux that Node runs on. */
const TICKS = 100;

/** A process whose use of the machine is measured. */
export interface Measured {
  name: string;
  pid: number;
}

/**
 * CPU seconds of a process and its children so far, ended ones too: user and system, all threads; null where it cannot be read.
 * Postgres works in children.
 */
export function cpuSeconds(pid: number): number | null {
  const own = ticksOf(pid);
  if (own === null) return null;
  const children = (readText(`/proc/${String(pid)}/task/${String(pid)}/children`) ?? '').split(' ');
  const ticks = children.filter((child) => child !== '').map((child) => ticksOf(Number(child)) ?? 0);
  return ticks.reduce((sum, one) => sum + one, own) / TICKS;
}

/** utime, stime, cutime and cstime: 14 to 17. The command in brackets may hold spaces: fields are counted from behind it. */
function ticksOf(pid: number): number | null {
  const stat = readProc(pid, 'stat');
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
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
  // One folder holds those of all servers.
  const folder = env['WEIR_TEST_KAFKA_DIR'];
  if (folder === undefined) return [];
  return ['kafka', 'redis', 'postgres', 'clickhouse'].flatMap((name) => {
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
