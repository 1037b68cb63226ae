/** How long a log keeps its records. */
export interface LogRetention {
  /** null = for ever */
  ms: number | null;
  /** of one partition; null = any number */
  bytes: number | null;
  /** older records of a key are dropped whatever their age */
  compacted: boolean;
}

/** A snapshot is of use while the log holds everything after it; three, so that the older one of the two still is. */
const INTERVALS = 3;

/**
 * What stands against rebuilding the state from a snapshot and this log; one line each that says what to do.
 *
 * @param intervalMs between two snapshots of a partition, by the log's clock; null = none are written
 */
export function retentionWarnings(
  topic: string,
  retention: LogRetention,
  intervalMs: number | null,
): string[] {
  const warnings: string[] = [];
  if (retention.compacted) {
    warnings.push(
      `topic ${topic} is compacted: all but the last record of a key are dropped, and usage with them; set cleanup.policy=delete`,
    );
  }
  if (retention.bytes !== null) {
    warnings.push(
      `topic ${topic} keeps ${String(retention.bytes)} bytes a partition (retention.bytes), however few hours that is: ` +
        'set retention.bytes=-1 and bound it by time',
    );
  }
  if (intervalMs !== null && retention.ms !== null && retention.ms < INTERVALS * intervalMs) {
    warnings.push(
      `topic ${topic} keeps records for ${hours(retention.ms)}, and snapshots come every ${hours(intervalMs)}: the state cannot ` +
        `be rebuilt from an older snapshot; keep records for ${hours(INTERVALS * intervalMs)} or more (retention.ms in Kafka, ` +
        'else WEIR_LOG_RETENTION_DAYS), or set WEIR_SNAPSHOT_HOURS lower',
    );
  }
  return warnings;
}

/** Said at start where no snapshots are written. */
export const NO_SNAPSHOTS =
  'no snapshots of the state are written: losing the state store means computing it anew from the whole log, ' +
  'as far as that is kept; set SNAPSHOT_URL to a folder that all workers share';

function hours(ms: number): string {
  return `${String(Math.round((ms / 3_600_000) * 100) / 100)} h`;
}
