import type { AnalyticsBatch, FeedQualityRow } from '../../storage/analytics-ports.ts';
import type { OneShotRow } from '../fold/effects.ts';
import type { WindowTotal } from '../fold/slot-state.ts';

/** Rows of analytics for committed window totals and one-shot rows of one partition. Copies: the state goes on changing. */
export function toAnalytics(
  partition: number,
  windows: Iterable<WindowTotal>,
  oneShots: Iterable<OneShotRow>,
  feeds: readonly FeedQualityRow[],
): AnalyticsBatch {
  const batch: AnalyticsBatch = { windows: [], late: [], sessions: [], feeds: [...feeds] };
  for (const total of windows) {
    batch.windows.push({
      partition,
      subscriberId: total.subscriberId,
      windowStartMs: total.startMs,
      serviceClass: total.serviceClass,
      nasId: total.nasId,
      planId: total.planId,
      downBytes: total.down,
      upBytes: total.up,
      estimated: total.estimated,
      version: total.version,
    });
  }
  for (const row of oneShots) {
    if (row.kind === 'late') {
      const { offset, subscriberId, fromMs, toMs, serviceClass, nasId, planId } = row;
      const bytes = { downBytes: row.down, upBytes: row.up };
      batch.late.push({
        partition,
        offset,
        subscriberId,
        fromMs,
        toMs,
        serviceClass,
        nasId,
        planId,
        ...bytes,
      });
    } else if (row.kind === 'feed') {
      batch.feeds.push(row.row);
    } else {
      batch.sessions.push({
        partition,
        subscriberId: row.subscriberId,
        nasId: row.nasId,
        sessionId: row.sessionId,
        serviceName: row.service,
        startMs: row.startMs,
        endMs: row.endMs,
        downBytes: row.down,
        upBytes: row.up,
        terminateCause: row.cause,
        version: row.version,
      });
    }
  }
  return batch;
}
