import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../../storage/canonical-json.ts';
import { checkPolicyFile } from '../../rules/policy-file.ts';
import type { PolicyFile, PolicyVersion } from '../../schemas/policy.ts';

/** A file of the policies folder that was refused, with every fault. */
export interface RefusedPolicy {
  file: string;
  faults: string[];
}

/** Largest policy file that is read. */
const MAX_POLICY_BYTES = 256 * 1024;

/**
 * Reads and checks every policy of a folder (`*.json` but not `*.test.json`). A file with faults is refused whole;
 * the others load. A folder that does not exist holds no policies.
 */
export async function loadPolicies(
  folder: string,
): Promise<{ policies: PolicyVersion[]; refused: RefusedPolicy[] }> {
  const policies: PolicyVersion[] = [];
  const refused: RefusedPolicy[] = [];
  for (const name of await policyFiles(folder)) {
    const checked = readPolicy(await readFile(join(folder, name)));
    if ('faults' in checked) refused.push({ file: name, faults: checked.faults });
    else if (policies.some(({ policyId }) => policyId === checked.file.id)) {
      refused.push({ file: name, faults: [`another file has the id ${checked.file.id}`] });
    } else policies.push(policyVersion(checked.file));
  }
  return { policies, refused };
}

/** A policy's version: the SHA-256 of its content with keys in order, so that formatting makes no version. */
export function policyVersion(file: PolicyFile): PolicyVersion {
  const { $schema: _editorHint, ...content } = file;
  const version = createHash('sha256').update(canonicalJson(content)).digest('hex');
  return { policyId: file.id, version, file: content };
}

function readPolicy(bytes: Buffer): { file: PolicyFile } | { faults: string[] } {
  if (bytes.length > MAX_POLICY_BYTES) return { faults: [`larger than ${MAX_POLICY_BYTES} bytes`] };
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    return { faults: [error instanceof Error ? error.message : String(error)] };
  }
  const checked = checkPolicyFile(value);
  return 'file' in checked
    ? checked
    : { faults: checked.faults.map(({ path, message }) => `${path}: ${message}`) };
}

async function policyFiles(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names.filter((name) => name.endsWith('.json') && !name.endsWith('.test.json')).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
