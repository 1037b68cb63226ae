import type { Command } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import { EXIT } from '../pipeline/lifecycle.ts';
import type {
  PolicyContentView,
  PolicyDetailView,
  PolicyListView,
  ShadowReportView,
} from '../schemas/policy-views.ts';
import { apiTarget, getView } from './api-client.ts';
import type { ApiTarget } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { instant } from './instant.ts';
import { policyListText, policyStatusText, policyText, shadowReportText } from './policy-format.ts';

const PATH = '/v1/policies';
/** A comparison reads the whole ledger. */
const REPORT_TIMEOUT_MS = 60_000;

/** `weir policy list|show|status|shadow-report`: what is in force, and what a shadow decided. */
export function policyLookCommands(policy: Command, io: CliIo, result: { code: number }): void {
  const target = (flags: ApiFlags): ApiTarget => apiTarget(readConfig(io.env), flags);
  withApiFlags(policy.command('list'))
    .description('what is in force: mode, version, since when, by whom, on how many partitions')
    .action(async (flags: ApiFlags) => {
      const list = await getView<PolicyListView>(target(flags), PATH);
      io.out(flags.json === true ? json(list) : policyListText(list));
    });
  withApiFlags(policy.command('status'))
    .description(
      'whether every partition runs what was published, and what is wrong with the policies folder',
    )
    .action(async (flags: ApiFlags) => {
      const list = await getView<PolicyListView>(target(flags), PATH);
      io.out(flags.json === true ? json(list) : policyStatusText(list));
      if (list.refused.length > 0) result.code = EXIT.failed;
    });
  withApiFlags(policy.command('show <id>'))
    .description('one policy with its versions and changes; or the content of one version')
    .option('--content <version>', 'print the content of this version')
    .action(async (id: string, flags: ApiFlags & { content?: string }) => {
      if (flags.content !== undefined) {
        const path = `${pathOf(id)}/versions/${encodeURIComponent(flags.content)}`;
        const view = await getView<PolicyContentView>(target(flags), path);
        io.out(json(flags.json === true ? view : view.file));
        return;
      }
      const view = await getView<PolicyDetailView>(target(flags), pathOf(id));
      io.out(flags.json === true ? json(view) : policyText(view));
    });
  withApiFlags(policy.command('shadow-report <id>'))
    .description('what a policy in shadow decided beside what the same policy did live')
    .option('--since <time>', 'such as 2025-01-31T12:00:00Z; default: since it is in shadow', instant)
    .action(async (id: string, flags: ApiFlags & { since?: string }) => {
      const query = flags.since === undefined ? '' : `?since=${encodeURIComponent(flags.since)}`;
      const path = `${pathOf(id)}/shadow-report${query}`;
      const report = await getView<ShadowReportView>(target(flags), path, REPORT_TIMEOUT_MS);
      io.out(flags.json === true ? json(report) : shadowReportText(report));
    });
}

/** Path of one policy. */
export function pathOf(id: string): string {
  return `${PATH}/${encodeURIComponent(id)}`;
}
