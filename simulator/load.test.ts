import { describe, expect, it } from 'vitest';
import { generateRecords, type LoadOptions } from './load.ts';

const OPTIONS: LoadOptions = {
  seed: 3,
  subscribers: 40,
  records: 5_000,
  duplicates: 0.1,
  reordering: 0.1,
  startMs: Date.UTC(2026, 0, 5),
};

describe('generateRecords', () => {
  it.each([1, 2, 39, 5_000])('gives exactly %i records', (records) => {
    expect([...generateRecords({ ...OPTIONS, records }).records]).toHaveLength(records);
  });

  it('gives the same records for the same seed', () => {
    const once = JSON.stringify([...generateRecords(OPTIONS).records]);
    expect(JSON.stringify([...generateRecords(OPTIONS).records])).toBe(once);
    expect(JSON.stringify([...generateRecords({ ...OPTIONS, seed: 4 }).records])).not.toBe(once);
  });

  it('adds up: the highest totals of the sessions are the totals of their subscriber', () => {
    const load = generateRecords(OPTIONS);
    const highest = new Map<string, number>();
    const reversed = 'nas-04';
    for (const { record } of load.records) {
      const [down, words] =
        record.nas_id === reversed
          ? [record.input_octets, record.input_gigawords]
          : [record.output_octets, record.output_gigawords];
      const name = `${record.subscriber_id} ${record.session_id}`;
      highest.set(name, Math.max(highest.get(name) ?? 0, (words ?? 0) * 2 ** 32 + (down ?? 0)));
    }
    for (const [subscriberId, { downBytes }] of load.totals) {
      const sum = [...highest]
        .filter(([name]) => name.startsWith(`${subscriberId} `))
        .map(([, down]) => down);
      expect(sum.reduce((a, b) => a + b, 0)).toBe(downBytes);
      expect(downBytes).toBeGreaterThan(0);
    }
  });

  it('copies and holds back at about the set rates, and arrives in order', () => {
    const records = [...generateRecords(OPTIONS).records];
    const ids = new Set(records.map(({ record }) => record.record_id));
    const retransmitted = records.filter(({ record }) => record.acct_delay_seconds > 0).length;
    expect((records.length - ids.size + retransmitted) / ids.size).toBeGreaterThan(0.08);
    expect((records.length - ids.size + retransmitted) / ids.size).toBeLessThan(0.12);
    const late = records.filter(({ record }, at) => {
      const before = records[at - 1]?.record.event_time ?? 0;
      return (record.event_time ?? 0) < before;
    });
    expect(late.length / records.length).toBeGreaterThan(0.12);
    let lastMs = 0;
    for (const { arrivalMs } of records) {
      expect(arrivalMs).toBeGreaterThanOrEqual(lastMs);
      lastMs = arrivalMs;
    }
  });

  it('makes neither copies nor disorder at rate 0', () => {
    const records = [...generateRecords({ ...OPTIONS, duplicates: 0, reordering: 0 }).records];
    expect(new Set(records.map(({ record }) => record.record_id)).size).toBe(records.length);
    const times = records.map(({ record }) => record.event_time ?? 0);
    expect([...times].sort((a, b) => a - b)).toEqual(times);
    expect(new Set(records.map(({ record }) => record.status_type))).toEqual(
      new Set(['START', 'INTERIM_UPDATE', 'STOP']),
    );
  });
});
