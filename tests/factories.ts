import type { UsageEvent } from '../schemas/accounting-record.ts';
import type { ActionIntent } from '../schemas/action.ts';
import type { Control } from '../schemas/control.ts';
import type { PolicyVersion } from '../schemas/policy.ts';
import type { NasProfile, PlanVersion, SubscriberProfile } from '../schemas/profile.ts';
import { defaultNasProfile } from '../schemas/profile.ts';
import type { Confirmation, Confirmed } from '../pipeline/decide/transitions.ts';
import type { Input } from '../pipeline/decode/input.ts';
import type { BatchEffects } from '../pipeline/fold/effects.ts';
import { noEffects } from '../pipeline/fold/effects.ts';
import { foldBatch } from '../pipeline/fold/fold.ts';
import type { FoldAnswer, FoldRequest } from '../pipeline/fold/requests.ts';
import { emptySlot } from '../pipeline/fold/slot-state.ts';
import type { FoldSettings, SlotState, Subscriber } from '../pipeline/fold/slot-state.ts';
import { CycleCalendar } from '../rules/cycle.ts';

/** 2026-07-10 12:00:00 UTC: mid-month, on a window boundary. */
export const NOON = Date.UTC(2026, 6, 10, 12);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const SETTINGS: FoldSettings = {
  partitionCount: 1,
  bucketCount: 16,
  defaultZone: 'UTC',
  acceptLatenessMs: 7 * DAY,
  cycleCloseGraceMs: DAY,
};

export function usageEvent(fields: Partial<UsageEvent> = {}): UsageEvent {
  return {
    feedId: 'feed-1',
    statusType: 'INTERIM_UPDATE',
    subscriberId: 'sub-1',
    userName: 'alice',
    sessionId: 's1',
    multiSessionId: null,
    parentSessionId: null,
    nasId: 'nas-1',
    nasIp: '192.0.2.1',
    framedIp: '198.51.100.7',
    serviceName: null,
    serviceClass: null,
    radiusClass: null,
    eventTimeMs: NOON,
    receivedAtMs: null,
    acctDelaySeconds: 0,
    inputOctets: 0,
    outputOctets: 0,
    ipv6InputOctets: null,
    ipv6OutputOctets: null,
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
    classFactors: {},
    ...fields,
  };
}

/** A NAS profile that differs from the default where told. */
export function nasProfile(fields: Partial<NasProfile> = {}): NasProfile {
  return { ...defaultNasProfile('nas-1'), ...fields };
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

/** Folds inputs in one batch with everything in memory; verdicts come from `answer`. */
export function fold(
  state: SlotState,
  inputs: readonly Input[],
  answer: (asked: Confirmation) => Confirmed = agree,
): BatchEffects {
  const nextOffset = (inputs.at(-1)?.offset ?? -1) + 1;
  const all = noEffects();
  do {
    const folding = foldBatch(state, inputs, nextOffset, new CycleCalendar());
    let step = folding.next({});
    while (step.done !== true) step = folding.next(fromMemory(state, step.value, answer));
    addEffects(all, step.value);
  } while (state.position < nextOffset);
  return all;
}

/** Answers of an owner whose store holds nothing. */
function fromMemory(
  state: SlotState,
  request: FoldRequest,
  answer: (asked: Confirmation) => Confirmed,
): FoldAnswer {
  switch (request.kind) {
    case 'confirm':
      return { confirmed: answer(request.confirmation) };
    case 'subscribers':
      for (const id of request.ids) state.absent.add(id);
      return {};
    case 'rows':
      return {};
    case 'buckets': {
      const asked = new Set(request.buckets);
      const known = [...state.subscribers.values()].filter(({ bucket }) => asked.has(bucket));
      return { ids: known.map(({ id }) => id) };
    }
  }
}

function addEffects(into: BatchEffects, effects: BatchEffects): void {
  for (const subscriber of effects.hot) into.hot.add(subscriber);
  for (const subscriber of effects.cold) into.cold.add(subscriber);
  for (const total of effects.windows) into.windows.add(total);
  for (const subscriber of effects.crowded) into.crowded.add(subscriber);
  for (const [key, dueMs] of effects.due) into.due.set(key, dueMs);
  for (const field of effects.catalogue) into.catalogue.add(field);
  for (const feed of effects.feeds) into.feeds.add(feed);
  into.oneShots.push(...effects.oneShots);
  into.outbox.push(...effects.outbox);
  into.dead.push(...effects.dead);
  into.drained += effects.drained;
}

/** The actions among what a batch leaves to be delivered. */
export function intentsOf(effects: Pick<BatchEffects, 'outbox'>): ActionIntent[] {
  return effects.outbox.flatMap((record) => (record.kind === 'action' ? [record.intent] : []));
}

/** What a subscriber's values hold of it. The due time is the slot's: a look in vain moves it and writes no value. */
export function storedPart(subscriber: Subscriber): Partial<Subscriber> {
  const { counted: _c, rows: _r, rowsThroughMs: _t, dueMs: _d, keepsParts: _k, ...stored } = subscriber;
  return stored;
}

export function freshSlot(): SlotState {
  return emptySlot(0, SETTINGS, 0);
}
