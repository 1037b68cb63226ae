import { describe, expect, it } from 'vitest';
import type { ActionIntent, ShadowDecision } from '../../schemas/action.ts';
import type { PolicyEvent, PolicyFile, PolicyRule, PolicyVersion } from '../../schemas/policy.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import { factsOf } from './facts-of.ts';
import { planOf } from './in-force.ts';
import { shareOf } from '../../rules/compile/policy.ts';
import {
  DAY,
  HOUR,
  LogBuilder,
  MINUTE,
  NOON,
  fold,
  freshSlot,
  intentsOf,
  plan,
  profile,
} from '../../tests/factories.ts';

/** Holds from so many bytes counted on. */
function rule(name: string, fromBytes: number, event: PolicyEvent, priority = 1): PolicyRule {
  const conditions = {
    all: [{ fact: 'cycleCountedBytes', operator: 'greaterThanInclusive', value: fromBytes }],
  };
  return { name, priority, conditions, event };
}

function policy(id: string, rules: PolicyRule[], fields: Partial<PolicyFile> = {}): PolicyVersion {
  const file: PolicyFile = { id, description: id, mode: 'enforce', rules, ...fields };
  return { policyId: id, version: JSON.stringify(file), file };
}

const throttle = (downBps: number): PolicyEvent => ({
  type: 'throttle',
  params: { downBps, upBps: 1_000_000, minHoldSeconds: 0 },
});
const notify = (template: string): PolicyEvent => ({ type: 'notify', params: { template, channel: 'sms' } });
const block: PolicyEvent = { type: 'block', params: { minHoldSeconds: 0 } };
const redirect: PolicyEvent = { type: 'redirect', params: { profile: 'pay-page', minHoldSeconds: 0 } };

const TERMS = { blockBytes: 100, blockPriceMinor: 500, currency: 'EUR', maxBlocks: 5 };
const PROVIDER: ProviderSettings = {
  ...NO_PROVIDER_SETTINGS,
  throttleProfiles: { slow: { downBps: 3_000_000, upBps: 1_000_000 } },
  topUps: { 'gb-1': { bytes: 1000, priceMinor: 300, currency: 'EUR', validSeconds: null } },
};

/** A plan with a cap of 1,000 bytes and blocks of 100, and a subscriber who agreed to pay for them. */
function logWith(...policies: PolicyVersion[]): LogBuilder {
  const log = new LogBuilder().control({ kind: 'plan-version', plan: plan({ overage: TERMS }) });
  log.control({ kind: 'provider-settings', settings: PROVIDER });
  for (const one of policies) log.control({ kind: 'policy-version', policy: one });
  return log.control({ kind: 'subscriber-profile', profile: profile({ overageConsent: true }) });
}

const used = (log: LogBuilder, minute: number, outputOctets: number): LogBuilder =>
  log.record({ eventTimeMs: NOON + minute * MINUTE, outputOctets });

let ticks = 0;

/** What changes for everybody is caught up with by the inputs that follow, four buckets of 16 each. */
function swept(log: LogBuilder): LogBuilder {
  for (let i = 0; i < 5; i += 1) log.tick(NOON + 10 * MINUTE + (ticks += 1));
  return log;
}

function intents(log: LogBuilder): ActionIntent[] {
  return intentsOf(fold(freshSlot(), log.inputs));
}

function shadows(log: LogBuilder): ShadowDecision[] {
  const { outbox } = fold(freshSlot(), log.inputs);
  return outbox.flatMap((record) => (record.kind === 'shadow' ? [record.decision] : []));
}

describe('the line', () => {
  const all = policy('all', [
    rule('slow', 100, throttle(2_000_000)),
    rule('to-page', 200, redirect),
    rule('stop', 300, block),
    rule('slower', 400, throttle(1_000_000)),
  ]);

  it('is blocked before it is redirected, and redirected before it is throttled', () => {
    const log = used(used(used(used(logWith(all), 1, 100), 2, 200), 3, 300), 4, 400);
    expect(
      intents(log).map(({ kind, rule: name, desired }) => [kind, name, desired.state, desired.profile]),
    ).toEqual([
      ['throttle', 'slow', 'throttle', null],
      ['redirect', 'to-page', 'redirect', 'pay-page'],
      ['block', 'stop', 'block', null],
    ]);
  });

  it('goes to the strongest of what is left as one ends, and changes once', () => {
    const log = used(logWith(all), 1, 500);
    log.control({
      kind: 'policy-version',
      policy: policy(
        'all',
        all.file.rules.filter(({ name }) => name !== 'stop'),
      ),
    });
    swept(log).control({ kind: 'policy-withdrawn', policyId: 'all' });
    swept(log);
    expect(intents(log).map(({ kind, desired }) => [kind, desired.state])).toEqual([
      ['block', 'block'],
      ['redirect', 'redirect'],
      ['restore', 'plan'],
    ]);
  });

  it('takes the speed of a named profile, and follows where the provider changes it', () => {
    const named = policy('named', [
      rule('slow', 100, { type: 'throttle', params: { profile: 'slow', minHoldSeconds: 0 } }),
    ]);
    const log = used(logWith(named), 1, 100);
    const throttleProfiles = { slow: { downBps: 4_000_000, upBps: 1_000_000 } };
    swept(log.control({ kind: 'provider-settings', settings: { ...PROVIDER, throttleProfiles } }));
    swept(log.control({ kind: 'provider-settings', settings: { ...PROVIDER, throttleProfiles: {} } }));
    expect(
      intents(log).map(({ kind, desired: { downBps, profile: name } }) => [kind, downBps, name]),
    ).toEqual([
      ['throttle', 3_000_000, 'slow'],
      ['throttle', 4_000_000, 'slow'],
      ['restore', 100_000_000, null],
    ]);
  });

  it('tells since when a rule has throttled, whatever else is in force', () => {
    const steps = policy('steps', [
      rule('one', 100, throttle(2e6)),
      rule('two', 200, throttle(1e6)),
      rule('stop', 300, block),
    ]);
    const state = freshSlot();
    fold(state, used(used(used(logWith(steps), 10, 100), 20, 200), 70, 300).inputs);
    const line = state.subscribers.get('sub-1');
    if (line === undefined) throw new Error('no subscriber');
    const facts = factsOf(state, line, planOf(state, line));
    expect([line.effect?.state, facts.isThrottled, facts.throttledSeconds]).toEqual(['block', true, 3600]);
  });

  it('is named after a rule that changes to a notice under an id that no other action has, each time', () => {
    const pay = policy('a', [rule('pay', 1000, { type: 'overage', params: {} })]);
    const slow = policy('b', [rule('limit', 100, throttle(2e6))]);
    const told = policy('b', [rule('limit', 100, notify('limit'))]);
    const log = used(logWith(pay, slow), 1, 1000);
    for (const [i, next] of [told, slow, told].entries())
      used(log.control({ kind: 'policy-version', policy: next }), 2 + i, 1050 + 100 * i);
    const all = intents(log);
    expect(all.filter(({ kind }) => kind === 'restore')).toHaveLength(2);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  });
});

describe('paid blocks', () => {
  const blocks = policy('blocks', [rule('pay', 1000, { type: 'overage', params: {} })]);

  it('are asked for as use begins them, each once, up to the limit', () => {
    const log = used(used(used(used(logWith(blocks), 1, 1000), 2, 1001), 3, 1100), 4, 1101);
    used(used(log, 5, 1450), 6, 9000);
    expect(intents(log).map(({ kind, overage }) => [kind, overage?.block, overage?.priceMinor])).toEqual([
      ['overage', 1, 500],
      ['overage', 2, 500],
      ['overage', 3, 500],
      ['overage', 4, 500],
      ['overage', 5, 500],
    ]);
  });

  it('have ids by the block, whatever rule asks: a renamed rule charges nobody again', () => {
    const log = used(logWith(blocks), 1, 1050);
    log.control({ kind: 'policy-withdrawn', policyId: 'blocks' });
    const renamed = policy('other', [
      rule('pay-too', 1000, { type: 'overage', params: { blockPriceMinor: 700 } }),
    ]);
    log.control({ kind: 'policy-version', policy: renamed });
    used(log, 2, 1150);
    const charged = intents(log);
    expect(charged.map(({ overage, policyId }) => [overage?.block, overage?.priceMinor, policyId])).toEqual([
      [1, 500, 'blocks'],
      [2, 700, 'other'],
    ]);
    expect(new Set(charged.map(({ id }) => id)).size).toBe(2);
  });

  it('charge nobody again for the same bytes where terms or the cycle change', () => {
    const log = used(logWith(blocks), 1, 1150);
    const smaller = { ...TERMS, blockBytes: 10, maxBlocks: 50 };
    swept(log.control({ kind: 'plan-version', plan: plan({ version: 2, overage: smaller }) }));
    log.control({ kind: 'subscriber-profile', profile: profile({ overageConsent: true, anchorDay: 5 }) });
    used(log, 40, 1205);
    expect(intents(log).map(({ overage }) => [overage?.block, overage?.blockBytes])).toEqual([
      [1, 100],
      [2, 100],
      [3, 10],
    ]);
  });

  it('begin at one again in the next cycle', () => {
    const AUGUST = Date.UTC(2026, 7, 1);
    const log = logWith(blocks).record({ eventTimeMs: AUGUST - HOUR, outputOctets: 1050 });
    log.record({ eventTimeMs: AUGUST + DAY, sessionId: 's2', outputOctets: 1050, sessionTimeSeconds: 60 });
    log.tick(AUGUST + DAY);
    expect(intents(log).map(({ overage, cycleStartMs }) => [overage?.block, cycleStartMs])).toEqual([
      [1, Date.UTC(2026, 6, 1)],
      [1, AUGUST],
    ]);
  });

  it.each([
    ['without consent', { consent: false, terms: TERMS }],
    ['without terms', { consent: true, terms: null }],
  ])('are none %s', (_name, { consent, terms }) => {
    const log = new LogBuilder().control({ kind: 'plan-version', plan: plan({ overage: terms }) });
    log.control({ kind: 'policy-version', policy: blocks });
    log.control({ kind: 'subscriber-profile', profile: profile({ overageConsent: consent }) });
    expect(intents(used(log, 1, 2000))).toEqual([]);
  });
});

describe('top-ups', () => {
  const topUp = policy('top-up', [
    {
      ...rule('buy', 0, { type: 'topup', params: { productId: 'gb-1', maxPerCycle: 2 } }),
      conditions: { all: [{ fact: 'capRemainingBytes', operator: 'lessThan', value: 100 }] },
    },
  ]);

  it('are bought each time the allowance runs out, as often as the rule allows', () => {
    const log = used(logWith(topUp), 1, 950);
    const bought = (count: number): LogBuilder => {
      const topUps = [...Array(count).keys()].map((i) => ({
        id: `t${i}`,
        bytes: 1000,
        fromMs: 0,
        expiresMs: NOON + 90 * DAY,
      }));
      return log.control({ kind: 'subscriber-profile', profile: profile({ overageConsent: true, topUps }) });
    };
    bought(1);
    used(log, 2, 1950);
    bought(2);
    used(log, 3, 2950);
    expect(
      intents(log).map(({ kind, topUp: purchase }) => [
        kind,
        purchase?.productId,
        purchase?.bytes,
        purchase?.expiresMs,
      ]),
    ).toEqual([
      ['topup', 'gb-1', 1000, Date.UTC(2026, 7, 1)],
      ['topup', 'gb-1', 1000, Date.UTC(2026, 7, 1)],
    ]);
  });

  it('may be speed, or a time in which nothing counts', () => {
    const price = { bytes: 0, priceMinor: 300, currency: 'EUR', validSeconds: 3600 };
    const speed = { downBps: 2e8, upBps: 1e8 };
    const topUps = {
      'gb-1': { kind: 'boost' as const, ...price, ...speed },
      'hour-1': { kind: 'unlimited' as const, ...price },
    };
    const [first] = topUp.file.rules;
    if (first === undefined) throw new Error('no rule');
    const other = {
      ...first,
      name: 'hour',
      event: { type: 'topup' as const, params: { productId: 'hour-1', maxPerCycle: 2 } },
    };
    const both = { ...topUp, file: { ...topUp.file, rules: [first, other] } };
    const log = new LogBuilder().control({
      kind: 'provider-settings',
      settings: { ...NO_PROVIDER_SETTINGS, topUps },
    });
    log.control({ kind: 'plan-version', plan: plan() }).control({ kind: 'policy-version', policy: both });
    log.control({ kind: 'subscriber-profile', profile: profile({ overageConsent: true }) });
    expect(intents(used(log, 1, 950)).map((intent) => intent.topUp)).toMatchObject([
      { productId: 'gb-1', kind: 'boost', ...speed, bytes: 0 },
      { productId: 'hour-1', kind: 'unlimited', bytes: 0 },
    ]);
  });
});

describe('notices', () => {
  const steps = policy('notices', [
    rule('half', 500, notify('half')),
    rule('most', 800, notify('most')),
    rule('all', 1000, notify('all')),
  ]);
  const story = (log: LogBuilder): [string, string][] =>
    intents(log).map(({ rule: name, disposition }) => [name, disposition]);

  it('of one record: the last threshold is sent, the others are recorded', () => {
    expect(story(used(used(logWith(steps), 1, 600), 2, 1200))).toEqual([
      ['half', 'send'],
      ['most', 'superseded'],
      ['all', 'send'],
    ]);
  });

  it('go by priority where rules have one', () => {
    const first = policy('notices', [rule('all', 1000, notify('all'), 9), rule('half', 500, notify('half'))]);
    expect(story(used(logWith(first), 1, 1200))).toEqual([
      ['all', 'send'],
      ['half', 'superseded'],
    ]);
  });

  it('of several policies do not supersede each other', () => {
    const other = policy('other', [rule('over', 900, notify('over'))]);
    expect(story(used(logWith(steps, other), 1, 1000)).filter(([, what]) => what === 'send')).toEqual([
      ['all', 'send'],
      ['over', 'send'],
    ]);
  });

  it('are armed again when use falls below', () => {
    const half = policy('half', [
      {
        ...rule('half', 0, notify('half')),
        conditions: { all: [{ fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: 50 }] },
      },
    ]);
    const log = used(logWith(half), 1, 600);
    const topUps = [{ id: 't', bytes: 1000, fromMs: 0, expiresMs: NOON + 90 * DAY }];
    log.control({ kind: 'subscriber-profile', profile: profile({ topUps }) });
    expect(story(used(log, 2, 1100))).toEqual([
      ['half', 'send'],
      ['half', 'send'],
    ]);
  });

  it('are recorded only where the line is on hold, or what they tell is long past', () => {
    const hold = { kind: 'customer' as const, fromMs: 0, toMs: null };
    const held = logWith(steps).control({ kind: 'subscriber-profile', profile: profile({ holds: [hold] }) });
    expect(story(used(held, 1, 600))).toEqual([
      ['customer', 'send'],
      ['half', 'on-hold'],
    ]);
    const late = logWith(steps).record({ eventTimeMs: NOON, outputOctets: 600 }, NOON + 7 * HOUR);
    expect(story(late)).toEqual([['half', 'stale']]);
  });
});

describe('candidates', () => {
  const base = policy('fup', [rule('slow', 100, throttle(2_000_000))]);
  const candidate = (fields: Partial<PolicyFile>): PolicyVersion =>
    policy('fup', [rule('slow', 100, throttle(1_000_000)), rule('early', 50, throttle(5_000_000))], fields);

  it('in shadow record what they would do, beside what the base does', () => {
    const log = used(used(logWith(base, candidate({ mode: 'shadow' })), 1, 60), 2, 100);
    expect(intents(log).map(({ desired }) => desired.downBps)).toEqual([2_000_000]);
    expect(
      shadows(log).map(({ rule: name, began, liveEffect }) => [name, began, liveEffect?.state ?? null]),
    ).toEqual([
      ['early', true, null],
      ['slow', true, 'throttle'],
    ]);
    swept(log.control({ kind: 'policy-version', policy: base }));
    expect(shadows(log).map(({ rule: name, began, event }) => [name, began, event])).toEqual([
      ['early', true, 'throttle'],
      ['slow', true, 'throttle'],
      ['early', false, null],
      ['slow', false, null],
    ]);
  });

  it('in percent take their share of the subscribers from the base', () => {
    const ids = [...Array(40).keys()].map((i) => `sub-${i}`);
    const log = new LogBuilder().control({ kind: 'plan-version', plan: plan() });
    log.control({ kind: 'policy-version', policy: base });
    log.control({ kind: 'policy-version', policy: candidate({ mode: 'percent', percent: 30 }) });
    for (const subscriberId of ids) {
      log.control({ kind: 'subscriber-profile', profile: profile({ subscriberId, userName: subscriberId }) });
      log.record({ subscriberId, eventTimeMs: NOON, outputOctets: 200 });
    }
    const speeds = new Map(intents(log).map(({ subscriberId, desired }) => [subscriberId, desired.downBps]));
    const expected = ids.map((id) => [id, shareOf('fup', id) < 30 ? 1_000_000 : 2_000_000]);
    expect([...speeds]).toEqual(expected);
    expect(new Set(speeds.values()).size).toBe(2);
  });

  it('alone act on their share only, and promoting them acts on all', () => {
    const log = new LogBuilder().control({ kind: 'plan-version', plan: plan() });
    log.control({ kind: 'policy-version', policy: candidate({ mode: 'percent', percent: 0 }) });
    log.control({ kind: 'subscriber-profile', profile: profile() });
    used(log, 1, 200);
    expect(intents(log)).toEqual([]);
    swept(log.control({ kind: 'policy-version', policy: candidate({ mode: 'enforce' }) }));
    expect(intents(log).map(({ desired }) => desired.downBps)).toEqual([1_000_000]);
  });

  it('leave with their policy', () => {
    const log = used(logWith(base, candidate({ mode: 'shadow' })), 1, 100);
    swept(log.control({ kind: 'policy-withdrawn', policyId: 'fup' }));
    expect(intents(log).map(({ kind }) => kind)).toEqual(['throttle', 'restore']);
    expect(shadows(log).filter(({ began }) => !began)).toHaveLength(2);
  });
});
