import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACTION_KINDS } from '../../schemas/action.ts';
import { encodeCold, encodeHot } from '../../pipeline/commit/subscriber-codec.ts';
import { NEWEST_BLOB_VERSION, emptySlot } from '../../pipeline/fold/slot-state.ts';
import { pool } from '../../pipeline/pool/pool-rig.contract.ts';
import { FLAGS } from '../../schemas/outcome.ts';
import {
  DAY,
  HOUR,
  LogBuilder,
  MINUTE,
  NOON,
  SETTINGS,
  capPolicy,
  fold,
  plan,
  profile,
} from '../factories.ts';
import { randomLog, randomLogWithControls, randomTariffLog } from '../random-log.ts';
import { CASES } from './cases.ts';
import { AUGUST, JULY } from './tariff-logs.ts';
import { counterLog } from './counter-log.ts';
import { recomputed } from './oracle.ts';
import { factPictures, foldPicture, verifyPicture } from './pictures.ts';
import type { Picture } from './pictures.ts';

function compare(log: LogBuilder, cycleCloseGraceMs = SETTINGS.cycleCloseGraceMs): Picture {
  const state = emptySlot(0, { ...SETTINGS, cycleCloseGraceMs }, 0);
  const effects = fold(state, log.inputs);
  const got = foldPicture(state, effects);
  const run = recomputed(log.inputs, { cycleCloseGraceMs });
  for (const record of effects.outbox) {
    if (record.kind !== 'control' || record.control.kind !== 'pool-effect') continue;
    const { poolId, seq, usedBytes, allowanceBytes, rules } = record.control.effect;
    const content = run.expected.poolEffects.get(JSON.stringify([poolId, seq]));
    expect(JSON.stringify([usedBytes, allowanceBytes, rules])).toBe(content);
  }
  const expected = verifyPicture(run);
  expect(got).toEqual(expected);
  const [facts, expectedFacts] = factPictures(state, run);
  expect(facts).toEqual(expectedFacts);
  const counted = Object.values(state.counts).reduce((a, b) => a + b, 0);
  expect(counted).toBe(run.expected.recordsIn);
  return got;
}

/** More of them on demand: some thousand logs a minute. */
const RUNS = Number(process.env['WEIR_TEST_RUNS'] ?? 250);
/** A bound for busy machines only. */
const TIMEOUT_MS = 600_000;

describe('fold and recomputation', { timeout: TIMEOUT_MS }, () => {
  it('agree on random logs, record by record', () => {
    let actions = 0;
    let late = 0;
    fc.assert(
      fc.property(randomLog(), (log) => {
        const got = compare(log);
        actions += got['actions']?.length ?? 0;
        late += got['late']?.length ?? 0;
      }),
      { numRuns: RUNS },
    );
    // The logs reach what they are meant to reach.
    expect(actions).toBeGreaterThan(50);
    expect(late).toBeGreaterThan(0);
  });

  it('agree on random logs with all controls and NAS profiles', () => {
    const seen = new Set<string>();
    const kinds = new Set<string>();
    fc.assert(
      fc.property(randomLogWithControls(), (log) => {
        const got = compare(log);
        for (const [section, lines] of Object.entries(got)) if (lines.length > 0) seen.add(section);
        for (const kind of ACTION_KINDS)
          if (got['actions']?.some((line) => line.includes(`"${kind}"`)) === true) kinds.add(kind);
      }),
      { numRuns: RUNS },
    );
    for (const section of [
      'adjustments',
      'closed cycles',
      'session ends',
      'dead letters',
      'told',
      'effects',
      'extras',
      'shadows',
      'off-peak',
      'hours',
    ])
      expect(seen).toContain(section);
    for (const kind of ['hold', 'boost']) expect(kinds).toContain(kind);
  });

  it('agree on random logs in which tariffs change all the time', () => {
    const seen = new Set<string>();
    fc.assert(
      // With the longer one several cycles that are over may be open at once.
      fc.property(randomTariffLog(), fc.constantFrom(1, 9), (log, graceDays) => {
        const got = compare(log, graceDays * DAY);
        for (const [section, lines] of Object.entries(got)) if (lines.length > 0) seen.add(section);
      }),
      { numRuns: RUNS },
    );
    for (const section of ['parts', 'carry', 'spent', 'top-up use', 'contributions'])
      expect(seen).toContain(section);
    for (const what of ['cycles', 'accounts', 'parts', 'top-ups', 'blocks', 'terms'])
      expect(seen).toContain(`closed ${what}`);
  });

  it('agree on counters that wrap, restart and leap, on learned intervals and clocks, and on families of sessions', () => {
    fc.assert(
      fc.property(counterLog(), (log) => void compare(log)),
      { numRuns: RUNS },
    );
  });

  it('agree on each case of accounting; all flags are among them', () => {
    const flags = new Set<string>();
    for (const { log } of CASES)
      for (const line of compare(log)['flags'] ?? []) flags.add((JSON.parse(line) as [string])[0]);
    for (const flag of FLAGS) expect(flags, flag).toContain(flag);
  });

  it('agree on a long log of one subscriber', () => {
    const log = new LogBuilder().enforced();
    for (let i = 1; i <= 400; i += 1) {
      log.record({
        eventTimeMs: NOON + i * 37 * MINUTE,
        sessionTimeSeconds: (i % 50) * 37 * 60,
        outputOctets: (i % 50) * 1_000_003,
        inputOctets: (i % 50) * 999_983,
      });
    }
    expect(compare(log)['actions']).not.toEqual([]);
  });

  it('agree on what a line carries with a boost, and for a day after', () => {
    const absurd = (endedHours: number): number => {
      const expiresMs = NOON - endedHours * HOUR;
      const speed = { downBps: 1e9, upBps: 1e9 };
      const log = new LogBuilder().enforced({ boosts: [{ id: 'b', ...speed, fromMs: 0, expiresMs }] });
      for (const minute of [0, 2, 12])
        log.record({ eventTimeMs: NOON + minute * MINUTE, outputOctets: (minute * 60 * 7e8) / 8 });
      return (compare(log)['flags'] ?? []).filter((line) => line.includes('absurd')).length;
    };
    expect([-1, 0, 23, 24].map(absurd)).toEqual([0, 0, 0, 1]);
  });

  it('agree on a service class with a name that every object has a member of', () => {
    const log = new LogBuilder().enforced().record({ serviceClass: 'constructor', outputOctets: 5000 });
    expect(compare(log)['actions']).toHaveLength(1);
  });

  it('agree on how far an entry comes where everybody changes the pool as a cycle begins', () => {
    const log = new LogBuilder().control({ kind: 'plan-version', plan: plan({ capBytes: null }) }).tick(NOON);
    const ids = Array.from({ length: 1500 }, (_, i) => `m${i}`);
    const poolMemberships = [
      { poolId: 'a', fromMs: NOON - DAY, toMs: AUGUST },
      { poolId: 'b', fromMs: AUGUST, toMs: null },
    ];
    for (const subscriberId of ids)
      log.control({ kind: 'subscriber-profile', profile: profile({ subscriberId, poolMemberships }) });
    // Each has used something that it has not told its pool yet.
    for (const subscriberId of ids)
      for (const [i, outputOctets] of [1_000_000, 1_000_001].entries())
        log.record({ subscriberId, sessionId: subscriberId, eventTimeMs: NOON + i, outputOctets });
    // A sweep is under way as well: it stops there too.
    log.control({ kind: 'plan-version', plan: plan({ capBytes: null, version: 2 }) }).tick(AUGUST);
    // Of 1,500 who tell three each some come only with the next entry.
    expect(compare(log)['contributions']).toHaveLength(1500 + 3 * 1322);
    log.tick(AUGUST + 1);
    expect(compare(log)['contributions']).toHaveLength(1500 + 3 * 1500);
  });

  it('agree on sums beyond what can be stored: each stands at the last number', () => {
    const overage = { blockBytes: 6e15, blockPriceMinor: 1, currency: 'EUR', maxBlocks: null };
    const policy = capPolicy();
    const rules = policy.file.rules.map((rule) => ({
      ...rule,
      event: { type: 'overage' as const, params: {} },
    }));
    const log = new LogBuilder()
      .control({
        kind: 'plan-version',
        plan: plan({ classFactors: { '': 1_000_000 }, overage, downBps: 1e12 }),
      })
      .control({ kind: 'policy-version', policy: { ...policy, file: { ...policy.file, rules } } })
      .control({ kind: 'subscriber-profile', profile: profile({ overageConsent: true, poolId: 'family' }) })
      .control({ kind: 'pool-profile', pool: pool() })
      .tick(NOON - HOUR);
    for (const [seq, member] of ['anna', 'bob'].entries()) {
      const contribution = { poolId: 'family', member, cycleStartMs: JULY, seq: seq + 1, leaving: false };
      const countedBytes = Number.MAX_SAFE_INTEGER;
      log.control({ kind: 'pool-contribution', contribution: { ...contribution, countedBytes } });
    }
    for (const hour of [0, 1, 2])
      log.record({
        eventTimeMs: NOON + hour * HOUR,
        sessionTimeSeconds: (3 + hour) * 3600,
        outputOctets: 13e12 + hour,
      });
    const got = compare(log);
    expect(got['actions']).toHaveLength(2);
    expect(got['extras']).toEqual([
      JSON.stringify(['sub-1', JULY, 2, Number.MAX_SAFE_INTEGER, 0].map(String)),
    ]);
    // The month rolls and closes, with more taken back than counts.
    const taken = { downBytes: -4e15, upBytes: 0, atMs: NOON, reason: 'wrong', by: 'ops' };
    log.control({ kind: 'operator', command: { type: 'adjust', subscriberId: 'sub-1', ...taken } });
    log
      .tick(AUGUST + HOUR)
      .tick(AUGUST + 3 * DAY)
      .tick(AUGUST + 3 * DAY + 1);
    expect(compare(log)['closed blocks']).toHaveLength(1);
    const state = emptySlot(0, SETTINGS, 0);
    fold(state, log.inputs);
    for (const subscriber of state.subscribers.values()) {
      expect(() => encodeHot(subscriber, NEWEST_BLOB_VERSION)).not.toThrow();
      expect(() => encodeCold(subscriber, NEWEST_BLOB_VERSION)).not.toThrow();
    }
  });

  it('agree on a subscriber with more sessions than it may have open', () => {
    const log = new LogBuilder().enforced();
    for (let i = 0; i <= 1003; i += 1)
      log.record({ sessionId: `s${i}`, eventTimeMs: NOON + i, outputOctets: 10 + i });
    // One that gave way goes on.
    log.record({ sessionId: 's1', eventTimeMs: NOON + MINUTE, outputOctets: 60 });
    const ends = (compare(log)['session ends'] ?? []).map((line) => (JSON.parse(line) as unknown[])[2]);
    expect(ends.sort()).toEqual(['s0', 's1', 's2', 's3', 's4']);
  });
});
