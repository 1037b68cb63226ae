import type { ActionIntent } from '../schemas/action.ts';

/** An intent for tests: a throttle of subscriber 's-1' with one session, with what the test cares about put over it. */
export function anIntent(over: Partial<ActionIntent> & { id: string }): ActionIntent {
  return {
    kind: 'throttle',
    subscriberId: 's-1',
    userName: 'anna@example.net',
    policyId: 'home-fup',
    policyVersion: '1',
    rule: 'cap-reached',
    cycleStartMs: Date.UTC(2025, 0, 1),
    ordinal: 1,
    desired: { state: 'throttle', downBps: 2_000_000, upBps: 512_000, profile: null },
    leaves: null,
    notice: null,
    overage: null,
    topUp: null,
    disposition: 'send',
    sessions: [{ nasId: 'nas-1', nasIp: '192.0.2.1', sessionId: 'S-1', framedIp: '198.51.100.7' }],
    decidedAtMs: Date.UTC(2025, 0, 12),
    partition: 0,
    offset: 41,
    appendTimeMs: Date.UTC(2025, 0, 12),
    explanation: [
      { fact: 'usage.percent', operator: 'greaterThanInclusive', expected: 100, actual: 104, result: true },
    ],
    ...over,
  };
}
