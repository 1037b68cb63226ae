import type { Command } from 'commander';
import { Option } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import { AppError } from '../schemas/errors.ts';
import type { CycleSummaryView, CycleView } from '../schemas/tariff-views.ts';
import { apiTarget } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { instant } from './instant.ts';
import { allPages, queryOf, withLimit } from './paged.ts';
import type { PageFlags } from './paged.ts';
import { cyclesText, cycleSummariesText } from './pool-format.ts';

type ListFlags = ApiFlags & PageFlags & { subscriber?: string; status?: string; endBefore?: string };

/** `weir cycles list`. */
export function cycleCommands(weir: Command, io: CliIo): void {
  const cycles = weir.command('cycles').description('billing cycles');
  withLimit(withApiFlags(cycles.command('list', { isDefault: true })))
    .description('of everybody by subscriber, or of one with what each came to')
    .option('--subscriber <id>', 'of one subscriber')
    .addOption(new Option('--status <status>', 'of everybody').choices(['open', 'closing', 'closed']))
    .option('--end-before <time>', 'of everybody, those that ended before it', instant)
    .action(async (flags: ListFlags) => {
      const target = apiTarget(readConfig(io.env), flags);
      const { subscriber, status, endBefore } = flags;
      if (subscriber === undefined) {
        const query = queryOf({ status, endBefore });
        const list = await allPages<CycleSummaryView>(target, '/v1/cycles', query, flags);
        io.out(flags.json === true ? json(list) : cycleSummariesText(list));
        return;
      }
      if (status !== undefined || endBefore !== undefined)
        throw new AppError('invalid-input', 'of one subscriber all cycles are listed');
      const path = `/v1/subscribers/${encodeURIComponent(subscriber)}/cycles`;
      const list = await allPages<CycleView>(target, path, new URLSearchParams(), flags);
      io.out(flags.json === true ? json(list) : cyclesText(list));
    });
}
