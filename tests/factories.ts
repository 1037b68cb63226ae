import type { UsageEvent } from '../schemas/accounting-record.ts';
import type { Control } from '../schemas/control.ts';
import type { PolicyVersion } from '../schemas/policy.ts';
import type { PlanVersion, SubscriberProfile } from '../schemas/profile.ts';
import type { Confirmation, Confirmed } from '../pipeline/decide/transitions.ts';
import type { Input } from '../pipeline/decode/input.ts';
import type { BatchEffects } from '../pipeline/fold/effects.ts';
import { foldBatch } from '../pipeline/fold/fold.ts';
import { emptySlot } from '../pipeline/fold/slot-state.ts';
import type { FoldSettings, SlotState } from '../pipeline/fold/slot-state.ts';
import { CycleCalendar } from '../rules/cycle.ts';

/** 2026-07-10 12:00:00 UTC: mid-month, on a window boundary. */
export const NOON = Date.UTC(2026, 6, 10, 12);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const SETTINGS: FoldSettings = { partitionCount: 1, bucketCount: 16, defaultZone: 'UTC' };

export function usageEvent(fields: Partial<UsageEvent> = {}): UsageEvent {
  return {
    statusType: 'INTERIM_UPDATE',
    subscriberId: 'sub-1',
    userName: 'alice',
    sessionId: 's1',
    nasId: 'nas-1',
    nasIp: '192.0.2.1',
    framedIp: '198.51.100.7',
    serviceName: null,
    serviceClass: null,
    eventTimeMs: NOON,
    receivedAtMs: null,
    acctDelaySeconds: 0,
    inputOctets: 0,
    outputOctets: 0,
    sessionTimeSeconds: null,
    terminateCause: null,
    ...fields,
  };
}

export function profile(fields: Partial<SubscriberProfile> = {}): SubscriberProfile {
  return {
    subscriberId: 'sub-1',
    userName: 'alice',
    segment: 'residential',
    tags: [],
    zone: 'UTC',
    anchorDay: 1,
    assignments: [{ planId: 'home-100', fromMs: 0, toMs: null }],
    topUps: [],
    carryOverBytes: 0,
    holds: [],
    poolId: null,
    billingStatus: 'current',
    overageConsent: false,
    ...fields,
  };
}

export function plan(fields: Partial<PlanVersion> = {}): PlanVersion {
  return {
    planId: 'home-100',
    version: 1,
    family: 'home',
    capBytes: 1000,
    counted: 'both',
    downBps: 100_000_000,
    upBps: 20_000_000,
    overage: null,
    ...fields,
  };
}

export function capPolicy(
  params: Record<string, unknown> = {},
  mode: PolicyVersion['file']['mode'] = 'enforce',
): PolicyVersion {
  return {
    policyId: 'home-fup',
    version: JSON.stringify([params, mode]),
    file: {
      id: 'home-fup',
      description: 'slow at cap',
      mode,
      appliesTo: { plans: ['home-*'] },
      rules: [
        {
          name: 'slow-at-cap',
          conditions: { all: [{ fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: 100 }] },
          event: { type: 'throttle', params: { downBps: 2_000_000, upBps: 512_000, ...params } },
        },
      ],
    },
  };
}

/** Builds a log entry by entry: offsets count up, append time = event time + 1 s unless said otherwise. */
export class LogBuilder {
  readonly inputs: Input[] = [];
  private controls = 0;

  record(fields: Partial<UsageEvent>, appendTimeMs?: number): this {
    const event = usageEvent(fields);
    const at = appendTimeMs ?? (event.eventTimeMs ?? NOON) + 1000;
    this.inputs.push({ kind: 'usage', offset: this.inputs.length, appendTimeMs: at, event });
    return this;
  }

  control(control: Control, n = (this.controls += 1), source = 'relay'): this {
    this.inputs.push({
      kind: 'control',
      offset: this.inputs.length,
      appendTimeMs: NOON,
      id: { source, n },
      control,
    });
    return this;
  }

  /** profile, plan and policy of one subscriber */
  enforced(fields: Partial<SubscriberProfile> = {}): this {
    this.control({ kind: 'plan-version', plan: plan() });
    this.control({ kind: 'policy-version', policy: capPolicy() });
    return this.control({ kind: 'subscriber-profile', profile: profile(fields) });
  }

  tick(t: number): this {
    this.inputs.push({
      kind: 'control',
      offset: this.inputs.length,
      appendTimeMs: t,
      id: { source: 'tick', n: t },
      control: { kind: 'tick', t },
    });
    return this;
  }
}

/** A confirmation that agrees with the compiled rule. */
export function agree(asked: Confirmation): Confirmed {
  return { holds: asked.holds, results: [] };
}

/** Folds inputs in one batch; verdicts come from `answer`. */
export function fold(
  state: SlotState,
  inputs: readonly Input[],
  answer: (asked: Confirmation) => Confirmed = agree,
): BatchEffects {
  const folding = foldBatch(state, inputs, (inputs.at(-1)?.offset ?? -1) + 1, new CycleCalendar());
  let step = folding.next();
  while (step.done !== true) step = folding.next(answer(step.value));
  return step.value;
}

export function freshSlot(): SlotState {
  return emptySlot(0, SETTINGS, 0);
}
