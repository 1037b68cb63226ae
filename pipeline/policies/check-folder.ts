import type { NamedFile } from '../../rules/lint/lint-folder.ts';
import { PROVIDER_FILE } from '../../rules/lint/lint-folder.ts';
import type { PolicyVersion } from '../../schemas/policy.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import type { RefusedFile } from '../../storage/policy-ports.ts';
import { findingText, hasErrors, policyIdIn } from './check-files.ts';
import type { PolicyFindingView } from '../../schemas/policy-views.ts';
import type { CheckedFiles, PolicyTexts } from './check-files.ts';
import type { FolderFiles } from './read-folder.ts';
import { MAX_FILE_BYTES } from './read-folder.ts';
import { policyVersion } from './policy-version.ts';

const TESTS = '.test.json';
const TOO_LARGE = `larger than ${MAX_FILE_BYTES} bytes`;
/** Faults of one file that are kept. */
const MAX_FAULTS = 20;

/** What of a folder may come into force, and what not. */
export interface FolderVerdict {
  settings: ProviderSettings | null;
  policies: PolicyVersion[];
  refused: RefusedFile[];
  /** `file:line:column: text` */
  warnings: string[];
  /** files that were looked at */
  files: number;
}

/** A folder's files by what they are; what is too large to be looked at is refused, and whose tests cannot be run. */
export function sortFiles({ files, unreadable, unsettled }: FolderFiles): {
  texts: PolicyTexts;
  refused: RefusedFile[];
} {
  const refused: RefusedFile[] = [];
  const texts = new Map<string, NamedFile>();
  for (const [name, bytes] of files) {
    if (bytes !== null) texts.set(name, { name, bytes });
    else refused.push({ file: name, policyId: null, faults: [`${name}:1:1: P001 ${TOO_LARGE}`] });
  }
  const policies: PolicyTexts['policies'] = [];
  for (const [name, file] of texts) {
    if (name === PROVIDER_FILE || name.endsWith(TESTS)) continue;
    const tests = `${name.slice(0, -'.json'.length)}${TESTS}`;
    const code = unreadable.get(tests);
    const why = files.get(tests) === null ? TOO_LARGE : code === undefined ? null : `cannot be read: ${code}`;
    if (why !== null) refused.push(untestable(file, `${tests}: ${why}`));
    // A policy waits for its tests: half of what somebody saves is not what he means.
    else if (!unsettled.includes(tests)) policies.push({ file, tests: texts.get(tests) ?? null });
  }
  return { texts: { policies, provider: texts.get(PROVIDER_FILE) ?? null }, refused };
}

/** Under its own id, or nobody who asks for the policy would hear that its file is not in force. */
function untestable({ name, bytes }: NamedFile, why: string): RefusedFile {
  const policyId = policyIdIn(Buffer.from(bytes).toString('utf8'));
  return { file: name, policyId, faults: [`${name}:1:1: its tests cannot be run: ${why}`] };
}

/** What the checks say of a folder. Of one policy id the first file counts, by name. */
export function verdictOf(
  checked: CheckedFiles,
  refused: readonly RefusedFile[],
  files: number,
): FolderVerdict {
  const all = [...refused];
  const policies: PolicyVersion[] = [];
  const warnings = checked.providerFindings.filter(isWarning).map(findingText);
  if (hasErrors(checked.providerFindings))
    all.push({ file: PROVIDER_FILE, policyId: null, faults: faultsOf(checked.providerFindings) });
  for (const { name, id, file, findings } of checked.policies) {
    warnings.push(...findings.filter(isWarning).map(findingText));
    const twin = file === null ? undefined : policies.find(({ policyId }) => policyId === file.id);
    if (file === null) all.push({ file: name, policyId: id, faults: faultsOf(findings) });
    else if (twin !== undefined)
      all.push({
        file: name,
        policyId: file.id,
        faults: [`${name}:1:1: another file has the id ${file.id}`],
      });
    else policies.push(policyVersion(file));
  }
  return { settings: checked.settings, policies, refused: all, warnings, files };
}

function isWarning({ severity }: PolicyFindingView): boolean {
  return severity === 'warning';
}

function faultsOf(findings: readonly PolicyFindingView[]): string[] {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const more = errors.length - MAX_FAULTS;
  const shown = errors.slice(0, MAX_FAULTS).map(findingText);
  return more > 0 ? [...shown, `and ${more} more`] : shown;
}
