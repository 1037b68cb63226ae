import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ActionKind, Effect, ShadowDecision } from '../../schemas/action.ts';
import { anIntent } from '../action-factory.contract.ts';
import { aProfile } from '../profile-factory.contract.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { ShadowPeriod } from '../policy-ports.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresShadowDecisions } from './shadow-decisions.ts';

let database: TestDatabase;
let shadows: PostgresShadowDecisions;
let made = 0;
/** how long ago what is put now was stored */
let ageSeconds = 0;

async function decide(subscriberId: string, more: Partial<ShadowDecision> = {}): Promise<ShadowDecision> {
  made += 1;
  const decision: ShadowDecision = {
    id: `d-${made}`,
    subscriberId,
    policyId: 'fup',
    policyVersion: 'v2',
    rule: 'slow',
    cycleStartMs: 0,
    ordinal: 1,
    began: true,
    event: 'throttle',
    liveEffect: null,
    decidedAtMs: 1000 + made,
    partition: 0,
    offset: made,
    explanation: [
      { fact: 'capUsedPercent', operator: 'greaterThan', expected: 80, actual: 81, result: true },
    ],
    ...more,
  };
  await database.pool.query(
    `insert into shadow_decision (id, subscriber_id, policy_id, version, rule, began, event, decided_at, content, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8), $9, clock_timestamp() - $10 * interval '1 second')`,
    [
      ...[decision.id, subscriberId, decision.policyId, decision.policyVersion, decision.rule],
      ...[decision.began, decision.event, decision.decidedAtMs / 1000, JSON.stringify(decision), ageSeconds],
    ],
  );
  return decision;
}

async function act(subscriberId: string, kind: ActionKind, more: object = {}): Promise<void> {
  made += 1;
  const intent = anIntent({ id: `a-${made}`, subscriberId, kind, policyId: 'fup', ...more });
  await database.pool.query(
    `insert into action (id, subscriber_id, kind, state, intent, created_at)
     values ($1, $2, $3, 'delivered', $4, clock_timestamp() - $5 * interval '1 second')`,
    [intent.id, subscriberId, kind, JSON.stringify(intent), ageSeconds],
  );
}

async function plan(subscriberId: string, planId: string): Promise<void> {
  const profile = aProfile(subscriberId, { assignments: [{ planId, fromMs: 0, toMs: null }] });
  await database.pool.query('insert into subscriber (subscriber_id, profile) values ($1, $2)', [
    subscriberId,
    JSON.stringify(profile),
  ]);
}

function tests(): void {
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.pool.query('truncate shadow_decision, action, subscriber cascade');
    shadows = new PostgresShadowDecisions(database.pool);
    ageSeconds = 0;
  });

  const everything = { policyId: 'fup', versions: null, subscriberId: null, fromMs: null, toMs: null };

  it('lists the newest first, page by page, by version, subscriber and time', async () => {
    ageSeconds = 100;
    const first = await decide('s1', { policyVersion: 'v1' });
    ageSeconds = 0;
    const second = await decide('s2');
    await decide('s3', { policyId: 'other' });
    const all = await shadows.list(everything, 10, null);
    expect(all.map(({ decision }) => decision)).toEqual([second, first]);
    const page = await shadows.list(everything, 1, null);
    expect(await shadows.list(everything, 1, page[0]?.seq ?? null)).toEqual([all[1]]);
    const ids = async (filter: object): Promise<string[]> =>
      (await shadows.list({ ...everything, ...filter }, 10, null)).map(({ decision }) => decision.id);
    expect(await ids({ versions: ['v1'] })).toEqual([first.id]);
    expect(await ids({ subscriberId: 's2' })).toEqual([second.id]);
    expect(await ids({ fromMs: Date.now() - 50_000 })).toEqual([second.id]);
    expect(await ids({ toMs: Date.now() - 50_000 })).toEqual([first.id]);
  });

  /** A period that began so many seconds ago. */
  const period = (beganSeconds: number, untilSeconds: number | null = null): ShadowPeriod => ({
    beganMs: Date.now() - beganSeconds * 1000,
    untilMs: untilSeconds === null ? null : Date.now() - untilSeconds * 1000,
  });

  it('counts on whom something holds', async () => {
    expect(await shadows.holding('fup', period(500))).toBeNull();
    await decide('s1');
    await decide('s1', { rule: 'slower' });
    await decide('s2');
    await decide('s2', { began: false });
    await decide('s3', { policyId: 'other' });
    expect(await shadows.holding('fup', period(500))).toBe(1);
    expect(await shadows.holding('fup', period(500, 100))).toBeNull();
  });

  it('counts what another version began, and no more what ended because its rule is gone', async () => {
    ageSeconds = 1000;
    await decide('long ago');
    ageSeconds = 300;
    for (const id of ['goes on', 'ends', 'rule gone']) await decide(id, { policyVersion: 'v1' });
    ageSeconds = 50;
    await decide('ends', { began: false });
    await decide('rule gone', { began: false, event: null, policyVersion: '' });
    await decide('of v2');
    expect(await shadows.holding('fup', period(500))).toBe(2);
    const { gained, gainedSamples } = await shadows.compare('fup', period(500), Date.now() - 100_000, 5);
    expect(gained).toBe(3);
    const samples = gainedSamples.map(({ subscriberId }) => subscriberId).sort();
    expect(samples).toEqual(['ends', 'goes on', 'of v2']);
  });

  it('counts what held until the policy left shadow, with which everything ended', async () => {
    ageSeconds = 300;
    for (const id of ['s1', 's2']) await decide(id, { policyVersion: 'v1' });
    ageSeconds = 200;
    await decide('s2', { began: false, event: null, policyVersion: '' });
    ageSeconds = 50;
    await decide('s1', { began: false, event: null, policyVersion: '' });
    expect(await shadows.holding('fup', period(500, 100))).toBe(1);
    expect(await shadows.holding('fup', period(500))).toBe(0);
    expect(await shadows.compare('fup', period(500, 100), Date.now() - 150_000, 5)).toMatchObject({
      gained: 1,
    });
  });

  it('compares with what the policy did live', async () => {
    const held: Effect = { state: 'block' };
    for (const id of ['both', 'gained', 'blocked']) await plan(id, 'home-100');
    await plan('lost', 'home-lite');
    ageSeconds = 1000;
    await act('before', 'throttle');
    await act('over', 'throttle');
    await act('over', 'restore');
    await act('theirs', 'block', { policyId: 'other' });
    await act('on hold', 'throttle');
    await act('on hold', 'hold', { policyId: 'profile:hold', rule: 'legal' });
    await act('faster', 'throttle');
    await act('faster', 'boost');
    await decide('open');
    await decide('ended');
    await decide('ended', { began: false });
    ageSeconds = 0;
    await act('both', 'throttle');
    await act('both', 'restore');
    await act('let go', 'boost');
    await act('lost', 'notify', { userName: 'nul\0 and half \ud800' });
    await act('told', 'notify', { disposition: 'superseded' });
    await act('theirs', 'throttle', { policyId: 'other', rule: '"policyId":"fup"' });
    await decide('both');
    await decide('both', { rule: 'slower' });
    await decide('both', { began: false });
    const gained = await decide('gained', { event: 'block', liveEffect: BOOST });
    await decide('blocked', { liveEffect: held });
    await decide('before');
    const result = await shadows.compare('fup', period(2000), Date.now() - 500_000, 5);
    expect(result).toMatchObject({
      shadow: [
        { kind: 'throttle', decisions: 5, subscribers: 4 },
        { kind: 'block', decisions: 1, subscribers: 1 },
      ],
      live: [
        { kind: 'throttle', decisions: 2, subscribers: 2 },
        { kind: 'notify', decisions: 1, subscribers: 1 },
      ],
      ...{ same: 2, gained: 3, lost: 1, gainedHeld: 1 },
      byPlan: [
        { planId: 'home-100', same: 1, gained: 2, lost: 0 },
        { planId: null, same: 1, gained: 1, lost: 0 },
        { planId: 'home-lite', same: 0, gained: 0, lost: 1 },
      ],
    });
    expect(result.gainedSamples.map(({ subscriberId }) => subscriberId).sort()).toEqual([
      'blocked',
      'gained',
      'open',
    ]);
    expect(result.gainedSamples).toContainEqual({
      ...{ subscriberId: 'gained', planId: 'home-100', rule: 'slow', kind: 'block' },
      ...{ decidedAtMs: gained.decidedAtMs, explanation: gained.explanation },
    });
    expect(result.lostSamples).toMatchObject([{ subscriberId: 'lost', planId: 'home-lite', kind: 'notify' }]);
  });

  it('compares nothing with nothing', async () => {
    expect(await shadows.compare('fup', period(500), 0, 5)).toEqual({
      ...{ shadow: [], live: [], same: 0, gained: 0, lost: 0, gainedHeld: 0 },
      ...{ byPlan: [], gainedSamples: [], lostSamples: [] },
    });
  });
}

const BOOST: Effect = { state: 'boost', downBps: 3e8, upBps: 1e8 };

describe('shadow decisions in PostgreSQL', () => {
  beforeAll(async () => {
    database = await realDatabase('shadows');
  });
  tests();
});

describe('shadow decisions in the embedded Postgres', () => {
  beforeAll(async () => {
    database = await embeddedDatabase();
  });
  tests();
});
