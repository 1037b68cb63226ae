import type { ActionIntent, ShadowDecision } from '../../schemas/action.ts';
import type { TimelineAction, TimelineEntry } from '../../schemas/timeline-views.ts';
import type { ClosedCycle, UsageAdjustment } from '../../schemas/usage-record.ts';
import type { SessionRow, UsageLateRow } from '../../storage/analytics-ports.ts';
import type { AuditEntry } from '../../storage/history-ports.ts';
import type { PolicyChange } from '../../storage/policy-ports.ts';
import type { LedgerAction } from '../../storage/ports.ts';
import type { Session } from '../fold/slot-state.ts';
import { desiredWords, durationWords, shortVersion, sizeWords, usageWords } from './explain-words.ts';

/** ms since 1970 UTC as ISO 8601. */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** An action with why and what came of it; nothing personal of the intent. */
export function timelineAction({ intent, ...action }: LedgerAction): TimelineAction {
  return {
    id: intent.id,
    action: intent.kind,
    policyId: intent.policyId,
    policyVersion: intent.policyVersion,
    rule: intent.rule,
    desired: intent.desired,
    state: action.state,
    detail: action.detail,
    attempts: action.attempts,
    updatedAt: iso(action.updatedAtMs),
    partition: intent.partition,
    offset: intent.offset,
    explanation: intent.explanation,
  };
}

/** Likewise as an entry. */
export function actionEntry(action: LedgerAction): TimelineEntry {
  const { intent, state, detail, attempts } = action;
  const version = intent.policyVersion === '' ? '' : ` (version ${shortVersion(intent.policyVersion)})`;
  const attempt = attempts > 1 ? ` after ${attempts} attempts` : '';
  const answer = detail === '' ? state : `${state}${attempt}: ${detail}`;
  return {
    at: iso(intent.decidedAtMs),
    kind: 'action',
    text: `${intentWords(intent)} by ${intent.policyId}/${intent.rule}${version}; ${answer}`,
    ...timelineAction(action),
  };
}

function intentWords(intent: ActionIntent): string {
  switch (intent.kind) {
    case 'restore':
      return `restore to ${desiredWords(intent.desired)}`;
    case 'notify':
      return intent.notice === null
        ? 'notice'
        : `notice ${intent.notice.template} (${intent.notice.channel})`;
    case 'overage': {
      if (intent.overage === null) return 'paid block';
      const { block, blockBytes, priceMinor, currency } = intent.overage;
      return `paid block ${block}, ${sizeWords(blockBytes)} for ${moneyWords(priceMinor, currency)}`;
    }
    case 'topup':
      return `top-up ${intent.topUp?.productId ?? ''}`;
    default:
      return desiredWords(intent.desired);
  }
}

/** Minor units as they are: how many make a whole differs by currency. */
function moneyWords(minor: number, currency: string): string {
  return `${minor} minor units of ${currency}`;
}

/** What a policy in shadow would have done. */
export function shadowEntry(decision: ShadowDecision): TimelineEntry {
  const { policyId, policyVersion, rule, began, event, explanation } = decision;
  // It ended because its version is no longer in shadow.
  const version = policyVersion === '' ? 'no longer in shadow' : `version ${shortVersion(policyVersion)}`;
  const what = `${event ?? 'what it did'} by ${policyId}/${rule} (${version})`;
  return {
    at: iso(decision.decidedAtMs),
    kind: 'shadow',
    text: `shadow: ${what} would ${began ? 'begin' : 'end'}; nothing is sent`,
    policyId,
    policyVersion,
    rule,
    began,
    event,
    explanation,
  };
}

/** A session's beginning, of one that is closed or one that is open. */
export function sessionStartEntry(
  session: Pick<Session, 'nasId' | 'sessionId' | 'startMs'> & { startEstimated?: boolean },
  open: boolean,
): TimelineEntry {
  const { nasId, sessionId, startMs, startEstimated: estimated = false } = session;
  const began = estimated ? 'began about now' : 'began';
  return {
    at: iso(startMs),
    kind: 'session-start',
    text: `session ${sessionId} ${began} on ${nasId}${open ? '; it is open' : ''}`,
    nasId,
    sessionId,
    estimated,
    open,
  };
}

export function sessionEndEntry(row: SessionRow): TimelineEntry {
  const { nasId, sessionId, startMs, endMs, downBytes, upBytes, terminateCause: cause } = row;
  const lasted = durationWords(endMs - startMs);
  return {
    at: iso(endMs),
    kind: 'session-end',
    text: `session ${sessionId} ended on ${nasId} after ${lasted}: ${usageWords(downBytes, upBytes)}${cause === '' ? '' : ` (${cause})`}`,
    nasId,
    sessionId,
    start: iso(startMs),
    cause,
    ...bytesView(downBytes, upBytes),
  };
}

export function lateEntry({ fromMs, toMs, serviceClass, downBytes, upBytes }: UsageLateRow): TimelineEntry {
  const of = serviceClass === '' ? '' : ` of ${serviceClass}`;
  return {
    at: iso(fromMs),
    kind: 'late-usage',
    text: `arrived late: ${usageWords(downBytes, upBytes)}${of}, used within ${durationWords(toMs - fromMs)}`,
    from: iso(fromMs),
    to: iso(toMs),
    serviceClass,
    ...bytesView(downBytes, upBytes),
  };
}

/** A cycle that ended, as it went to billing. */
export function closedCycleEntry({ cycleStartMs, cycleEndMs, classes }: ClosedCycle): TimelineEntry {
  let [down, up] = [0, 0];
  for (const { downBytes, upBytes } of classes) {
    down += downBytes;
    up += upBytes;
  }
  return cycleEntry(cycleStartMs, cycleEndMs, down, up, true);
}

export function cycleEntry(
  startMs: number,
  endMs: number,
  down: number,
  up: number,
  closed: boolean,
): TimelineEntry {
  const billed = closed ? '; its totals went to billing' : '; late usage may still come';
  return {
    at: iso(endMs),
    kind: 'cycle-end',
    text: `billing cycle ended and the next began: ${usageWords(down, up)}${billed}`,
    start: iso(startMs),
    end: iso(endMs),
    closed,
    ...bytesView(down, up),
  };
}

export function adjustmentEntry(atMs: number, adjustment: UsageAdjustment): TimelineEntry {
  const { reason, detail, cycleStartMs, cycleEndMs, downBytes, upBytes } = adjustment;
  return {
    at: iso(atMs),
    kind: 'adjustment',
    text: `billing was told of ${usageWords(downBytes, upBytes)} in a cycle (${reason}: ${detail})`,
    reason,
    detail,
    cycleStart: iso(cycleStartMs),
    cycleEnd: iso(cycleEndMs),
    ...bytesView(downBytes, upBytes),
  };
}

/** An operator's command, as the audit has it. */
export function commandEntry({ atMs, who, action, content }: AuditEntry): TimelineEntry {
  return {
    at: iso(atMs),
    kind: 'command',
    text: `${who ?? 'somebody'} asked: ${commandWords(action, content)}`,
    command: action,
    by: who,
  };
}

function commandWords(action: string, content: unknown): string {
  const { sessionId, nasId, downBytes, upBytes, reason } = (content ?? {}) as Record<string, unknown>;
  switch (action) {
    case 'close-session':
      return `close session ${String(sessionId)} on ${String(nasId)}`;
    case 'adjust':
      return `adjust usage by ${usageWords(Number(downBytes), Number(upBytes))} (${String(reason)})`;
    case 're-evaluate':
      return 'evaluate the policies anew';
    default:
      return action;
  }
}

const CHANGES = { publish: 'published', rollback: 'rolled back', withdraw: 'withdrawn' } as const;

export function policyChangeEntry(change: PolicyChange): TimelineEntry {
  const { policyId, kind, base, candidate, atMs, by, comment } = change;
  const versions = [
    ...(base === null ? [] : [`version ${shortVersion(base)} decides`]),
    ...(candidate === null ? [] : [`candidate ${shortVersion(candidate)}`]),
  ];
  const now = versions.length === 0 ? 'nothing is in force' : versions.join(', ');
  return {
    at: iso(atMs),
    kind: 'policy-change',
    text: `policy ${policyId} ${CHANGES[kind]} by ${by ?? 'somebody'}: ${now}${comment === '' ? '' : ` (${comment})`}`,
    policyId,
    change: kind,
    base,
    candidate,
    by,
  };
}

/** Octets as decimal text; whole numbers, also negative ones. */
export function bytesView(down: number, up: number): { downBytes: string; upBytes: string } {
  return { downBytes: String(down), upBytes: String(up) };
}
