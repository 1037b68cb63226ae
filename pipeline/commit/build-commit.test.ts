import { describe, expect, it } from 'vitest';
import type { SlotCommit } from '../../storage/ports.ts';
import { HOUR, LogBuilder, MINUTE, NOON, fold, freshSlot, plan } from '../../tests/factories.ts';
import type { BatchEffects } from '../fold/effects.ts';
import { noEffects } from '../fold/effects.ts';
import type { SlotState } from '../fold/slot-state.ts';
import { buildCommit } from './build-commit.ts';
import type { Retention } from './build-commit.ts';

const SLOT = { group: 'weir', topic: 'accounting', partition: 0 };
const LEASE = { epoch: 1, token: 't', seq: 4 };

function retention(fields: Partial<Retention> = {}): Retention {
  return { flushedThrough: 0, committedFlushed: 0, oneShots: [], ...fields };
}

function built(state: SlotState, effects: BatchEffects, held = retention()): SlotCommit {
  return buildCommit(SLOT, LEASE, 'c1', state, effects, held, [{ n: 7, bytes: new Uint8Array([1]) }]);
}

/** One subscriber with usage in two windows, both past lateness after the tick. */
function past(): { state: SlotState; rows: BatchEffects } {
  const state = freshSlot();
  const log = new LogBuilder()
    .record({ eventTimeMs: NOON, outputOctets: 5 })
    .record({ eventTimeMs: NOON + MINUTE, sessionTimeSeconds: 60, outputOctets: 6 })
    .record({ eventTimeMs: NOON + 7 * MINUTE, sessionTimeSeconds: 420, outputOctets: 9 });
  const rows = fold(state, log.inputs);
  fold(state, log.tick(NOON + 3 * HOUR).inputs.slice(-1));
  return { state, rows };
}

describe('buildCommit', () => {
  it('writes absolute values of what changed, and the new position, under the next sequence number', () => {
    const state = freshSlot();
    const log = new LogBuilder().enforced().record({ outputOctets: 2000, statusType: 'STOP' });
    const commit = built(state, fold(state, log.inputs));
    expect(commit).toMatchObject({ slot: SLOT, token: 't', seq: 5, commitId: 'c1', position: 4 });
    expect(commit.values.map(({ field }) => field)).toEqual(['hsub-1', 'csub-1']);
    expect(commit.meta.map(({ field }) => field)).toEqual([
      'core',
      'feed:nas-1',
      'plan:home-100',
      'policy:home-fup',
    ]);
    expect(commit.rows.map(({ group, field }) => [group, field])).toEqual([
      [`w:${NOON}`, '5:0:sub-1nas-1'],
      ['o', '3.i0.sub-1'],
    ]);
    expect(commit.outbox.map(({ n }) => n)).toEqual([7]);
    expect(commit.due).toEqual([{ key: 'sub-1', dueMs: Date.UTC(2026, 7, 1) }]);
    expect([commit.deletedGroups, commit.deletedRows]).toEqual([[], []]);
  });

  it('leaves the cold value alone where only the hot one changed', () => {
    const state = freshSlot();
    const log = new LogBuilder().record({ outputOctets: 5 });
    fold(state, log.inputs);
    log.record({ eventTimeMs: NOON + MINUTE, outputOctets: 6 });
    const commit = built(state, fold(state, log.inputs.slice(-1)));
    expect(commit.values.map(({ field }) => field)).toEqual(['hsub-1']);
  });

  it('writes a withdrawn policy as empty', () => {
    const state = freshSlot();
    const log = new LogBuilder().enforced().control({ kind: 'policy-withdrawn', policyId: 'home-fup' });
    const commit = built(state, fold(state, log.inputs));
    expect(commit.meta.find(({ field }) => field === 'policy:home-fup')?.value).toHaveLength(0);
  });

  it('drops windows that take no more bytes once all of their rows are stored', () => {
    const { state } = past();
    expect(built(state, noEffects(), retention({ flushedThrough: 2 })).deletedGroups).toEqual([]);
    expect([...state.windows.keys()]).toHaveLength(2);
    const nothingNew = retention({ flushedThrough: 3, committedFlushed: 3 });
    expect(built(state, noEffects(), nothingNew).deletedGroups).toEqual([]);
    expect(built(state, noEffects(), retention({ flushedThrough: 3 })).deletedGroups).toEqual([
      `w:${NOON}`,
      `w:${NOON + 5 * MINUTE}`,
    ]);
    expect(state.windows.size).toBe(0);
  });

  it('keeps windows that may still take bytes, stored or not', () => {
    const state = freshSlot();
    const log = new LogBuilder().record({ eventTimeMs: NOON, outputOctets: 5 });
    log.tick(NOON + HOUR + 5 * MINUTE - 1);
    fold(state, log.inputs);
    const held = retention({ flushedThrough: 100 });
    expect(built(state, noEffects(), held).deletedGroups).toEqual([]);
    fold(state, log.tick(NOON + HOUR + 5 * MINUTE).inputs.slice(-1));
    expect(built(state, noEffects(), held).deletedGroups).toEqual([`w:${NOON}`]);
  });

  it('says how far analytics holds everything only when that grew', () => {
    const fields = (held: Retention): string[] =>
      built(freshSlot(), noEffects(), held).meta.map(({ field }) => field);
    expect(fields(retention({ flushedThrough: 3, committedFlushed: 3 }))).toEqual(['core']);
    expect(fields(retention({ flushedThrough: 4, committedFlushed: 3 }))).toEqual(['core', 'flushed']);
  });

  it('drops one-shot rows once they are stored', () => {
    const state = freshSlot();
    const log = new LogBuilder()
      .record({ statusType: 'STOP', outputOctets: 5 })
      .record({ statusType: 'STOP', sessionId: 's2', outputOctets: 5 })
      .control({ kind: 'plan-version', plan: plan() });
    const { oneShots } = fold(state, log.inputs);
    const held = retention({ flushedThrough: 1, oneShots });
    expect(built(state, noEffects(), held).deletedRows).toEqual([{ group: 'o', field: '0.i0.sub-1' }]);
    expect(held.oneShots.map(({ key }) => key)).toEqual(['1.i0.sub-1']);
  });
});
