import type { LintFinding } from '../../rules/lint/finding.ts';
import type { FileLint, FolderLint, NamedFile } from '../../rules/lint/lint-folder.ts';
import { isLinted } from '../../rules/lint/lint-folder.ts';
import { listed } from '../../rules/lint/placement.ts';
import type { PolicyFile } from '../../schemas/policy.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import { inBoundedThread } from './bounded-thread.ts';

/** What a worker is given: the arguments of lintFolder. */
export interface LintTask {
  files: readonly NamedFile[];
  plans: readonly PlanVersion[] | null;
  /** undefined = the provider has set nothing */
  provider?: ProviderSettings | null;
  inForce?: readonly PolicyFile[];
}

/** Bounds of one run; by default 5 s and 128 MB. Loading the program is bounded apart. */
export interface LintLimits {
  timeMs?: number;
  memoryMb?: number;
  provider?: ProviderSettings | null;
  inForce?: readonly PolicyFile[];
}

const TIME_MS = 5_000;
const MEMORY_MB = 128;

/**
 * `lintFolder` in a thread that is ended when it takes too long or too much memory: one
 * finding P009 a file then, and no policies.
 * Rejects only with what keeps the thread from starting at all.
 *
 * @param files of a folder, or one alone
 * @param plans null = not known
 */
export async function lintInWorker(
  files: readonly NamedFile[],
  plans: readonly PlanVersion[] | null,
  { timeMs = TIME_MS, memoryMb = MEMORY_MB, ...rest }: LintLimits = {},
): Promise<FolderLint> {
  const task: LintTask = { files, plans, ...rest };
  const bounds = { timeMs, memoryMb };
  return inBoundedThread('lint-thread', task, bounds, (why) => tookTooLong(files, why));
}

/** Nothing is known of any of them. */
function tookTooLong(files: readonly NamedFile[], why: string): FolderLint {
  const message = `checking took too long or too much memory (${why}): the conditions are too many, or tangled`;
  const results = files
    .filter(({ name }) => isLinted(name))
    .map(({ name }): FileLint => {
      const place = { line: 1, column: 1, endLine: 1, endColumn: 1, path: '$' };
      const finding: LintFinding = {
        ...{ code: 'P009', severity: 'error', message, file: name, suggestion: null },
        ...place,
      };
      return { kind: 'policy', name, policy: null, findings: [finding], more: 0, errors: 1, warnings: 0 };
    });
  const all = results.flatMap(({ findings }) => findings);
  return { ...listed(all, all.length, 0), files: results, provider: null };
}
