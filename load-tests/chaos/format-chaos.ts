import type { ChaosReport } from './chaos.ts';

/** Most faults of one check that are printed. */
const MOST = 20;

/** The report as a person reads it; its last line is `0 differences`, or how many. */
export function formatChaos(report: ChaosReport): string {
  const { options, faults, sizes, checks } = report;
  const again = `npm run load -- chaos --minutes ${String(options.minutes)} --seed ${String(options.seed)}`;
  const lines = [
    `${'fault'.padEnd(20)}${'count'.padStart(6)}   nothing behind again, s after its end: median, most`,
    ...faults.map(({ kind, count, recoveryMs }) => {
      const sorted = [...recoveryMs].sort((a, b) => a - b);
      const at = (share: number): string =>
        ((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) / 1_000).toFixed(1);
      return `${kind.padEnd(20)}${String(count).padStart(6)}   ${sorted.length === 0 ? '-' : `${at(0.5)}, ${at(1)}`}`;
    }),
    '',
    ...Object.entries(sizes).map(([name, count]) => `${name.padEnd(34)}${count.toLocaleString('en-US')}`),
    `everything had run out ${report.settleSeconds.toFixed(1)} s after the last fault`,
    ...recoveryLines(report),
    '',
    ...checks.flatMap(({ name, faults: found }) =>
      found.length === 0
        ? [`ok      ${name}`]
        : [
            `FAILED  ${name} (seed ${String(options.seed)}; ${again})`,
            ...found.slice(0, MOST).map((fault) => `          ${fault}`),
            ...(found.length > MOST ? [`          and ${String(found.length - MOST)} more`] : []),
          ],
    ),
    '',
    `${String(differencesIn(report))} differences`,
  ];
  return `${lines.join('\n')}\n`;
}

function recoveryLines({ recovery }: ChaosReport): string[] {
  if (recovery === null) return [];
  const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
  return [
    `kill -9 of one of two workers, ${whole(recovery.subscribers)} subscribers, ${whole(recovery.load)} records/s ` +
      `(half of ${whole(recovery.fullLoad)}): detected after ${recovery.detectedSeconds.toFixed(1)} s, ` +
      `${whole(recovery.backlog)} entries behind, nothing behind ${recovery.recoverySeconds.toFixed(1)} s later`,
  ];
}

/** Over all checks. */
export function differencesIn({ checks }: ChaosReport): number {
  return checks.reduce((sum, { faults }) => sum + faults.length, 0);
}

/** Checks that hold and that do not, as dev/test.ts counts them. */
export function countsIn({ checks }: ChaosReport): { passed: number; failed: number } {
  const failed = checks.filter(({ faults }) => faults.length > 0).length;
  return { passed: checks.length - failed, failed };
}
