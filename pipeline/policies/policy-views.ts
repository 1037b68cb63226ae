import type { PolicyFile } from '../../schemas/policy.ts';
import type {
  PolicyChangeView,
  PolicyContentView,
  PolicyInForceView,
  PolicyVersionView,
  PolicyView,
  ShadowReportView,
  ShadowSampleView,
} from '../../schemas/policy-views.ts';
import type {
  FolderReport,
  PartitionPolicies,
  PoliciesOfSlot,
  PolicyChange,
  PolicyHead,
  RefusedFile,
  ShadowComparison,
  ShadowSample,
  StoredPolicyVersion,
} from '../../storage/policy-ports.ts';

/** One policy at a glance: what is in force, and on how many partitions that is so. */
export function policyView(
  head: PolicyHead,
  partitions: readonly PartitionPolicies[],
  refused: readonly RefusedFile[],
): PolicyView {
  const { policyId, base, candidate, newest, folderVersion } = head;
  const running = partitions.map(
    ({ policies }): PoliciesOfSlot => policies[policyId] ?? { base: null, candidate: null },
  );
  const versions = { base: base?.version.version ?? null, candidate: candidate?.version.version ?? null };
  const inForce = [versions.base, versions.candidate];
  const shown = candidate ?? base;
  return {
    id: policyId,
    description: (shown?.version ?? newest).file.description,
    base: inForceView(base, running.filter((one) => one.base === versions.base).length),
    candidate: inForceView(candidate, running.filter((one) => one.candidate === versions.candidate).length),
    elsewhere: running.filter((one) => one.base !== versions.base || one.candidate !== versions.candidate)
      .length,
    waiting: running.filter(({ waits }) => waits === true).length,
    newest: inForce.includes(newest.version) ? null : newest.version,
    folderVersion: folderVersion === null || inForce.includes(folderVersion) ? null : folderVersion,
    faults: refused.filter((file) => file.policyId === policyId).flatMap(({ faults }) => faults),
  };
}

function inForceView(inForce: PolicyHead['base'], partitions: number): PolicyInForceView | null {
  if (inForce === null) return null;
  const { version, change } = inForce;
  const { by, source, comment } = change;
  const { mode } = version.file;
  return {
    version: version.version,
    ...{ mode, percent: percentOf(version.file) },
    publishedAt: instant(change.atMs),
    ...{ by, source, comment, partitions },
  };
}

/** Refused files of all folders; what several processes found alike is told once. */
export function refusedOf(folders: readonly FolderReport[]): RefusedFile[] {
  const found = new Map<string, RefusedFile>();
  for (const { refused } of folders) for (const file of refused) found.set(JSON.stringify(file), file);
  return [...found.values()];
}

/** A version without its content. */
export function versionView({
  version,
  file,
  storedAtMs,
  by,
  source,
  comment,
}: StoredPolicyVersion): PolicyVersionView {
  const { mode, description } = file;
  return {
    version,
    mode,
    percent: percentOf(file),
    description,
    storedAt: instant(storedAtMs),
    by,
    source,
    comment,
  };
}

/** A version with its content. */
export function contentView(version: StoredPolicyVersion): PolicyContentView {
  return { ...versionView(version), id: version.policyId, file: version.file };
}

export function changeView({
  kind,
  base,
  candidate,
  atMs,
  by,
  source,
  comment,
}: PolicyChange): PolicyChangeView {
  return { at: instant(atMs), kind, base, candidate, by, source, comment };
}

/** What a policy in shadow did beside the live one. */
export function shadowReportView(
  id: string,
  versions: readonly string[],
  sinceMs: number,
  comparison: ShadowComparison,
): ShadowReportView {
  const { gainedSamples, lostSamples, ...counts } = comparison;
  return {
    id,
    versions: [...versions],
    since: instant(sinceMs),
    ...counts,
    gainedSamples: gainedSamples.map(sampleView),
    lostSamples: lostSamples.map(sampleView),
  };
}

function sampleView({ decidedAtMs, ...sample }: ShadowSample): ShadowSampleView {
  return { ...sample, decidedAt: instant(decidedAtMs) };
}

function percentOf({ mode, percent }: PolicyFile): number | null {
  return mode === 'percent' ? (percent ?? 0) : null;
}

export function instant(ms: number): string {
  return new Date(ms).toISOString();
}
