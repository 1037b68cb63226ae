import type { PolicyFile } from '../../schemas/policy.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import type { OtherPolicy } from './check-others.ts';
import { checkPolicy } from './check-policy.ts';
import type { LintResult } from './finding.ts';
import { readJsonText } from './json-text.ts';
import { lintPolicyText, lintProviderText } from './lint-policy.ts';
import { listed } from './placement.ts';
import { Report } from './report.ts';

/** A file as it lies in the policies folder. */
export interface NamedFile {
  name: string;
  bytes: Uint8Array;
}

/** One file's findings, and its content where it has one that compiles (a policy) or is right (provider.json). */
export type FileLint = LintResult & { name: string } & (
    { kind: 'policy'; policy: PolicyFile | null } | { kind: 'provider'; settings: ProviderSettings | null }
  );

/** A whole folder's findings: of all files together at most 100, with every file's own beside them. */
export interface FolderLint extends LintResult {
  files: FileLint[];
  /** of provider.json, or what was given where there is none; null where it has errors */
  provider: ProviderSettings | null;
}

export const PROVIDER_FILE = 'provider.json';

/** Files that the linter looks at: policies and provider.json, but not the tests of policies. */
export function isLinted(name: string): boolean {
  return name.endsWith('.json') && !name.endsWith('.test.json');
}

/**
 * Checks all files of a policies folder, each by itself and beside the others. Never throws.
 *
 * @param plans null = not known: what needs them is not checked
 * @param provider settings where the folder has no right provider.json; null = not known; absent = not known where it
 *   has a wrong one, and the provider has set nothing where it has none
 * @param inForce policies besides those of the folder; one whose id a file has is what that file replaces
 */
export function lintFolder(
  files: readonly NamedFile[],
  plans: readonly PlanVersion[] | null,
  provider?: ProviderSettings | null,
  inForce: readonly PolicyFile[] = [],
): FolderLint {
  const linted = files.filter(({ name }) => isLinted(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const settingsFile = linted.find(({ name }) => baseName(name) === PROVIDER_FILE);
  const results: FileLint[] = [];
  let settings = provider === undefined ? NO_PROVIDER_SETTINGS : provider;
  let own = settings;
  if (settingsFile !== undefined) {
    const found = lintProviderText(settingsFile.bytes, settingsFile.name);
    own = found.settings;
    // What was set before stays in force where the file is wrong: policies are checked against that.
    settings = own ?? provider ?? null;
    results.push({ kind: 'provider', name: settingsFile.name, ...found });
  }
  const policies = linted.filter((file) => file !== settingsFile);
  const parsed = policies.flatMap(({ name, bytes }): OtherPolicy[] => {
    const policy = readPolicy(bytes);
    return policy === null ? [] : [{ file: name, policy }];
  });
  const replaced = new Set(parsed.map(({ policy }) => policy.id));
  const standing = inForce
    .filter(({ id }) => !replaced.has(id))
    .map((policy): OtherPolicy => ({ file: 'in force', policy }));
  for (const { name, bytes } of policies) {
    const others = [...parsed.filter(({ file }) => file !== name), ...standing];
    const found = lintPolicyText(bytes, { file: name, plans, provider: settings, others });
    results.push({ kind: 'policy', name, ...found });
  }
  const sum = (key: 'errors' | 'warnings'): number =>
    results.reduce((total, result) => total + result[key], 0);
  const all = results.flatMap(({ findings }) => findings);
  return { ...listed(all, sum('errors'), sum('warnings')), files: results, provider: own };
}

function baseName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** A policy that is right by itself, whatever it means and whatever stands beside it; null for others. */
export function readPolicy(bytes: Uint8Array): PolicyFile | null {
  const { parsed } = readJsonText(bytes);
  if (parsed === null) return null;
  const report = new Report();
  checkPolicy(parsed.value, report);
  return report.hasErrors ? null : (parsed.value as PolicyFile);
}
