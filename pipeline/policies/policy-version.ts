import { createHash } from 'node:crypto';
import type { PolicyFile, PolicyVersion } from '../../schemas/policy.ts';
import { canonicalJson } from '../../storage/canonical-json.ts';

/** A policy's version: the SHA-256 of its content with keys in order, so that formatting makes no version. */
export function policyVersion(file: PolicyFile): PolicyVersion {
  const { $schema: _editorHint, ...content } = file;
  const version = createHash('sha256').update(canonicalJson(content)).digest('hex');
  return { policyId: file.id, version, file: content };
}

/** The same rules in another mode. `percent` goes with mode percent only. */
export function inMode(file: PolicyFile, mode: PolicyFile['mode'], percent: number | null): PolicyFile {
  const { percent: before, ...rest } = file;
  const share = percent ?? before;
  return mode === 'percent' && share !== undefined ? { ...rest, mode, percent: share } : { ...rest, mode };
}
