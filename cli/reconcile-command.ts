import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import { AppError } from '../schemas/errors.ts';
import type {
  BegunReconciliationView,
  DifferenceView,
  ReconciliationReportView,
} from '../schemas/billing-views.ts';
import { apiTarget, getText, getView, postView } from './api-client.ts';
import type { ApiTarget } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { instant } from './instant.ts';
import { reconciliationText } from './reconcile-format.ts';

type Flags = ApiFlags & { from?: string; to?: string; csv?: boolean; wait?: string };

const WEEK_MS = 7 * 86_400_000;
const POLL_MS = 500;
const CSV_TIMEOUT_MS = 60_000;
/** As many as Weir stores of one comparison. */
const MAX_PAGES = 40;
const PAGE = 500;

/** `weir reconcile billing`: 1 where anything differs, or the comparison could not be finished. */
export function reconcileCommand(weir: Command, io: CliIo, failed: () => void): void {
  const reconcile = weir.command('reconcile').description('compare with other systems');
  withApiFlags(reconcile.command('billing'))
    .description('items here with items at the billing system; of the last week unless told')
    .option('--from <time>', 'items made at or after, such as 2025-01-31T12:00:00Z', instant)
    .option('--to <time>', 'items made before', instant)
    .option('--csv', 'print the differences as CSV')
    .option('--wait <seconds>', 'for its end at most, 600 unless told')
    .action(async (flags: Flags) => {
      const target = apiTarget(readConfig(io.env), flags);
      const to = flags.to ?? new Date().toISOString();
      const from = flags.from ?? new Date(Date.parse(to) - WEEK_MS).toISOString();
      const waitMs = secondsOf(flags.wait) * 1_000;
      const { id } = await postView<BegunReconciliationView>(target, '/v1/reconciliations', { from, to });
      const report = await ended(target, id, Date.now() + waitMs);
      if (flags.csv === true) io.out(await getText(target, `${pathOf(id)}?format=csv`, CSV_TIMEOUT_MS));
      else {
        const whole = { ...report, differences: await allDifferences(target, report), next: null };
        io.out(flags.json === true ? json(whole) : reconciliationText(whole));
      }
      const { summary } = report;
      if (summary === null || summary.failure !== null || Object.keys(summary.differences).length > 0)
        failed();
      // Results go to standard output whole; what kept the comparison from its end must not be missed beside them.
      const failure = summary?.failure ?? null;
      if (failure !== null) io.err(`weir: ${failure}\n`);
    });
}

function pathOf(id: string): string {
  return `/v1/reconciliations/${encodeURIComponent(id)}`;
}

async function ended(target: ApiTarget, id: string, untilMs: number): Promise<ReconciliationReportView> {
  for (;;) {
    const report = await getView<ReconciliationReportView>(target, `${pathOf(id)}?limit=${PAGE}`);
    if (report.ended !== null) return report;
    if (Date.now() >= untilMs)
      throw new AppError('timeout', `reconciliation ${id} is still under way: look at ${pathOf(id)} later`);
    await pause(POLL_MS);
  }
}

async function allDifferences(
  target: ApiTarget,
  { id, differences, next }: ReconciliationReportView,
): Promise<DifferenceView[]> {
  const all = [...differences];
  for (let page = 0; next !== null && page < MAX_PAGES; page++) {
    const path = `${pathOf(id)}?limit=${PAGE}&after=${encodeURIComponent(next)}`;
    const report: ReconciliationReportView = await getView<ReconciliationReportView>(target, path);
    all.push(...report.differences);
    next = report.next;
  }
  return all;
}

function secondsOf(text = '600'): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new AppError('invalid-input', '--wait must be a whole number of seconds');
}
