import type { Command } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import { AppError } from '../schemas/errors.ts';
import type { ListView, PlanSummaryView, PlanVersionView, PlanView } from '../schemas/tariff-views.ts';
import { apiTarget, getTagged, getView, patchView, postView } from './api-client.ts';
import type { ApiTarget } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { instant } from './instant.ts';
import { jsonOf } from './json-file.ts';
import { allPages, withLimit } from './paged.ts';
import type { PageFlags } from './paged.ts';
import { plansText, planText, planVersionText } from './plan-format.ts';

type SetFlags = ApiFlags & { name?: string; archived?: boolean; reason?: string };
type AddFlags = ApiFlags & { effectiveFrom?: string; atOnce?: boolean; reason?: string };

/** `weir plans [list]|show|versions|add-version|set`. */
export function planCommands(weir: Command, io: CliIo): void {
  const target = (flags: ApiFlags): ApiTarget => apiTarget(readConfig(io.env), flags);
  const plans = weir.command('plans').description('what there is to be had, and what it costs');
  withLimit(withApiFlags(plans.command('list', { isDefault: true })))
    .description('all of them, archived ones too')
    .action(async (flags: ApiFlags & PageFlags) => {
      const list = await allPages<PlanSummaryView>(target(flags), '/v1/plans', new URLSearchParams(), flags);
      io.out(flags.json === true ? json(list satisfies ListView<PlanSummaryView>) : plansText(list));
    });
  withApiFlags(plans.command('show <plan>'))
    .description('the version in effect, and those to come')
    .action(async (planId: string, flags: ApiFlags) => {
      const view = await getView<PlanView>(target(flags), pathOf(planId));
      io.out(flags.json === true ? json(view) : planText(view));
    });
  withApiFlags(plans.command('versions <plan>'))
    .description('all versions with terms, the first made first')
    .action(async (planId: string, flags: ApiFlags) => {
      const view = await getView<{ versions: PlanVersionView[] }>(
        target(flags),
        `${pathOf(planId)}/versions`,
      );
      io.out(flags.json === true ? json(view) : view.versions.map(planVersionText).join(''));
    });
  withApiFlags(plans.command('set <plan>'))
    .description('rename a plan, or take it off the shelf: who has it keeps it')
    .option('--name <name>', 'for people')
    .option('--archived', 'nobody else gets it')
    .option('--no-archived', 'it can be given out again')
    .option('--reason <text>', 'for the audit')
    .action(async (planId: string, { name, archived, reason, ...flags }: SetFlags) => {
      const change = {
        ...(name === undefined ? {} : { name }),
        ...(archived === undefined ? {} : { archived }),
      };
      if (Object.keys(change).length === 0)
        throw new AppError('invalid-input', 'nothing is to be changed: --name, --archived or --no-archived');
      const { etag } = await getTagged<PlanView>(target(flags), pathOf(planId));
      const body = { ...change, ...(reason === undefined ? {} : { reason }) };
      const plan = await patchView<PlanSummaryView>(target(flags), pathOf(planId), body, etag);
      io.out(flags.json === true ? json(plan) : plansText({ items: [plan], next: null }));
    });
  withApiFlags(plans.command('add-version <plan> <file>'))
    .description('make a version of the terms in a JSON file; the first one makes the plan')
    .option('--effective-from <time>', 'cycles and assignments that begin at or after it have it', instant)
    .option(
      '--at-once',
      'in the place of the version in force, also in cycles that run; instead of --effective-from',
    )
    .option('--reason <text>', 'for the audit')
    .action(async (planId: string, file: string, flags: AddFlags) => {
      const { effectiveFrom, atOnce, reason } = flags;
      if ((effectiveFrom !== undefined) === (atOnce === true))
        throw new AppError('invalid-input', 'say from when on: --effective-from TIME, or --at-once');
      const body = {
        terms: await jsonOf(file),
        effectiveFrom: effectiveFrom ?? null,
        ...(reason === undefined ? {} : { reason }),
      };
      const made = await postView<PlanVersionView>(target(flags), `${pathOf(planId)}/versions`, body);
      io.out(flags.json === true ? json(made) : planVersionText(made));
    });
}

function pathOf(planId: string): string {
  return `/v1/plans/${encodeURIComponent(planId)}`;
}
