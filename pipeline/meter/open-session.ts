import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { Session } from '../fold/slot-state.ts';
import { classOf } from './claim.ts';
import type { MeterContext, SessionClaim } from './claim.ts';

/** A session nobody has seen before; not yet among the subscriber's, its totals not yet taken in. */
export function openSession(
  claim: SessionClaim,
  event: UsageEvent,
  startMs: number,
  startKnown: boolean,
  { nas }: MeterContext,
): Session {
  return {
    nasId: claim.nasId,
    group: claim.group,
    sessionId: claim.sessionId,
    service: claim.service,
    serviceClass: classOf(event, nas),
    nasIp: event.nasIp,
    framedIp: event.framedIp,
    multiId: claim.multiId,
    // Under any other rule a child's octets count like everybody's.
    parentId: nas.subSessions === 'split' ? claim.parentId : '',
    startMs,
    startEstimated: !startKnown,
    lastEventMs: claim.atMs,
    counted: { down: 0, up: 0 },
    level: { down: 0, up: 0 },
    candidate: null,
    restart: null,
    absurd: false,
    moved: { down: 0, up: 0 },
    lastStatus: claim.status,
    lastSessionTime: claim.sessionTimeSeconds ?? -1,
    closedMs: null,
    closedBy: null,
  };
}

/** True where Weir was put on a live network: what an unknown session carried before its feed counts was charged elsewhere (12). */
export function beginsBeforeCount(
  claim: SessionClaim,
  startMs: number,
  { countFromMs }: MeterContext,
): boolean {
  return countFromMs !== null && !claim.isStart && startMs < countFromMs;
}
