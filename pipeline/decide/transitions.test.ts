import { describe, expect, it } from 'vitest';
import type { ActionIntent } from '../../schemas/action.ts';
import type { PolicyFile, PolicyRule, PolicyVersion } from '../../schemas/policy.ts';
import type { TopUp } from '../../schemas/profile.ts';
import {
  DAY,
  HOUR,
  LogBuilder,
  MINUTE,
  NOON,
  capPolicy,
  fold,
  intentsOf,
  freshSlot,
  plan,
  profile,
} from '../../tests/factories.ts';

const AUGUST = Date.UTC(2026, 7, 1);

function rule(fields: Partial<PolicyRule> = {}): PolicyRule {
  const [first] = capPolicy().file.rules;
  if (first === undefined) throw new Error('no rule');
  return { ...first, ...fields };
}

function policy(rules: PolicyRule[], fields: Partial<PolicyFile> = {}): PolicyVersion {
  const file = { ...capPolicy().file, ...fields, rules };
  return { policyId: file.id, version: JSON.stringify(file), file };
}

/** cap 1000 bytes; plan 100 / 20 Mbit/s */
function withPolicies(...policies: PolicyVersion[]): LogBuilder {
  const log = new LogBuilder().control({ kind: 'plan-version', plan: plan() });
  for (const one of policies) log.control({ kind: 'policy-version', policy: one });
  return log.control({ kind: 'subscriber-profile', profile: profile() });
}

const used = (log: LogBuilder, minute: number, outputOctets: number): LogBuilder =>
  log.record({ eventTimeMs: NOON + minute * MINUTE, outputOctets });

function topUp(log: LogBuilder, bytes: number, fields: Partial<TopUp> = {}): LogBuilder {
  const topUps = [{ id: 't', bytes, fromMs: 0, expiresMs: NOON + 90 * DAY, ...fields }];
  return log.control({ kind: 'subscriber-profile', profile: profile({ topUps }) });
}

function intents(log: LogBuilder): ActionIntent[] {
  return intentsOf(fold(freshSlot(), log.inputs));
}

/** kind, download speed in Mbit/s, minutes after noon of the watermark */
function story(log: LogBuilder): [string, number, number][] {
  return intents(log).map(({ kind, desired, decidedAtMs }) => [
    kind,
    desired.downBps / 1e6,
    (decidedAtMs - NOON) / MINUTE,
  ]);
}

describe('until', () => {
  const tick = (log: LogBuilder, minute: number): LogBuilder => log.tick(NOON + minute * MINUTE);

  it('while: ends when the condition does, after 900 s by default', () => {
    const log = topUp(used(withPolicies(policy([rule()])), 1, 1000), 5000);
    expect(story(tick(tick(log, 14), 15))).toEqual([
      ['throttle', 2, 0],
      ['restore', 100, 15],
    ]);
  });

  it('while: ends at once where the hold is over, or is 0', () => {
    const after = topUp(tick(used(withPolicies(policy([rule()])), 1, 1000), 20), 5000);
    expect(story(after).map(([kind]) => kind)).toEqual(['throttle', 'restore']);
    const none = rule({
      event: { type: 'throttle', params: { downBps: 2e6, upBps: 1e6, minHoldSeconds: 0 } },
    });
    expect(story(topUp(used(withPolicies(policy([none])), 1, 1000), 5000))).toEqual([
      ['throttle', 2, 0],
      ['restore', 100, 0],
    ]);
  });

  it('while: stays where the condition came back during the hold', () => {
    const log = topUp(used(withPolicies(policy([rule()])), 1, 1000), 500);
    expect(story(tick(used(log, 3, 1600), 60))).toEqual([['throttle', 2, 0]]);
  });

  it('while: ends at the roll whatever the hold', () => {
    const log = withPolicies(policy([rule()])).record({ eventTimeMs: AUGUST - MINUTE, outputOctets: 5000 });
    log.tick(AUGUST);
    expect(intents(log).map(({ kind, decidedAtMs }) => [kind, decidedAtMs])).toEqual([
      ['throttle', AUGUST - 2 * MINUTE],
      ['restore', AUGUST],
    ]);
  });

  it('cycle-end: holds to the roll, or until the allowance grows above use', () => {
    const latched = rule({
      event: { type: 'throttle', params: { downBps: 2e6, upBps: 1e6, until: 'cycle-end' } },
    });
    const log = used(withPolicies(policy([latched])), 1, 1000);
    expect(story(tick(log, 600))).toEqual([['throttle', 2, 0]]);
    expect(story(topUp(log, 1)).map(([kind]) => kind)).toEqual(['throttle', 'restore']);
    const rolled = used(withPolicies(policy([latched])), 1, 1000).tick(AUGUST);
    expect(intents(rolled).map(({ kind }) => kind)).toEqual(['throttle', 'restore']);
  });

  it('seconds: holds for so long, over a roll too, and ends by the clock of the log', () => {
    const timed = rule({
      event: { type: 'throttle', params: { downBps: 2e6, upBps: 1e6, until: { seconds: 3600 } } },
    });
    const log = topUp(used(withPolicies(policy([timed])), 1, 1000), 9000);
    expect(story(tick(tick(log, 59), 60))).toEqual([
      ['throttle', 2, 0],
      ['restore', 100, 60],
    ]);
    const late = withPolicies(policy([timed]));
    late.record({ eventTimeMs: AUGUST - MINUTE, outputOctets: 1000 });
    late.tick(AUGUST + 30 * MINUTE).tick(AUGUST + 58 * MINUTE);
    expect(intents(late).map(({ kind, decidedAtMs }) => [kind, (decidedAtMs - AUGUST) / MINUTE])).toEqual([
      ['throttle', -2],
      ['restore', 58],
    ]);
  });

  it('ends a top-up by itself when it expires', () => {
    const log = topUp(withPolicies(policy([rule()])), 1000, { expiresMs: NOON + HOUR });
    expect(story(tick(used(log, 1, 1500), 60))).toEqual([['throttle', 2, 60]]);
  });
});

describe('several rules', () => {
  const at = (name: string, percent: number, downBps: number): PolicyRule =>
    rule({
      name,
      conditions: {
        all: [{ fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: percent }],
      },
      event: { type: 'throttle', params: { downBps, upBps: 1e6, minHoldSeconds: 0 } },
    });

  it('the lowest throttle wins, and each net change is sent once', () => {
    const log = withPolicies(policy([at('half', 50, 8e6), at('full', 100, 2e6)]));
    used(used(used(log, 1, 500), 2, 600), 3, 1000);
    expect(story(topUp(log, 600)).map(([kind, speed]) => [kind, speed])).toEqual([
      ['throttle', 8],
      ['throttle', 2],
      ['throttle', 8],
    ]);
  });

  it('sends one change where several begin at once, and nothing for a weaker one', () => {
    const both = withPolicies(policy([at('half', 50, 8e6), at('full', 100, 2e6)]));
    expect(story(used(both, 1, 1000))).toEqual([['throttle', 2, 0]]);
    const weaker = withPolicies(policy([at('half', 50, 2e6), at('full', 100, 8e6)]));
    expect(story(used(used(weaker, 1, 500), 2, 1000))).toEqual([['throttle', 2, 0]]);
  });

  it('rules of two policies count together, each with ids of its own', () => {
    const log = withPolicies(policy([at('a', 50, 8e6)]), policy([at('a', 100, 2e6)], { id: 'other' }));
    const made = intents(used(used(log, 1, 500), 2, 1000));
    expect(made.map(({ policyId, desired }) => [policyId, desired.downBps])).toEqual([
      ['home-fup', 8e6],
      ['other', 2e6],
    ]);
    expect(new Set(made.map(({ id }) => id)).size).toBe(2);
  });

  it('a notice is sent when its condition begins to hold, and again only after it ceased', () => {
    const notice = rule({
      name: 'tell',
      conditions: { all: [{ fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: 80 }] },
      event: { type: 'notify', params: { template: 'eighty', channel: 'sms' } },
    });
    const log = withPolicies(policy([notice]));
    used(used(log, 1, 800), 2, 900);
    used(topUp(log, 1000), 3, 1700);
    expect(intents(log).map(({ kind, notice: sent, ordinal }) => [kind, sent?.template, ordinal])).toEqual([
      ['notify', 'eighty', 1],
      ['notify', 'eighty', 3],
    ]);
  });
});

describe('scope', () => {
  it('ends when the plan is no longer one of the policy', () => {
    const log = used(withPolicies(policy([rule()])), 1, 1000);
    const assignments = [{ planId: 'business-1', fromMs: 0, toMs: null }];
    log.control({ kind: 'subscriber-profile', profile: profile({ assignments }) });
    expect(intents(log).map(({ kind }) => kind)).toEqual(['throttle', 'restore']);
  });

  it('keeps to its share of subscribers in mode percent, cycle after cycle', () => {
    const log = new LogBuilder()
      .control({ kind: 'plan-version', plan: plan() })
      .control({ kind: 'policy-version', policy: policy([rule()], { mode: 'percent', percent: 30 }) });
    const ids = [...Array(60).keys()].map((i) => `sub-${i}`);
    for (const subscriberId of ids) {
      log.control({ kind: 'subscriber-profile', profile: profile({ subscriberId }) });
      log.record({ subscriberId, outputOctets: 2000 });
    }
    log.tick(AUGUST);
    for (const subscriberId of ids) {
      log.record({ subscriberId, eventTimeMs: AUGUST + HOUR, sessionId: 's2', outputOctets: 2000 });
    }
    const throttled = (from: number, to: number): string[] =>
      intents(log)
        .filter(({ kind, cycleStartMs }) => kind === 'throttle' && cycleStartMs >= from && cycleStartMs < to)
        .map(({ subscriberId }) => subscriberId);
    expect(throttled(0, AUGUST)).toEqual(throttled(AUGUST, Infinity));
    expect(throttled(0, AUGUST).length).toBeGreaterThan(8);
    expect(throttled(0, AUGUST).length).toBeLessThan(30);
  });
});
