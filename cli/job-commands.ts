import type { Command } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import type { JobPausedView, JobRequestView, JobRunsView, JobsView } from '../schemas/admin-views.ts';
import { apiTarget, getView, patchView, postView } from './api-client.ts';
import type { ApiTarget } from './api-client.ts';
import type { ApiFlags } from './api-flags.ts';
import { json, withApiFlags } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { lines } from './format.ts';
import { jobsText, runsText } from './job-format.ts';

/** `weir jobs [list]|show|run|pause|resume`. */
export function jobCommands(weir: Command, io: CliIo): void {
  const target = (flags: ApiFlags): ApiTarget => apiTarget(readConfig(io.env), flags);
  const jobs = weir.command('jobs').description('what Weir does at its times');
  withApiFlags(jobs.command('list', { isDefault: true }))
    .description('each job with its last run and its next time')
    .action(async (flags: ApiFlags) => {
      const view = await getView<JobsView>(target(flags), '/v1/jobs');
      io.out(flags.json === true ? json(view) : jobsText(view));
    });
  withApiFlags(jobs.command('show <name>'))
    .description('the last runs of a job, and what each did')
    .action(async (name: string, flags: ApiFlags) => {
      const view = await getView<JobRunsView>(target(flags), pathOf(name));
      io.out(flags.json === true ? json(view) : runsText(view.runs));
    });
  withApiFlags(jobs.command('run <name>'))
    .description('have a job run now')
    .action(async (name: string, flags: ApiFlags) => {
      const asked = await postView<JobRequestView>(target(flags), pathOf(name), undefined);
      const text = `asked for: ${asked.name} by ${asked.by}; it begins within seconds: weir jobs show ${asked.name}`;
      io.out(flags.json === true ? json(asked) : lines([text]));
    });
  for (const [command, paused] of [
    ['pause', true],
    ['resume', false],
  ] as const)
    withApiFlags(jobs.command(`${command} <name>`))
      .description(paused ? 'have a job run by hand alone' : 'have a job run at its times again')
      .action(async (name: string, flags: ApiFlags) => {
        const path = `/v1/jobs/${encodeURIComponent(name)}`;
        const view = await patchView<JobPausedView>(target(flags), path, { paused }, null);
        const text = paused ? 'runs by hand alone' : 'runs at its times';
        io.out(flags.json === true ? json(view) : lines([`${view.name} ${text}`]));
      });
}

function pathOf(name: string): string {
  return `/v1/jobs/${encodeURIComponent(name)}/runs`;
}
