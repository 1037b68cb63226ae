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
 * of the slots.
 * @param plans subscriber -> plan that was stored last
 * @param bought ids of top-ups that were bought
 */
export async function compare(
  bed: ChaosBed,
  plans: ReadonlyMap<string, string>,
  bought: ReadonlySet<string>,
): Promise<Comparison> {
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
      { name: 'the slots have every profile and pool as it is stored', faults: await otherProfiles(bed) },
      { name: 'every top-up was charged once', faults: await otherCharges(bed, bought) },
    ],
    sizes: {
      records: outcome.recordsIn,
      ...outcome.sizes,
      delivered,
      superseded,
      'actions of pools': await actionsOfPools(bed),
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

/** What slots and Postgres say otherwise of a subscriber or a pool. */
async function otherProfiles(bed: ChaosBed): Promise<string[]> {
  const known = new Map<string, string>();
  for (const { subscribers, pools } of await bed.slots.states()) {
    for (const { id, profile } of subscribers.values()) if (profile !== null) known.set(id, textOf(profile));
    for (const { poolId, profile } of pools.all.values())
      if (profile !== null) known.set(poolId, textOf(profile));
  }
  const { rows } = await bed.pool.query<{ id: string; profile: object }>(
    'select subscriber_id as id, profile from subscriber union all select pool_id, profile from pool',
  );
  return rows.flatMap(({ id, profile }) => {
    const [stored, told] = [textOf(profile), known.get(id) ?? 'nothing'];
    return stored === told ? [] : [`${id}: stored is ${stored}, the slot has ${told}`];
  });
}

/** In one order of keys, without the instant of the change: a slot cuts that to what it can know. */
function textOf(profile: object): string {
  const entries = Object.entries(profile).filter(([key]) => key !== 'asOfMs');
  return JSON.stringify(sorted(Object.fromEntries(entries)));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
}

async function actionsOfPools(bed: ChaosBed): Promise<number> {
  const { rows } = await bed.pool.query<{ count: number }>(
    `select count(*)::int as count from action where intent ->> 'policyId' = 'family-fup'`,
  );
  return rows[0]?.count ?? 0;
}

/** Top-ups that were said to be bought against what gives bytes, and both against what is charged. */
async function otherCharges(bed: ChaosBed, bought: ReadonlySet<string>): Promise<string[]> {
  const { rows } = await bed.pool.query<{ id: string; items: number; deliveries: number }>(
    `select top_up_id as id,
       (select count(*)::int from billing_item where line = 'top-up:' || top_up_id) as items,
       (select count(*)::int from invoice_delivery d join billing_item i using (key)
         where i.line = 'top-up:' || top_up_id) as deliveries
     from top_up where source = 'api'`,
  );
  const given = new Set(rows.map(({ id }) => id));
  return [
    ...[...bought].flatMap((id) => (given.has(id) ? [] : [`${id} was bought and is not there`])),
    ...rows.flatMap(({ id, items, deliveries }) =>
      bought.has(id) && items === 1 && deliveries === 1
        ? []
        : [`${id}: ${String(items)} items, ${String(deliveries)} deliveries`],
    ),
  ];
}
