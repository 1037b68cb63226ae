import type { ActionKind, ActionState, ConditionResult, DesiredState, Speed } from './action.ts';
import type { OutcomeCounts } from './outcome.ts';
import type { SubscriberTariffView } from './tariff-views.ts';

/** Progress of one log partition that this process owns. */
export interface PartitionView {
  partition: number;
  /** next offset to fold */
  position: number;
  /** end of the log as last seen */
  highWatermark: number;
  /** entries between the two */
  lag: number;
  /** event time that has been reached, ISO 8601 UTC; null = nothing yet */
  watermark: string | null;
  /** `loading`: its state is not in memory, since it is just being read or a store does not answer */
  status: 'running' | 'loading' | 'halted' | 'egress-held';
  /** why it halted or is held; null while running or loading */
  reason: string | null;
}

/** What is going on, at a glance. */
export interface OverviewView {
  version: string;
  startedAt: string;
  /** accounting records a second over the last 10 s */
  recordsPerSecond: number;
  /** records in by outcome, since the state began */
  outcomes: OutcomeCounts;
  subscribers: number;
  openSessions: number;
  throttledSubscribers: number;
  lag: number;
  partitions: PartitionView[];
  actions: Record<ActionState, number>;
  recentActions: ActionView[];
  /** rows waiting for ClickHouse and how long the oldest has waited, seconds */
  flush: { backlogRows: number; lagSeconds: number };
}

export interface ActionView {
  id: string;
  kind: ActionKind;
  subscriberId: string;
  policyId: string;
  policyVersion: string;
  rule: string;
  state: ActionState;
  detail: string;
  attempts: number;
  desired: DesiredState;
  /** event time, ISO 8601 UTC */
  decidedAt: string;
  updatedAt: string;
  explanation: ConditionResult[];
}

/** Octets as decimal text: they may exceed what JSON numbers hold safely. */
export interface BytesView {
  downBytes: string;
  upBytes: string;
}

/** The cycle that runs, as of the last commit. */
export interface RunningCycleView extends BytesView {
  start: string;
  end: string;
  /** what counts against the cap */
  countedBytes: string;
  /** cap, what was carried over, and top-ups: what it may use for nothing; null = no limit */
  allowanceBytes: string | null;
  /** of the top-ups that are live */
  topUpRemainingBytes: string;
  capUsedPercent: number | null;
  /** stretches with one plan each, where there is more than one */
  parts: (BytesView & { from: string; to: string; planId: string | null; unlimited: boolean })[];
}

/** One subscriber as support sees it. */
export interface SubscriberView {
  subscriberId: string;
  userName: string | null;
  segment: string | null;
  plan: { planId: string; capBytes: string | null; downBps: number; upBps: number } | null;
  cycle: RunningCycleView | null;
  previousCycles: (BytesView & { start: string; end: string })[];
  /** 5-minute windows of the last hour of event time, newest first */
  windows: (BytesView & { start: string; nasId: string; serviceClass: string })[];
  sessions: (BytesView & {
    nasId: string;
    sessionId: string;
    framedIp: string | null;
    start: string;
    startEstimated: boolean;
    lastEvent: string;
  })[];
  /** the effective speed and why */
  speed: Speed & { reason: string };
  actions: ActionView[];
  /** what it has and who pays; absent = nothing is stored of it, or nobody asks */
  tariff?: SubscriberTariffView;
}

/** Liveness by progress: a partition with lag whose position has not moved for a while is stuck. */
export interface HealthView {
  ok: boolean;
  /** what is wrong, one line each; empty when ok */
  problems: string[];
}
