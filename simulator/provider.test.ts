import { describe, expect, it } from 'vitest';
import type { AccountingRecord } from '../schemas/accounting-record.ts';
import type { SimRecord } from './delivery.ts';
import { NO_FAULTS } from './faults.ts';
import { createProvider, type Provider, type ProviderOptions } from './provider.ts';
import type { SessionTruth } from './session.ts';

const START = Date.UTC(2026, 2, 10, 17);
const HOUR = 3_600_000;
const BASE: ProviderOptions = { seed: 11, subscribers: 120, startMs: START };
const EVERYTHING_BREAKS: Partial<ProviderOptions> = {
  faults: {
    exactDuplicates: 0.05,
    retransmissions: 0.05,
    reordering: 0.05,
    missingStops: 0.2,
    missingStarts: 0.2,
    reusedIds: 0.5,
    nullEventTimes: 0.05,
    rebootsPerNasDay: 4,
  },
};

function run(options: Partial<ProviderOptions>, hours: number): { provider: Provider; records: SimRecord[] } {
  const provider = createProvider({ ...BASE, ...options });
  return { provider, records: provider.advance(START + hours * HOUR) };
}

/** Total of a record by the RFC: gigawords * 2^32 + octets; as the subscriber sees it. */
function totals(provider: Provider, record: AccountingRecord): { down: number; up: number } {
  const nas = provider.nas.find(({ profile }) => profile.nasId === record.nas_id);
  const input = (record.input_gigawords ?? 0) * 2 ** 32 + (record.input_octets ?? 0);
  const output = (record.output_gigawords ?? 0) * 2 ** 32 + (record.output_octets ?? 0);
  return nas?.profile.reversed === true ? { down: input, up: output } : { down: output, up: input };
}

function eventMs(record: AccountingRecord): number {
  return record.event_time ?? (record.received_at ?? 0) - record.acct_delay_seconds * 1_000;
}

/** The session that a record speaks of: same name, and the start it implies. */
function sessionOf(truth: SessionTruth[], record: AccountingRecord): SessionTruth | undefined {
  const startMs = eventMs(record) - (record.session_time ?? 0) * 1_000;
  return truth.find(
    (each) =>
      each.nasId === record.nas_id &&
      each.subscriberId === record.subscriber_id &&
      each.sessionId === record.session_id &&
      Math.abs(each.startMs - startMs) <= 1_000,
  );
}

describe('Provider', () => {
  it('gives the same bytes for the same seed, however time is cut', () => {
    const whole = run(EVERYTHING_BREAKS, 6).records;
    const cut = createProvider({ ...BASE, ...EVERYTHING_BREAKS });
    const parts: SimRecord[] = [];
    for (let atMs = START; atMs < START + 6 * HOUR; atMs += 77_777) parts.push(...cut.advance(atMs));
    parts.push(...cut.advance(START + 6 * HOUR));
    expect(whole.length).toBeGreaterThan(5_000);
    expect(JSON.stringify(parts)).toBe(JSON.stringify(whole));
  });

  it('gives other records for another seed or generation', () => {
    const first = JSON.stringify(run({}, 1).records);
    expect(JSON.stringify(run({ seed: 12 }, 1).records)).not.toBe(first);
    expect(JSON.stringify(run({ generation: 2 }, 1).records)).not.toBe(first);
  });

  it('repeats itself with the same speed changes at the same times', () => {
    const play = (): string => {
      const { provider, records } = run(EVERYTHING_BREAKS, 1);
      for (const session of provider.truth().filter(({ end }) => end === 'open')) {
        provider.setSpeed(session, { downBps: 1_000_000, upBps: 500_000 });
      }
      return JSON.stringify([...records, ...provider.advance(START + 3 * HOUR)]);
    };
    expect(play()).toBe(play());
  });

  it('hands records out in order of arrival, never before their event', () => {
    const { records } = run(EVERYTHING_BREAKS, 4);
    let lastMs = START;
    for (const { record, arrivalMs } of records) {
      expect(arrivalMs).toBeGreaterThanOrEqual(lastMs);
      expect(arrivalMs).toBeGreaterThan(eventMs(record));
      lastMs = arrivalMs;
    }
  });

  it('keeps counters that never fall within a session, and ends at the truth', () => {
    const { provider, records } = run(EVERYTHING_BREAKS, 12);
    const truth = provider.truth();
    const bySession = new Map<SessionTruth, { atMs: number; down: number; up: number; status: string }[]>();
    for (const { record } of records) {
      if (record.subscriber_id === '') continue;
      const session = sessionOf(truth, record);
      if (session === undefined) throw new Error(`no session for ${JSON.stringify(record)}`);
      const said = bySession.get(session) ?? [];
      said.push({ atMs: eventMs(record), status: record.status_type, ...totals(provider, record) });
      bySession.set(session, said);
    }
    for (const [session, said] of bySession) {
      said.sort((a, b) => a.atMs - b.atMs || a.down - b.down);
      const counted = said.filter(({ status }) => status !== 'START');
      let last = { down: 0, up: 0 };
      for (const each of counted) {
        expect(each.down).toBeGreaterThanOrEqual(last.down);
        expect(each.up).toBeGreaterThanOrEqual(last.up);
        last = each;
      }
      expect(last).toMatchObject({ down: session.reportedDownBytes, up: session.reportedUpBytes });
      expect(session.reportedDownBytes).toBeLessThanOrEqual(session.downBytes);
      expect(session.records).toBe(said.length);
    }
    expect(bySession.size).toBeGreaterThan(200);
  });

  it('reports all that was carried where nothing goes wrong and the session has stopped', () => {
    const { provider } = run({ faults: NO_FAULTS }, 24);
    const stopped = provider
      .truth()
      .filter(({ end, endMs }) => end === 'stopped' && (endMs ?? 0) < START + 23 * HOUR);
    expect(stopped.length).toBeGreaterThan(50);
    for (const session of stopped) {
      expect(session.reportedDownBytes).toBe(session.downBytes);
      expect(session.reportedUpBytes).toBe(session.upBytes);
    }
  });

  it('splits totals beyond 2^32 in octets and gigawords, left out when zero on some NAS', () => {
    const { provider, records } = run({ faults: NO_FAULTS }, 2);
    const counted = records
      .map(({ record }) => record)
      .filter(({ output_octets: octets }) => octets !== null);
    expect(counted.every(({ output_octets: octets }) => (octets ?? 0) < 2 ** 32)).toBe(true);
    expect(counted.some(({ output_gigawords: words }) => (words ?? 0) > 0)).toBe(true);
    const omitting = new Set(
      provider.nas.filter((nas) => nas.omitsZeroGigawords).map((nas) => nas.profile.nasId),
    );
    const absent = new Set(
      counted.filter(({ output_gigawords: words }) => words === null).map(({ nas_id: id }) => id),
    );
    expect(absent).toEqual(omitting);
  });

  it('never carries more than speed x time, before and after a CoA', () => {
    const { provider } = run({ faults: NO_FAULTS }, 0.5);
    const name = provider.truth().find(({ subscriberId }) => subscriberId === 'sub-000001');
    if (name === undefined) throw new Error('no starter');
    const before = name;
    const fast = ((before.speed.downBps / 8) * (provider.nowMs - before.startMs)) / 1_000;
    expect(before.downBytes).toBeLessThanOrEqual(fast);
    expect(before.downBytes).toBeGreaterThan(fast * 0.99);

    expect(provider.setSpeed(name, { downBps: 2_000_000, upBps: 512_000 })).toBe(true);
    provider.advance(provider.nowMs + HOUR / 2);
    const after = provider
      .truth()
      .find(({ sessionId, nasId }) => sessionId === name.sessionId && nasId === name.nasId);
    if (after === undefined) throw new Error('the session is gone');
    const slow = (2_000_000 / 8) * 1_800;
    expect(after.downBytes - before.downBytes).toBeLessThanOrEqual(slow);
    expect(after.downBytes - before.downBytes).toBeGreaterThan(slow * 0.99);
    expect(after.upBytes - before.upBytes).toBeLessThanOrEqual((512_000 / 8) * 1_800);
  });

  it('shows a throttle in the next interims, and in the next login', () => {
    const { provider } = run({ faults: NO_FAULTS }, 0.5);
    const name = provider.truth().find(({ subscriberId }) => subscriberId === 'sub-000001');
    if (name === undefined) throw new Error('no starter');
    provider.setSpeed(name, { downBps: 2_000_000, upBps: 512_000 });
    const said = provider
      .advance(provider.nowMs + HOUR / 4)
      .filter(({ key }) => key === 'sub-000001')
      .map(({ record }) => totals(provider, record).down);
    expect(said.length).toBeGreaterThanOrEqual(3);
    expect((said.at(-1) ?? 0) - (said.at(-2) ?? 0)).toBeLessThanOrEqual((2_000_000 / 8) * 300);

    expect(provider.disconnect(name)).toBe(true);
    provider.advance(provider.nowMs + HOUR / 4);
    const next = provider.truth().find(({ userName, end }) => userName === name.userName && end === 'open');
    expect(next?.sessionId).not.toBe(name.sessionId);
    expect(next?.speed).toEqual({ downBps: 2_000_000, upBps: 512_000 });
  });

  it('gives the next login the speed of a CoA that came too late, and the plan speed again after a restore', () => {
    const { provider } = run({ faults: NO_FAULTS }, 0.5);
    const name = provider.truth().find(({ subscriberId }) => subscriberId === 'sub-000001');
    if (name === undefined) throw new Error('no starter');
    const relogin = (): SessionTruth | undefined => {
      const open = provider.truth().find(({ userName, end }) => userName === name.userName && end === 'open');
      if (open !== undefined) provider.disconnect(open);
      provider.advance(provider.nowMs + HOUR / 4);
      return provider.truth().find(({ userName, end }) => userName === name.userName && end === 'open');
    };
    provider.disconnect(name);
    expect(provider.setSpeed(name, { downBps: 2_000_000, upBps: 512_000 })).toBe(false);
    expect(relogin()?.speed.downBps).toBe(2_000_000);
    provider.setSpeed(name, { downBps: name.speed.downBps, upBps: name.speed.upBps });
    expect(provider.aaa.entries()).toEqual([]);
    expect(relogin()?.speed).toEqual(name.speed);
  });

  it('knows a session by NAS, user and id together', () => {
    const { provider } = run({}, 0.5);
    const [name] = provider.truth();
    if (name === undefined) throw new Error('no session');
    const { nasId, userName, sessionId } = name;
    const speed = { downBps: 1, upBps: 1 };
    expect(provider.setSpeed({ nasId, userName, sessionId: 'other' }, speed)).toBe(false);
    expect(provider.setSpeed({ nasId, userName: 'other', sessionId }, speed)).toBe(false);
    expect(provider.setSpeed({ nasId: 'other', userName, sessionId }, speed)).toBe(false);
    expect(provider.disconnect({ nasId, userName: 'other', sessionId })).toBe(false);
    expect(provider.truth().some(({ speed: { downBps } }) => downBps === 1)).toBe(false);
  });

  it('takes a starter over its cap within 16 simulated minutes', () => {
    const { provider } = run({}, 16 / 60);
    const starter = provider.truth().find(({ subscriberId }) => subscriberId === 'sub-000001');
    expect((starter?.reportedDownBytes ?? 0) + (starter?.reportedUpBytes ?? 0)).toBeGreaterThan(
      50_000_000_000,
    );
  });

  it('makes faults at about the rates that were set', () => {
    const { provider, records } = run(EVERYTHING_BREAKS, 24);
    const { counts } = provider;
    for (const share of [
      counts.exactDuplicates,
      counts.retransmissions,
      counts.held,
      counts.nullEventTimes,
    ]) {
      expect(share / counts.statements).toBeGreaterThan(0.04);
      expect(share / counts.statements).toBeLessThan(0.06);
    }
    const truth = provider.truth();
    const ended = truth.filter(({ end }) => end === 'stopped' || end === 'stop-lost');
    const lost = ended.filter(({ end }) => end === 'stop-lost').length / ended.length;
    expect(lost).toBeGreaterThan(0.13);
    expect(lost).toBeLessThan(0.27);
    expect(truth.some(({ end }) => end === 'nas-reboot')).toBe(true);
    const events = records.filter(({ record }) => record.status_type === 'ACCOUNTING_ON');
    expect(events.length).toBeGreaterThan(3);
    expect(events.every(({ key, record }) => key === record.nas_id && record.subscriber_id === '')).toBe(
      true,
    );
    const names = truth.map(({ nasId, sessionId }) => `${nasId} ${sessionId}`);
    expect(new Set(names).size).toBeLessThan(names.length);
    const ids = records.map(({ record }) => record.record_id);
    const copies = ids.length - new Set(ids).size;
    // Some copies are still under way.
    expect(copies).toBeGreaterThan(counts.exactDuplicates * 0.9);
    expect(copies).toBeLessThanOrEqual(counts.exactDuplicates);
  });

  it('lets users roam, and have several sessions at once', () => {
    const { provider } = run({ faults: NO_FAULTS }, 24);
    const nasOf = new Map<string, Set<string>>();
    for (const { subscriberId, nasId } of provider.truth()) {
      nasOf.set(subscriberId, (nasOf.get(subscriberId) ?? new Set()).add(nasId));
    }
    expect([...nasOf.values()].some((seen) => seen.size > 1)).toBe(true);
    const open = provider.truth().filter(({ end }) => end === 'open');
    expect(new Set(open.map(({ subscriberId }) => subscriberId)).size).toBeLessThan(open.length);
  });

  it('forgets closed sessions where it was told to', () => {
    const { provider } = run({ keepsClosed: false }, 24);
    expect(provider.truth().every(({ end }) => end === 'open')).toBe(true);
    expect(provider.truth()).toHaveLength(provider.openSessions);
  });
});
