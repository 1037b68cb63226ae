import type { Command } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import type { AuditEntryView } from '../schemas/admin-views.ts';
import type { ListView } from '../schemas/tariff-views.ts';
import { apiTarget } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { lines, table } from './format.ts';
import { instant } from './instant.ts';
import { allPages, queryOf, withLimit } from './paged.ts';
import type { PageFlags } from './paged.ts';
import { moreLine } from './plan-format.ts';

type Flags = ApiFlags &
  PageFlags & { subject?: string; who?: string; action?: string; from?: string; to?: string };

/** `weir audit`: who changed what. */
export function auditCommand(weir: Command, io: CliIo): void {
  withLimit(withApiFlags(weir.command('audit')))
    .description('who changed what, the last change first; needs a key with the role operator')
    .option('--subject <id>', 'of what was changed')
    .option('--who <name>', 'by the key of this name')
    .option('--action <name>', 'such as top-up or assignment')
    .option('--from <time>', 'at or after', instant)
    .option('--to <time>', 'before', instant)
    .action(async (flags: Flags) => {
      const { subject, who, action, from, to } = flags;
      const query = queryOf({ subject, who, action, from, to });
      const target = apiTarget(readConfig(io.env), flags);
      const list = await allPages<AuditEntryView>(target, '/v1/audit', query, flags);
      io.out(flags.json === true ? json(list) : auditText(list));
    });
}

function auditText({ items, next }: ListView<AuditEntryView>): string {
  if (items.length === 0) return lines(['none']);
  const rows = items.map(({ at, who, action, subject, content }) => [
    ...[at, who ?? '(the system)', action, subject, JSON.stringify(content)],
  ]);
  return lines([...table([['at', 'who', 'action', 'of', ''], ...rows]), ...moreLine(next)]);
}
