import type { SlotReport } from '../pipeline/snapshot/inspect-slot.ts';
import type { RebuildReport } from '../pipeline/snapshot/rebuild.ts';
import type { StoredSnapshot } from '../storage/snapshot-ports.ts';

/** What is stored of one partition, for a terminal. */
export function slotText(report: SlotReport): string {
  const { slot, core, position } = report;
  const lines = [
    `partition    ${count(slot.partition)} of ${slot.topic}, group ${slot.group}`,
    `position     ${position === null ? 'none: the slot is empty' : count(position)}`,
  ];
  if (report.rebuilding) lines.push('rebuilding   yes, or interrupted: run weir state rebuild');
  if (report.problem !== null) lines.push(`unreadable   ${report.problem}`);
  if (core !== null) {
    lines.push(
      `watermark    ${core.watermarkMs === 0 ? 'none yet' : instant(core.watermarkMs)}`,
      `subscribers  ${count(core.subscribers)}, ${count(core.throttled)} throttled; ${count(core.openSessions)} open sessions`,
      `version      ${count(core.stateVersion)}; made for ${count(core.partitionCount)} partitions, ${count(core.bucketCount)} buckets`,
      `controls     ${count(core.controlsFolded)}`,
    );
  }
  const catalogue = Object.entries(report.catalogue).map(([kind, entries]) => `${count(entries)} ${kind}`);
  lines.push(
    `windows      ${count(report.windows)} with ${count(report.windowRows)} rows; ${count(report.otherRows)} other rows`,
    `outbox       ${count(report.outbox)} not delivered`,
    `due          ${count(report.due)}`,
    `values       ${count(report.values)}, ${megabytes(report.valueBytes)}`,
    `catalogue    ${catalogue.length === 0 ? 'none' : catalogue.join(', ')}`,
  );
  return joined(lines);
}

/** Snapshots for a terminal, newest first. */
export function snapshotsText(snapshots: readonly StoredSnapshot[]): string {
  if (snapshots.length === 0) return 'no snapshots yet\n';
  return joined(
    snapshots.map(
      ({ slot, position, takenAtMs, bytes, place }) =>
        `partition ${count(slot.partition)}  position ${count(position)}  ${instant(takenAtMs)}  ${megabytes(bytes)}  ${place}`,
    ),
  );
}

/** What a rebuild did to one partition. */
export function rebuiltText(report: RebuildReport): string {
  const { partition, snapshot, skipped, position, toReplay, missing } = report;
  const from =
    snapshot === null
      ? 'emptied, it begins at the log'
      : `restored from ${snapshot.place} of ${instant(snapshot.takenAtMs)}`;
  return joined([
    ...skipped.map(({ place, why }) => `partition ${count(partition)}: passed over ${place}: ${why}`),
    `partition ${count(partition)}: ${from}; position ${count(position)}, ${count(toReplay)} entries to replay`,
    ...(missing === 0
      ? []
      : [
          `partition ${count(partition)}: what the first ${count(missing)} entries held is missing, usage and profiles alike`,
        ]),
  ]);
}

function count(value: number): string {
  return String(value);
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(2)} MB`;
}

/** One string; control characters that names may carry must not reach the terminal. */
function joined(lines: readonly string[]): string {
  // eslint-disable-next-line no-control-regex -- they are what is taken out
  return `${lines.map((line) => line.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')).join('\n')}\n`;
}
