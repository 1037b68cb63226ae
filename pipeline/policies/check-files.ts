import { encodeControl } from '../decode/control-codec.ts';
import { JsonText, membersOf } from '../../rules/json-text.ts';
import type { FolderLint, NamedFile } from '../../rules/lint/lint-folder.ts';
import { PROVIDER_FILE, readPolicy } from '../../rules/lint/lint-folder.ts';
import { isAppError } from '../../schemas/errors.ts';
import type { PolicyFile } from '../../schemas/policy.ts';
import type { PolicyFindingView } from '../../schemas/policy-views.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import type { PolicyHead } from '../../storage/policy-ports.ts';

/** What is checked together. */
export interface PolicyTexts {
  /** each with its tests, null = it has none */
  policies: { file: NamedFile; tests: NamedFile | null }[];
  /** named provider.json; null = the settings of the context hold */
  provider: NamedFile | null;
}

/** What holds besides. */
export interface CheckContext {
  settings: ProviderSettings;
  /** null = not known */
  plans: readonly PlanVersion[] | null;
  /** policies in force; one with the id of a checked one is what that replaces */
  inForce: readonly PolicyFile[];
}

/** Of each policy in force both versions that may act: the base, and the candidate on its share. */
export function filesInForce(heads: readonly Pick<PolicyHead, 'base' | 'candidate'>[]): PolicyFile[] {
  return heads.flatMap(({ base, candidate }) =>
    [base, candidate].flatMap((one) => (one === null ? [] : [one.version.file])),
  );
}

/** Tests of one policy to be run. */
export interface TestsTask {
  policy: PolicyFile;
  tests: NamedFile;
  settings: ProviderSettings;
}

/** What running a policy's tests gave. */
export interface TestsRun {
  findings: PolicyFindingView[];
  /** null = they could not be run */
  counts: { passed: number; failed: number } | null;
}

/** How the checks are made; both bounded in time and memory. */
export interface Checks {
  lint(files: readonly NamedFile[], context: CheckContext): Promise<FolderLint>;
  /** in the same order */
  runTests(tasks: readonly TestsTask[]): Promise<TestsRun[]>;
}

/** What became of one policy. */
export interface CheckedPolicy {
  name: string;
  /** as far as it can be read */
  id: string | null;
  /** null = it has errors */
  file: PolicyFile | null;
  findings: PolicyFindingView[];
  /** null = it has none, or errors */
  tests: { passed: number; failed: number } | null;
}

/** What became of all of it. */
export interface CheckedFiles {
  /** null = not given, or with errors: those of the context hold */
  settings: ProviderSettings | null;
  providerFindings: PolicyFindingView[];
  policies: CheckedPolicy[];
}

/** Lint of all, then each policy's tests: a policy with an error or a failing test is not to come into force. */
export async function checkFiles(
  { policies, provider }: PolicyTexts,
  context: CheckContext,
  checks: Checks,
): Promise<CheckedFiles> {
  const names = [...policies.map(({ file }) => file), ...(provider === null ? [] : [provider])];
  const linted = await lintAll(names, context, checks);
  const { settings, findings } = settingsOf(linted, provider);
  const checked = policies.map(({ file, tests }) => ({ one: policyOf(linted, file), tests }));
  const tasks = checked.flatMap(({ one: { file }, tests }): TestsTask[] =>
    file === null || tests === null ? [] : [{ policy: file, tests, settings: settings ?? context.settings }],
  );
  const runs = await checks.runTests(tasks);
  const tested = new Map(tasks.map(({ tests }, i) => [tests.name, runs[i]]));
  return {
    settings,
    providerFindings: findings,
    policies: checked.map(({ one, tests }) =>
      withTests(one, tests === null ? undefined : tested.get(tests.name)),
    ),
  };
}

function withTests(one: CheckedPolicy, run: TestsRun | undefined): CheckedPolicy {
  if (run === undefined) return one;
  const findings = [...one.findings, ...run.findings];
  return { ...one, file: hasErrors(findings) ? null : one.file, findings, tests: run.counts };
}

type Linted = Pick<FolderLint, 'files'>;

/** Where lint of all was ended by its bounds, one by one: a file that nobody can check must not hold up the others. */
async function lintAll(
  files: readonly NamedFile[],
  context: CheckContext,
  { lint }: Checks,
): Promise<Linted> {
  if (files.length === 0) return { files: [] };
  const together = await lint(files, context);
  const wasEnded = together.files.every(({ findings }) => findings.some(({ code }) => code === 'P009'));
  if (!wasEnded || files.length === 1) return together;
  return lintApart(files, context, lint);
}

/** Each alone in its thread, but beside all that can be read and against the settings among them. */
async function lintApart(
  files: readonly NamedFile[],
  context: CheckContext,
  lint: Checks['lint'],
): Promise<Linted> {
  const apart: Linted = { files: [] };
  let { settings } = context;
  for (const file of files.filter(isProvider)) {
    const found = await lint([file], context);
    apart.files.push(...found.files);
    settings = found.provider ?? settings;
  }
  const policies = files.filter((file) => !isProvider(file));
  const readable = policies.flatMap(({ name, bytes }) => {
    const policy = readPolicy(bytes);
    return policy === null ? [] : [{ name, policy }];
  });
  const replaced = new Set(readable.map(({ policy }) => policy.id));
  const standing = context.inForce.filter(({ id }) => !replaced.has(id));
  for (const file of policies) {
    const others = readable.filter(({ name }) => name !== file.name).map(({ policy }) => policy);
    const found = await lint([file], { ...context, settings, inForce: [...standing, ...others] });
    apart.files.push(...found.files);
  }
  return apart;
}

function isProvider({ name }: NamedFile): boolean {
  return name === PROVIDER_FILE;
}

function settingsOf(
  linted: Linted,
  provider: NamedFile | null,
): { settings: ProviderSettings | null; findings: PolicyFindingView[] } {
  if (provider === null) return { settings: null, findings: [] };
  const found = linted.files.find((file) => file.kind === 'provider');
  const findings: PolicyFindingView[] = [...(found?.findings ?? unchecked(provider.name))];
  const settings = found?.kind === 'provider' && !hasErrors(findings) ? found.settings : null;
  if (settings === null) return { settings, findings };
  findings.push(
    ...unreadable(PROVIDER_FILE, () => encodeControl({ kind: 'provider-settings', settings })),
    ...unstorable(PROVIDER_FILE, settings),
  );
  return { settings: hasErrors(findings) ? null : settings, findings };
}

function policyOf(linted: Linted, { name, bytes }: NamedFile): CheckedPolicy {
  const found = linted.files.find((file) => file.name === name);
  const findings: PolicyFindingView[] = [...(found?.findings ?? unchecked(name))];
  const file = found?.kind === 'policy' && !hasErrors(findings) ? found.policy : null;
  if (file !== null) {
    const policy = { policyId: file.id, version: 'x', file };
    findings.push(
      ...unreadable(name, () => encodeControl({ kind: 'policy-version', policy })),
      ...unstorable(name, file),
    );
  }
  const id = file?.id ?? policyIdIn(Buffer.from(bytes).toString('utf8'));
  return { name, id, file: hasErrors(findings) ? null : file, findings, tests: null };
}

/** Nothing is known of it: that is an error of its own. */
function unchecked(name: string): PolicyFindingView[] {
  return [wholeFile(name, 'P009', 'it could not be checked')];
}

/** True where something must be mended. */
export function hasErrors(findings: readonly PolicyFindingView[]): boolean {
  return findings.some(({ severity }) => severity === 'error');
}

/** `file:line:column: text`. */
export function findingText({ file, line, column, code, message }: PolicyFindingView): string {
  return `${file}:${line}:${column}: ${code} ${message}`;
}

/** Id of a policy's text, as far as it can be read. */
export function policyIdIn(text: string): string | null {
  const { root } = new JsonText(text);
  if (root?.type !== 'object') return null;
  const id: unknown = membersOf(root).get('id')?.value.value;
  return typeof id === 'string' ? id.slice(0, 100) : null;
}

/** What the log's readers would refuse must not get in. */
function unreadable(file: string, encode: () => unknown): PolicyFindingView[] {
  try {
    encode();
    return [];
  } catch (error) {
    if (!isAppError(error, 'invalid-input')) throw error;
    return [wholeFile(file, 'P010', error.message)];
  }
}

/** NUL and halves of characters cannot be kept by the database. */
function unstorable(file: string, content: unknown): PolicyFindingView[] {
  const found = /\\u0000|\\ud[89a-f][0-9a-f]{2}/i.exec(JSON.stringify(content).replaceAll('\\\\', ''));
  return found === null ? [] : [wholeFile(file, 'P010', `a text with ${found[0]} cannot be stored`)];
}

function wholeFile(file: string, code: string, message: string): PolicyFindingView {
  return { code, severity: 'error', file, line: 1, column: 1, message, suggestion: null };
}
