import { noOutcomes } from '../schemas/outcome.ts';
import type { ActionView, OverviewView, SubscriberView } from '../schemas/views.ts';

/** Views with every field filled, for tests. */
export function actionView(): ActionView {
  return {
    id: 'a1',
    kind: 'throttle',
    subscriberId: 's1',
    policyId: 'home-fup',
    policyVersion: 'v1',
    rule: 'cap',
    state: 'delivered',
    detail: 'CoA-ACK',
    attempts: 1,
    desired: { state: 'throttle', downBps: 2_000_000, upBps: 1_000_000, profile: null },
    decidedAt: '2025-01-01T00:00:00.000Z',
    updatedAt: '2025-01-01T00:00:01.000Z',
    explanation: [
      { fact: 'capUsedPercent', operator: 'greaterThan', expected: 100, actual: 101.5, result: true },
    ],
  };
}

export function overviewView(): OverviewView {
  return {
    version: '0.1.0',
    startedAt: '2025-01-01T00:00:00.000Z',
    recordsPerSecond: 12.5,
    outcomes: { ...noOutcomes(), metered: 1000 },
    subscribers: 500,
    openSessions: 731,
    throttledSubscribers: 9,
    lag: 3,
    partitions: [
      {
        partition: 0,
        position: 10,
        highWatermark: 13,
        lag: 3,
        watermark: '2025-01-01T00:00:00.000Z',
        status: 'running',
        reason: null,
      },
      {
        partition: 1,
        position: 0,
        highWatermark: 0,
        lag: 0,
        watermark: null,
        status: 'halted',
        reason: 'tail lost',
      },
    ],
    actions: {
      pending: 0,
      sending: 0,
      delivered: 9,
      rejected: 0,
      unknown: 0,
      held: 0,
      superseded: 0,
      dead: 0,
    },
    recentActions: [actionView()],
    flush: { backlogRows: 0, lagSeconds: 0.4 },
  };
}

export function subscriberView(subscriberId: string): SubscriberView {
  const bytes = { downBytes: '9007199254740993', upBytes: '1' };
  const start = '2025-01-01T00:00:00.000Z';
  const end = '2025-02-01T00:00:00.000Z';
  return {
    subscriberId,
    userName: 'alice@example.net',
    segment: 'home',
    plan: { planId: 'p1', capBytes: '50000000000', downBps: 500_000_000, upBps: 50_000_000 },
    cycle: {
      ...{ ...bytes, start, end, countedBytes: '9007199254740994', capUsedPercent: 101.5 },
      ...{ allowanceBytes: '9007199254740995', topUpRemainingBytes: '0' },
      parts: [{ ...bytes, from: start, to: end, planId: 'home', unlimited: false }],
    },
    previousCycles: [{ ...bytes, start, end }],
    windows: [{ ...bytes, start, nasId: 'n1', serviceClass: 'internet' }],
    sessions: [
      {
        ...bytes,
        nasId: 'n1',
        sessionId: 'x',
        framedIp: null,
        start,
        startEstimated: false,
        lastEvent: start,
      },
    ],
    speed: { downBps: 2_000_000, upBps: 1_000_000, reason: 'home-fup/cap' },
    actions: [actionView()],
  };
}
