import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { outcomeOf } from '../../tests/flow/flow-outcome.ts';
import type { ChaosBed } from './chaos-bed.ts';
import type { Check } from './checks.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAX_OUTPUT = 256 * 1024 * 1024;

/** What was compared, and how much of it there was. */
export interface Comparison {
  checks: Check[];
  /** for people: sizes, so that one sees that it was not about nothing */
  sizes: Record<string, number>;
}

/**
 * Compares all that was stored with what the log means, and with what the NAS were told. Nobody may run; takes ownership
 * of the slots. @param plans subscriber -> plan that was stored last
 */
export async function compare(bed: ChaosBed, plans: ReadonlyMap<string, string>): Promise<Comparison> {
  const outcome = await outcomeOf(bed);
  const { expected, actual } = outcome.outcomes;
  const outcomes = Object.entries(expected).flatMap(([name, count]) => {
    const found = actual[name as keyof typeof actual];
    return found === count ? [] : [`${name}: expected ${String(count)}, found ${String(found)}`];
  });
  const { delivered = 0, superseded = 0 } = outcome.states;
  const open = outcome.sizes.actions - delivered - superseded;
  return {
    checks: [
      { name: 'windows in ClickHouse are what the log says', faults: outcome.windows },
      { name: 'late rows in ClickHouse are what the log says', faults: outcome.late },
      { name: 'analysts see the sum of both', faults: outcome.view },
      { name: 'cycles in the slots are what the log says', faults: outcome.cycles },
      { name: 'every record has its one outcome', faults: outcomes },
      { name: 'the ledger has every action once', faults: outcome.actions },
      {
        name: 'every action ended as delivered or superseded',
        faults: open === 0 ? [] : [`${String(open)} did not: ${JSON.stringify(outcome.states)}`],
      },
      { name: 'every action was once in effect at the NAS', faults: outcome.effects },
      { name: 'the NAS understood every request', faults: bed.nas.failures.map(String) },
      { name: 'every change of the directory is in the slots', faults: await lostChanges(bed, plans) },
    ],
    sizes: {
      records: outcome.recordsIn,
      ...outcome.sizes,
      delivered,
      superseded,
      'repeated CoA without effect': bed.nas.repeats,
      'CoA retransmissions': bed.nas.retransmissions,
    },
  };
}

/** `weir verify`, as an operator runs it beside running workers: the whole log against all that is stored. */
export async function verified(bed: ChaosBed): Promise<Check> {
  const name = 'weir verify is clean' as const;
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, NODE_ENV: 'production', ...bed.env };
  const args = ['--import', 'tsx', 'cli/main.ts', 'verify', '--json'];
  const options = { cwd: ROOT, env, maxBuffer: MAX_OUTPUT };
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve({ name, faults: error === null ? [] : faultsIn(stdout, stderr) });
    });
  });
}

function faultsIn(stdout: string, stderr: string): string[] {
  try {
    const { differences } = JSON.parse(stdout) as { differences: object[] };
    if (differences.length > 0) return differences.map((difference) => JSON.stringify(difference));
  } catch {
    // It ended before it could say anything in JSON.
  }
  return [`it failed: ${stderr.slice(-2_000)}`];
}

async function lostChanges(bed: ChaosBed, plans: ReadonlyMap<string, string>): Promise<string[]> {
  const known = new Map<string, string>();
  for (const state of await bed.slots.states()) {
    for (const { id, profile } of state.subscribers.values()) {
      known.set(id, profile?.assignments[0]?.planId ?? 'none');
    }
  }
  return [...plans].flatMap(([id, planId]) =>
    known.get(id) === planId ? [] : [`${id} has plan ${known.get(id) ?? 'none'} instead of ${planId}`],
  );
}
