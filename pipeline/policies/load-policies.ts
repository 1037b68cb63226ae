import { lintFolder } from '../../rules/lint/lint-folder.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { checkFiles } from './check-files.ts';
import { sortFiles, verdictOf } from './check-folder.ts';
import type { FolderVerdict } from './check-folder.ts';
import { readFolder } from './read-folder.ts';
import { runAllTests } from './run-file-tests.ts';

/**
 * Reads, checks and tests a policies folder by itself, in this thread: for tools that trust its files. A file with faults
 * is refused whole; a folder that does not exist holds nothing.
 */
export async function loadPolicies(folder: string): Promise<FolderVerdict> {
  const found = await readFolder(folder);
  const { texts, refused } = sortFiles(found);
  const context = { settings: NO_PROVIDER_SETTINGS, plans: null, inForce: [] };
  const checked = await checkFiles(texts, context, {
    lint: async (files, { plans, settings, inForce }) => lintFolder(files, plans, settings, inForce),
    runTests: runAllTests,
  });
  return verdictOf(checked, refused, found.look.size);
}
