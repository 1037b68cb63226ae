import { parseArgs } from 'node:util';
import { FAULT_NAMES } from './fault-plan.ts';
import type { FaultName } from './fault-plan.ts';
import { JavaScriptTree } from './javascript-tree.ts';
import { runSeeds } from './pool.ts';
import { SimulationReport } from './report.ts';

const USAGE = `npm run simulation -- [--seed N] [--seeds M] [--faults a,b] [--trace]
  --seed    first seed, default 1
  --seeds   how many, default 1 with --seed and 2000 without
  --faults  only these: ${FAULT_NAMES.join(', ')}
  --trace   prints every step`;

/** Runs seeds on demand. Exits 1 where one is red. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      faults: { type: 'string' },
      trace: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const from = Number(values.seed ?? 1);
  const count = Number(values.seeds ?? (values.seed === undefined ? 2000 : 1));
  const faults = values.faults === undefined ? null : values.faults.split(',');
  const isUnknown = faults?.some((name) => !(FAULT_NAMES as string[]).includes(name)) === true;
  if (values.help || isUnknown || !Number.isSafeInteger(from) || !Number.isSafeInteger(count)) {
    process.stdout.write(`${USAGE}\n`);
    return values.help ? 0 : 2;
  }
  const report = new SimulationReport();
  const tree = await JavaScriptTree.of('tests/simulation/thread.ts');
  try {
    await runSeeds({
      folder: await tree.write(),
      seeds: Array.from({ length: count }, (_, i) => from + i),
      run: { faults: faults as FaultName[] | null, trace: values.trace, ignore: {} },
      onResult: (result) => {
        report.add(result);
        if (values.trace) process.stdout.write(`${result.trace.join('\n')}\n`);
        if (result.violations.length > 0) process.stdout.write(`seed ${result.seed} is red\n`);
        return false;
      },
    });
  } finally {
    await tree.close();
  }
  process.stdout.write(`${[...report.complaints(), ...report.lines()].join('\n')}\n`);
  return report.red.length === 0 ? 0 : 1;
}

process.exitCode = await main();
