import type { ExplainView, TimelineEntry, TimelineView } from '../schemas/timeline-views.ts';
import type { TimelineViews } from './routes/timeline.ts';

const NOON = '2025-01-12T12:00:00.000Z';
const BYTES = { downBytes: '9007199254740993', upBytes: '1' };
const DESIRED = { state: 'throttle', downBps: 2_000_000, upBps: 512_000, profile: null } as const;
const REASON = {
  fact: 'capUsedPercent',
  operator: 'greaterThanInclusive',
  expected: 100,
  actual: 101.5,
  result: true,
};
const ACTION = {
  id: 'a1',
  action: 'throttle',
  policyId: 'home-fup',
  policyVersion: 'c'.repeat(64),
  rule: 'slow-at-cap',
  desired: DESIRED,
  state: 'delivered',
  detail: 'CoA-ACK',
  attempts: 1,
  updatedAt: '2025-01-12T12:00:01.000Z',
  partition: 3,
  offset: 41,
  explanation: [REASON],
} as const;

/** An entry of every kind, the newest first. */
export function timelineEntries(): TimelineEntry[] {
  const at = NOON;
  const policy = { policyId: 'home-fup', rule: 'slow-at-cap', policyVersion: 'c'.repeat(64) };
  const session = { nasId: 'bras-1', sessionId: 'S-1' };
  return [
    {
      at,
      kind: 'usage',
      text: '1.000 GB down',
      from: NOON,
      to: NOON,
      estimated: true,
      ...BYTES,
      classes: [{ serviceClass: 'video', ...BYTES }],
    },
    { at, kind: 'late-usage', text: 'arrived late', from: NOON, to: NOON, serviceClass: '', ...BYTES },
    { at, kind: 'session-start', text: 'began', ...session, estimated: false, open: true },
    { at, kind: 'session-end', text: 'ended', ...session, start: NOON, cause: 'stop', ...BYTES },
    { at, kind: 'cycle-end', text: 'cycle ended', start: NOON, end: NOON, closed: true, ...BYTES },
    {
      at,
      kind: 'action',
      text: 'throttle to 2/0.512 Mbit/s; delivered: CoA-ACK',
      ...ACTION,
      explanation: [REASON],
    },
    {
      at,
      kind: 'shadow',
      text: 'shadow: would begin',
      ...policy,
      began: true,
      event: null,
      explanation: [REASON],
    },
    {
      at,
      kind: 'adjustment',
      text: 'billing was told',
      reason: 'operator',
      detail: 'credit',
      cycleStart: NOON,
      cycleEnd: NOON,
      downBytes: '-5',
      upBytes: '0',
    },
    { at, kind: 'command', text: 'anna asked', command: 'adjust', by: null },
    {
      at,
      kind: 'policy-change',
      text: 'published',
      policyId: 'home-fup',
      change: 'publish',
      base: 'v1',
      candidate: null,
      by: 'anna',
    },
    { at, kind: 'profile', text: 'plan begins', what: 'plan', name: 'home-100', begins: true },
  ];
}

export function timelineView(subscriberId: string): TimelineView {
  return {
    subscriberId,
    zone: 'Europe/Berlin',
    from: NOON,
    to: NOON,
    entries: timelineEntries(),
    next: `${Date.parse(NOON)}.1`,
  };
}

export function explainView(subscriberId: string): ExplainView {
  const comparison = {
    fact: 'capUsedPercent',
    operator: 'greaterThanInclusive',
    expected: 100,
    actual: 101.5,
  };
  return {
    subscriberId,
    zone: 'Europe/Berlin',
    at: NOON,
    basis: 'stored',
    notes: ['No record has been read yet.'],
    desired: DESIRED,
    because: 'home-fup/slow-at-cap acts',
    wishes: [{ by: 'home-fup/slow-at-cap', wants: 'throttle to 2/0.512 Mbit/s', wins: true }],
    lastChange: { ...ACTION, explanation: [REASON] },
    lastDecision: { ...ACTION, explanation: [REASON], at: NOON },
    nextDue: '2025-01-31T23:00:00.000Z',
    policies: [
      {
        policyId: 'home-fup',
        policyVersion: 'c'.repeat(64),
        role: 'base',
        mode: 'enforce',
        applies: true,
        why: 'it decides',
        rules: [
          {
            rule: 'slow-at-cap',
            priority: 10,
            asks: 'throttle to 2/0.512 Mbit/s',
            holds: true,
            acting: true,
            since: NOON,
            until: 'while the conditions hold, at least 15 min',
            conditions: [
              {
                depth: 0,
                group: 'all',
                named: null,
                fact: null,
                operator: null,
                expected: null,
                actual: null,
                result: true,
                text: 'all of these',
              },
              {
                depth: 1,
                group: null,
                named: null,
                ...comparison,
                result: true,
                text: 'capUsedPercent at least 100 %: it is 101.5 %',
              },
            ],
          },
        ],
      },
    ],
    facts: [
      { name: 'capUsedPercent', value: 101.5, unit: '%', known: 'stored', description: 'of the allowance' },
      { name: 'cycleTotalBytes', value: 507_500_000_000, unit: 'bytes', known: 'stored', description: '' },
      { name: 'poolUsedPercent', value: null, unit: '%', known: 'stored', description: '' },
    ],
    timeline: timelineEntries(),
  };
}

/** Made-up views of every subscriber but 'nobody'. */
export function timelineViews(): TimelineViews {
  return {
    nowMs: () => Date.parse(NOON),
    timeline: (id) => Promise.resolve(id === 'nobody' ? null : timelineView(id)),
    explain: (id) => Promise.resolve(id === 'nobody' ? null : explainView(id)),
  };
}
