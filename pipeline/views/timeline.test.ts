import { describe, expect, it } from 'vitest';
import type { TimelineEntry } from '../../schemas/timeline-views.ts';
import { capPolicy, DAY, HOUR, LogBuilder, NOON, plan, profile } from '../../tests/factories.ts';
import { readTimeline } from './timeline.ts';
import { viewRig } from './view-rig.contract.ts';

const CAP = 500e9;
const WEEK_BEFORE = NOON - 7 * DAY;

/** A line that uses up its cap on the 10th of July, with a session before it and one that goes on into the next cycle. */
function eventful(): LogBuilder {
  const log = new LogBuilder();
  log.control({ kind: 'plan-version', plan: plan({ capBytes: CAP }) });
  log.control({ kind: 'policy-version', policy: capPolicy() });
  log.control({
    kind: 'subscriber-profile',
    profile: profile({
      assignments: [
        { planId: 'home-50', fromMs: 0, toMs: NOON - DAY },
        { planId: 'home-100', fromMs: NOON - DAY, toMs: null },
      ],
      topUps: [{ id: 'extra', bytes: 10e9, fromMs: NOON - HOUR, expiresMs: NOON + 40 * DAY }],
      holds: [{ kind: 'customer', fromMs: NOON - 2 * DAY, toMs: NOON - DAY }],
      boosts: [{ id: 'b', downBps: 3e8, upBps: 5e7, fromMs: NOON - 26 * HOUR, expiresMs: NOON - 25 * HOUR }],
    }),
  });
  log.record({ sessionId: 's0', statusType: 'START', eventTimeMs: NOON - 3 * HOUR });
  log.record({ sessionId: 's0', statusType: 'STOP', eventTimeMs: NOON - 2 * HOUR, outputOctets: 10e9 });
  log.record({ statusType: 'START', eventTimeMs: NOON - HOUR });
  log.record({ eventTimeMs: NOON, outputOctets: 400e9 });
  log.record({ eventTimeMs: NOON + HOUR, outputOctets: 520e9 });
  return log;
}

async function entriesOf(log: LogBuilder, nowMs = NOON + 2 * HOUR): Promise<TimelineEntry[]> {
  const { reader, history } = await viewRig(log.inputs, nowMs);
  history.stored.audit.push({
    atMs: NOON + 90 * 60_000,
    who: 'anna',
    action: 'adjust',
    subject: 'sub-1',
    content: { type: 'adjust', downBytes: -5e9, upBytes: 0, reason: 'credit' },
  });
  const change = { kind: 'publish', candidate: null, by: null, source: 'folder', comment: '' } as const;
  history.stored.changes.push({
    ...change,
    policyId: 'home-fup',
    base: 'a'.repeat(64),
    atMs: NOON - 5 * HOUR,
  });
  history.stored.changes.push({ ...change, policyId: 'elsewhere', base: 'v', atMs: NOON });
  const view = await readTimeline(reader, 'sub-1', {
    fromMs: WEEK_BEFORE,
    toMs: nowMs,
    limit: 500,
    before: null,
  });
  return view?.entries ?? [];
}

describe('a timeline', () => {
  it('tells everything in order, the newest first', async () => {
    const told = (await entriesOf(eventful())).map(({ at, kind, text }) => {
      const hours = (Date.parse(at) - NOON) / HOUR;
      return `${String(Math.round(hours * 100) / 100)} ${kind}: ${text}`;
    });
    expect(told).toEqual([
      '1.5 command: anna asked: adjust usage by -5.000 GB down, 0 bytes up (credit)',
      expect.stringMatching(
        /^0.98 action: throttle to 2\/0.512 Mbit\/s by home-fup\/slow-at-cap .*; delivered: CoA-ACK from nas-1$/,
      ),
      '0 usage: 120.000 GB down, 0 bytes up',
      '-1 profile: top-up extra of 10.000 GB is live',
      '-1 session-start: session s1 began on nas-1; it is open',
      '-1 usage: 400.000 GB down, 0 bytes up',
      '-2 session-end: session s0 ended on nas-1 after 1 h: 10.000 GB down, 0 bytes up',
      '-3 session-start: session s0 began on nas-1',
      '-3 usage: 10.000 GB down, 0 bytes up',
      '-5 policy-change: policy home-fup published by somebody: version aaaaaaaa decides',
      '-24 profile: plan home-100 begins',
      '-24 profile: hold (customer) ends',
      '-25 profile: boost b expires',
      '-26 profile: boost b to 300/50 Mbit/s is live',
      '-48 profile: on hold (customer)',
    ]);
  });

  it('has actions with why they were decided, and nothing that is personal', async () => {
    const entries = await entriesOf(eventful());
    expect(entries.find(({ kind }) => kind === 'action')).toMatchObject({
      action: 'throttle',
      policyId: 'home-fup',
      attempts: 1,
      explanation: [{ fact: 'capUsedPercent', expected: 100, result: true }],
    });
    const text = JSON.stringify(entries);
    expect(text).not.toContain('alice');
    expect(text).not.toContain('198.51.100.7');
  });

  it('tells of cycles that ended, of what came late, and of adjustments', async () => {
    const log = eventful();
    const august = Date.UTC(2026, 7, 2, 12);
    log.record({ eventTimeMs: august, outputOctets: 521e9 });
    log.tick(august + 2 * DAY);
    const late = log.record(
      {
        sessionId: 's9',
        statusType: 'STOP',
        sessionTimeSeconds: 3600,
        outputOctets: 7e9,
        eventTimeMs: NOON + 18 * DAY,
      },
      august + 2 * DAY,
    );
    const nowMs = august + 3 * DAY;
    const { reader } = await viewRig(late.inputs, nowMs);
    const view = await readTimeline(reader, 'sub-1', {
      fromMs: NOON + DAY,
      toMs: nowMs,
      limit: 500,
      before: null,
    });
    const told = view?.entries.map(({ kind, text }) => `${kind}: ${text}`) ?? [];
    expect(
      told.some((line) =>
        /^cycle-end: billing cycle ended and the next began: .*went to billing$/.test(line),
      ),
    ).toBe(true);
    expect(told.find((line) => line.startsWith('adjustment'))).toContain('late-usage');
    expect(told).toContain('late-usage: arrived late: 7.000 GB down, 0 bytes up, used within 1 h');
  });

  it('is the same page by page', async () => {
    const whole = await entriesOf(eventful());
    const { reader } = await viewRig(eventful().inputs, NOON + 2 * HOUR);
    const paged: TimelineEntry[] = [];
    for (let before: string | null = ''; before !== null;) {
      const page: Awaited<ReturnType<typeof readTimeline>> = await readTimeline(reader, 'sub-1', {
        fromMs: WEEK_BEFORE,
        toMs: NOON + 2 * HOUR,
        limit: 2,
        before: before === '' ? null : before,
      });
      paged.push(...(page?.entries ?? []));
      before = page?.next ?? null;
    }
    const people = ['command', 'policy-change'];
    expect(paged.map(({ text }) => text)).toEqual(
      whole.filter(({ kind }) => !people.includes(kind)).map(({ text }) => text),
    );
  });

  it('knows subscribers that are known', async () => {
    const { reader } = await viewRig(eventful().inputs, NOON);
    expect(
      await readTimeline(reader, 'nobody', { fromMs: 0, toMs: NOON, limit: 1, before: null }),
    ).toBeNull();
  });
});
