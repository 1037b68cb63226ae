import { describe, expect, it } from 'vitest';
import type { PolicyVersion } from '../../schemas/policy.ts';
import type { ExplainView } from '../../schemas/timeline-views.ts';
import { capPolicy, DAY, HOUR, LogBuilder, MINUTE, NOON, plan, profile } from '../../tests/factories.ts';
import { readExplanation } from './explain.ts';
import { viewRig } from './view-rig.contract.ts';

const CYCLE_END = Date.UTC(2026, 7, 1);

function policyOf(id: string, over: Partial<PolicyVersion['file']>): PolicyVersion {
  const rules: PolicyVersion['file']['rules'] = [
    {
      name: 'heavy',
      conditions: { all: [{ fact: 'cycleTotalBytes', operator: 'greaterThan', value: 1_000_000_000 }] },
      event: { type: 'throttle', params: { downBps: 8_000_000, upBps: 1_000_000 } },
    },
  ];
  return { policyId: id, version: `${id}-1`, file: { id, description: '', mode: 'enforce', rules, ...over } };
}

/** 600 GB of a cap of 500 GB used by 13:00, with other policies beside the one that throttles. */
function throttled(): LogBuilder {
  const log = new LogBuilder();
  log.control({ kind: 'plan-version', plan: plan({ capBytes: 500e9 }) });
  log.control({ kind: 'policy-version', policy: capPolicy() });
  log.control({ kind: 'policy-version', policy: policyOf('other-heavy', {}) });
  log.control({
    kind: 'policy-version',
    policy: policyOf('for-firms', { appliesTo: { segments: ['business'] } }),
  });
  log.control({ kind: 'policy-version', policy: policyOf('trial', { mode: 'shadow' }) });
  log.control({ kind: 'subscriber-profile', profile: profile({ zone: 'Europe/Berlin' }) });
  log.record({ statusType: 'START', eventTimeMs: NOON - HOUR });
  log.record({ eventTimeMs: NOON, outputOctets: 400e9, inputOctets: 10e9 });
  log.record({ eventTimeMs: NOON + HOUR, outputOctets: 580e9, inputOctets: 20e9 });
  return log;
}

async function explain(log: LogBuilder, atMs: number | null, id = 'sub-1'): Promise<ExplainView> {
  const { reader } = await viewRig(log.inputs, NOON + 2 * HOUR);
  const view = await readExplanation(reader, id, atMs);
  if (view === null) throw new Error('it is not known');
  return view;
}

function factOf({ facts }: ExplainView, name: string) {
  const fact = facts.find((each) => each.name === name);
  if (fact === undefined) throw new Error(`no fact ${name}`);
  return fact;
}

describe('the explanation of now', () => {
  it('tells what acts, why it goes before the others, and what the network answered', async () => {
    const view = await explain(throttled(), null);
    expect(view).toMatchObject({
      subscriberId: 'sub-1',
      zone: 'Europe/Berlin',
      at: new Date(NOON + HOUR - MINUTE).toISOString(),
      basis: 'stored',
      notes: [],
      desired: { state: 'throttle', downBps: 2_000_000, upBps: 512_000 },
      because: 'home-fup/slow-at-cap acts; it goes before another that acts too',
      wishes: [
        { by: 'home-fup/slow-at-cap', wants: 'throttle to 2/0.512 Mbit/s', wins: true },
        { by: 'other-heavy/heavy', wants: 'throttle to 8/1 Mbit/s', wins: false },
      ],
      lastChange: {
        action: 'throttle',
        rule: 'slow-at-cap',
        state: 'delivered',
        detail: 'CoA-ACK from nas-1',
      },
    });
    expect(view.lastChange?.policyVersion).toBe(capPolicy().version);
  });

  it('gives each rule that applies with the verdict and the values, and why others do not', async () => {
    const { policies } = await explain(throttled(), null);
    expect(policies.map(({ policyId, mode, applies, why }) => [policyId, mode, applies, why])).toEqual([
      ['for-firms', 'enforce', false, 'it is for segments business'],
      ['home-fup', 'enforce', true, 'it decides'],
      ['other-heavy', 'enforce', true, 'it decides'],
      ['trial', 'shadow', true, 'it shows what it would do; nothing is sent'],
    ]);
    expect(policies[1]?.rules).toMatchObject([
      {
        rule: 'slow-at-cap',
        asks: 'throttle to 2/0.512 Mbit/s',
        holds: true,
        acting: true,
        until: 'while the conditions hold, at least 15 min',
        conditions: [
          { depth: 0, group: 'all', result: true },
          { depth: 1, fact: 'capUsedPercent', expected: 100, actual: 120, result: true },
        ],
      },
    ]);
  });

  it('has all facts with their units', async () => {
    const view = await explain(throttled(), null);
    expect(factOf(view, 'cycleTotalBytes')).toMatchObject({ value: 600e9, unit: 'bytes', known: 'stored' });
    expect(factOf(view, 'capUsedPercent')).toMatchObject({ value: 120, unit: '%' });
    expect(factOf(view, 'isThrottled').value).toBe(true);
    expect(view.facts.every(({ description }) => description !== '')).toBe(true);
    expect(view.facts.map(({ name }) => name)).not.toContain('byClass');
  });

  it('says what is missing to a threshold, and when something changes by itself', async () => {
    const log = new LogBuilder();
    log.control({ kind: 'plan-version', plan: plan({ capBytes: 500e9 }) });
    log.control({ kind: 'policy-version', policy: capPolicy() });
    log.control({ kind: 'subscriber-profile', profile: profile() });
    log.record({ statusType: 'START', eventTimeMs: NOON - HOUR });
    log.record({ eventTimeMs: NOON, outputOctets: 487_700_000_000 });
    const view = await explain(log, null);
    expect(view.because).toBe('no rule acts, plan home-100');
    expect(view.policies[0]?.rules[0]).toMatchObject({ holds: false, acting: false, since: null });
    expect(view.policies[0]?.rules[0]?.conditions[1]?.text).toBe(
      'capUsedPercent at least 100 %: it is 97.54 %, 12.300 GB to go',
    );
    expect(view.lastChange).toBeNull();
    expect(view.nextDue).toBe(new Date(CYCLE_END).toISOString());
  });

  it('says in whose share of a candidate the subscriber is', async () => {
    const candidate = (percent: number) => policyOf('home-fup', { mode: 'percent', percent });
    const inside = throttled()
      .control({ kind: 'policy-version', policy: candidate(100) })
      .tick(NOON + 2 * HOUR);
    const outside = throttled()
      .control({ kind: 'policy-version', policy: candidate(0) })
      .tick(NOON + 2 * HOUR);
    const told = async (log: LogBuilder) =>
      (await explain(log, null)).policies
        .filter(({ policyId }) => policyId === 'home-fup')
        .map(({ role, applies, why }) => [role, applies, why]);
    expect(await told(inside)).toEqual([
      ['base', false, 'the candidate home-fup-1 decides: the subscriber is among its 100 %'],
      ['candidate', true, 'it decides: the subscriber is among its 100 %'],
    ]);
    expect(await told(outside)).toEqual([
      ['base', true, 'it decides'],
      ['candidate', false, 'the subscriber is not among its 0 %'],
    ]);
  });

  it('knows subscribers that are known, and times that were', async () => {
    const { reader } = await viewRig(throttled().inputs, NOON + 2 * HOUR);
    expect(await readExplanation(reader, 'nobody', null)).toBeNull();
    await expect(readExplanation(reader, 'sub-1', NOON + 3 * HOUR)).rejects.toMatchObject({
      code: 'invalid-input',
    });
    expect(await readExplanation(reader, 'sub-1', NOON + 2 * HOUR)).toMatchObject({ basis: 'stored' });
  });
});

describe('the explanation of a time that is over', () => {
  const before = NOON + 30 * MINUTE;

  async function then(atMs: number, changedMs: number): Promise<ExplainView> {
    const { reader, history } = await viewRig(throttled().tick(NOON + 5 * HOUR).inputs, NOON + 6 * HOUR);
    const policy = capPolicy();
    history.stored.versions.push(policy);
    history.stored.changes.push({
      policyId: 'home-fup',
      kind: 'publish',
      base: policy.version,
      candidate: null,
      atMs: changedMs,
      by: 'anna',
      source: 'api',
      comment: '',
    });
    const view = await readExplanation(reader, 'sub-1', atMs);
    if (view === null) throw new Error('it is not known');
    return view;
  }

  it('adds usage up anew to the last window that had ended, and says so', async () => {
    const view = await then(before, NOON - DAY);
    expect(view).toMatchObject({ basis: 'reconstructed', nextDue: null, at: new Date(before).toISOString() });
    expect(view.notes.join(' ')).toContain('Facts of the past are not kept');
    // 410 GB, and half of the hour's 190 GB, whose windows differ by an octet.
    expect(factOf(view, 'cycleTotalBytes').known).toBe('reconstructed');
    expect(Number(factOf(view, 'cycleTotalBytes').value) - 505e9).toBeCloseTo(0, -1);
    expect(factOf(view, 'capUsedPercent').value).toBeCloseTo(101);
    expect(factOf(view, 'hourOfDay').value).toBe(14);
    expect(factOf(view, 'openSessions').value).toBe(1);
    expect(factOf(view, 'segment').known).toBe('as of now');
    expect(view.because).toBe('no rule acts, plan home-100');
  });

  it('evaluates the policies that were in force', async () => {
    const view = await then(before, NOON - DAY);
    expect(view.policies).toMatchObject([
      { policyId: 'home-fup', applies: true, rules: [{ holds: true, acting: null }] },
    ]);
    expect((await then(before, NOON + DAY)).policies).toEqual([]);
  });

  it('comes to the facts that decided, with the decision as it was stored', async () => {
    const decidedMs = NOON + HOUR - MINUTE;
    const view = await then(decidedMs + HOUR, NOON - DAY);
    expect(factOf(view, 'cycleTotalBytes').value).toBe(600e9);
    expect(factOf(view, 'isThrottled').value).toBe(true);
    expect(factOf(view, 'throttledSeconds').value).toBe(3600);
    expect(view).toMatchObject({
      desired: { state: 'throttle', downBps: 2_000_000 },
      because: 'home-fup/slow-at-cap had acted',
      lastDecision: {
        at: new Date(decidedMs).toISOString(),
        policyVersion: capPolicy().version,
        explanation: [{ fact: 'capUsedPercent', actual: 120, expected: 100, result: true }],
      },
    });
  });

  it('has the allowance of the parts that had begun, and not what a later change brought', async () => {
    const log = new LogBuilder();
    const changeMs = NOON + HOUR / 2;
    log.control({ kind: 'plan-version', plan: plan({ capBytes: 500e9, capProration: 'prorated' }) });
    const large = plan({ planId: 'large', capBytes: 900e9, capProration: 'prorated' });
    log.control({ kind: 'plan-version', plan: large });
    const before = profile({ zone: 'UTC', carryOverBytes: 0 });
    const [first] = before.assignments;
    if (first === undefined) throw new Error('the profile has a plan');
    const assignments = [
      { ...first, toMs: changeMs },
      { planId: 'large', fromMs: changeMs, toMs: null },
    ];
    log.control({ kind: 'subscriber-profile', profile: { ...before, assignments, asOfMs: changeMs } });
    log.record({ statusType: 'START', eventTimeMs: NOON - HOUR });
    log.record({ eventTimeMs: NOON, outputOctets: 4e9, inputOctets: 0 });
    log.record({ eventTimeMs: NOON + HOUR, outputOctets: 8e9, inputOctets: 0 });
    const { reader } = await viewRig(log.inputs, NOON + 2 * HOUR);
    const at = async (atMs: number): Promise<[unknown, unknown]> => {
      const view = await readExplanation(reader, 'sub-1', atMs);
      if (view === null) throw new Error('it is not known');
      return [factOf(view, 'planId').value, factOf(view, 'allowanceBytes').value];
    };
    const [planThen, capThen] = await at(NOON);
    const [planNow, capNow] = await at(NOON + 50 * MINUTE);
    expect([planThen, planNow]).toEqual([first.planId, 'large']);
    const share = (changeMs - Date.UTC(2026, 6, 1)) / (31 * DAY);
    expect(Number(capThen)).toBeCloseTo(500e9 * share, -3);
    expect(Number(capNow)).toBeCloseTo(500e9 * share + 900e9 * (1 - share), -3);
  });

  it('may lie before everything', async () => {
    for (const atMs of [NOON - 3 * HOUR, 0, Date.parse('0001-01-01T00:00:00Z')]) {
      const view = await then(atMs, NOON);
      expect(view, String(atMs)).toMatchObject({ basis: 'reconstructed', lastDecision: null, policies: [] });
      expect(factOf(view, 'cycleTotalBytes').value).toBe(0);
    }
  });

  it('goes on with what a policy of then asks, though this program can not read one of them', async () => {
    const { reader, history } = await viewRig(throttled().tick(NOON + 5 * HOUR).inputs, NOON + 6 * HOUR);
    const broken = policyOf('broken', {});
    broken.file.rules = [
      { ...capPolicy().file.rules[0], conditions: { condition: 'nowhere' } },
    ] as typeof broken.file.rules;
    for (const version of [broken, capPolicy()]) {
      history.stored.versions.push(version);
      const change = { kind: 'publish', candidate: null, by: null, source: 'api', comment: '' } as const;
      history.stored.changes.push({ ...change, policyId: version.policyId, base: version.version, atMs: 0 });
    }
    const view = await readExplanation(reader, 'sub-1', before);
    expect(view?.notes.at(-1)).toMatch(/^Policy broken of then can not be read any more: /);
    expect(view?.policies).toMatchObject([
      { policyId: 'broken', applies: false, why: 'it could not be compiled' },
      { policyId: 'home-fup', applies: true },
    ]);
  });
});

describe('notes of now', () => {
  it('say where the network has not confirmed, and where the ledger is behind', async () => {
    const { reader, history } = await viewRig(throttled().inputs, NOON + 2 * HOUR);
    const [action] = history.stored.actions;
    if (action === undefined) throw new Error('nothing was decided');
    action.state = 'rejected';
    expect((await readExplanation(reader, 'sub-1', null))?.notes).toEqual([
      'The network has not confirmed the last change of the line: it is rejected.',
    ]);
    history.stored.actions = [];
    expect((await readExplanation(reader, 'sub-1', null))?.notes).toEqual([
      'The ledger does not have the last change of the line yet: look again in a moment.',
    ]);
  });

  it('say that nobody assigned a plan', async () => {
    const view = await explain(new LogBuilder().record({ outputOctets: 5 }), null);
    expect(view.notes).toEqual(['There is no profile: no plan, and no policy for a plan applies.']);
  });
});
