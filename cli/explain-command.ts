import type { Command } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import type { ExplainView } from '../schemas/timeline-views.ts';
import { apiTarget, getView } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { explainText } from './explain-format.ts';
import { instant } from './instant.ts';

/** `weir explain SUBSCRIBER`: why a line is as it is, or was at a time. */
export function explainCommand(weir: Command, io: CliIo): void {
  withApiFlags(weir.command('explain <subscriber>'))
    .description('why a line is as it is: rules with their values, what acts, what the network answered')
    .option('--at <time>', 'a time that is over, such as 2025-01-31T12:00:00Z; now if not given', instant)
    .action(async (id: string, { at, ...flags }: ApiFlags & { at?: string }) => {
      const query = at === undefined ? '' : `?at=${encodeURIComponent(at)}`;
      const path = `/v1/subscribers/${encodeURIComponent(id)}/explain${query}`;
      const view = await getView<ExplainView>(apiTarget(readConfig(io.env), flags), path);
      io.out(flags.json === true ? json(view) : explainText(view));
    });
}
