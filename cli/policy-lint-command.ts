import type { Command } from 'commander';
import { readConfig } from '../pipeline/config.ts';
import { EXIT } from '../pipeline/lifecycle.ts';
import { lintInWorker } from '../pipeline/policies/lint-worker.ts';
import type { LintFinding, LintResult } from '../rules/lint/finding.ts';
import { listed } from '../rules/lint/placement.ts';
import { json } from './api-flags.ts';
import type { CliIo } from './commands.ts';
import { lintFilesAt, plansIn } from './policy-lint-files.ts';
import type { FilesOfFolder } from './policy-lint-files.ts';
import type { PlanVersion } from '../schemas/profile.ts';

interface LintFlags {
  json?: boolean;
  plans?: string;
  strict?: boolean;
}

/** `weir policy lint`: checks policy files without anything running. Exit code 1 where there are errors. */
export function policyLintCommand(policy: Command, io: CliIo, result: { code: number }): void {
  policy
    .command('lint')
    .description(
      'check policy files and provider.json; each finding has its place and a code (docs/facts.md)',
    )
    .argument('[paths...]', 'files or folders; default: the folder of policies')
    .option('--plans <file>', 'JSON file with a list of plans, to check what depends on them')
    .option('--strict', 'fail on warnings too')
    .option('--json', 'print the findings as JSON')
    .action(async (paths: string[], flags: LintFlags) => {
      const given = paths.length > 0 ? paths : [readConfig(io.env).policiesDir];
      const folders = await lintFilesAt(given);
      const plans = flags.plans === undefined ? null : await plansIn(flags.plans);
      const files = folders.reduce((sum, { wanted }) => sum + wanted.size, 0);
      const found = await lintAll(folders, plans);
      io.out(flags.json === true ? json({ files, ...found }) : lintText(found, files));
      const isBad = found.errors > 0 || (flags.strict === true && found.warnings > 0);
      result.code = isBad ? EXIT.failed : EXIT.ok;
    });
}

/** Findings of the files that were asked for; the others of their folders are only looked at beside them. */
async function lintAll(
  folders: readonly FilesOfFolder[],
  plans: readonly PlanVersion[] | null,
): Promise<LintResult> {
  const findings: LintFinding[] = [];
  let [errors, warnings] = [0, 0];
  for (const { files, wanted } of folders) {
    const linted = await lintInWorker(files, plans);
    for (const one of linted.files.filter(({ name }) => wanted.has(name))) {
      findings.push(...one.findings);
      errors += one.errors;
      warnings += one.warnings;
    }
  }
  return listed(findings, errors, warnings);
}

/** One line a finding, as editors and terminals read them, then a summary. */
function lintText({ findings, more, errors, warnings }: LintResult, files: number): string {
  const lines = findings.map(({ file, line, column, severity, code, message, suggestion }) => {
    const instead =
      suggestion === null || message.includes(suggestion.replaceAll('"', '')) ? '' : ` (${suggestion})`;
    return `${file}:${line}:${column} ${severity} ${code} ${message}${instead}`;
  });
  if (more > 0) lines.push(`and ${more} more`);
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
  lines.push(`${count(files, 'file')}: ${count(errors, 'error')}, ${count(warnings, 'warning')}`);
  return `${lines.join('\n')}\n`;
}
