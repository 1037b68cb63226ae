import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { noEffects } from '../../pipeline/fold/effects.ts';
import { NEWEST_BLOB_VERSION } from '../../pipeline/fold/slot-state.ts';
import { buildCommit } from '../../pipeline/commit/build-commit.ts';
import type { Input } from '../../pipeline/decode/input.ts';
import type { Control } from '../../schemas/control.ts';
import type { SlotCommit } from '../../storage/ports.ts';
import { DAY, freshSlot, HOUR, LogBuilder, plan, profile } from '../factories.ts';
import { SLOT, WorkerRig } from '../worker-rig.ts';

const LAYOUT = 4;
/** Where the log of the file ends, about. */
const JULY31 = Date.UTC(2026, 6, 31);
/** In UTC and in Berlin. */
const JULYS = [Date.UTC(2026, 6, 1), Date.UTC(2026, 5, 30, 22)];
const AUGUST = Date.UTC(2026, 7, 1);

/** What the release before has written; its log is folded to the end. */
interface Written {
  layout: number;
  inputs: Input[];
  commits: SlotCommit[];
  /** names of what left */
  left: string[];
}

function written(): Written {
  const file = gunzipSync(readFileSync(new URL('layout-4.json.gz', import.meta.url)));
  return JSON.parse(file.toString('utf8'), (_key, value: unknown) => {
    const { base64 } = (value ?? {}) as { base64?: string };
    return base64 === undefined ? value : new Uint8Array(Buffer.from(base64, 'base64'));
  }) as Written;
}

/** The log of the file, and what comes with this release: the new layout, tariffs, a month's end and what is late for it. */
function wholeLog(): LogBuilder {
  const log = new LogBuilder();
  log.inputs.push(...written().inputs);
  const tell = (control: Control): void => {
    const [offset, appendTimeMs] = [log.inputs.length, JULY31 + HOUR];
    log.inputs.push({
      kind: 'control',
      offset,
      appendTimeMs,
      id: { source: 'relay', n: 1000 + offset },
      control,
    });
  };
  tell({ kind: 'fold-version', version: NEWEST_BLOB_VERSION });
  tell({
    kind: 'plan-version',
    plan: plan({
      planId: 'home-3',
      capBytes: 6000,
      carryOver: { limitBytes: 500 },
      capProration: 'prorated',
    }),
  });
  const to = (planId: string, fromMs: number) => [
    { planId: 'home-100', fromMs: 0, toMs: fromMs },
    { planId, fromMs, toMs: null },
  ];
  const told = { asOfMs: JULY31 + HOUR };
  tell({
    kind: 'subscriber-profile',
    profile: profile({ subscriberId: 'plain', assignments: to('home-3', JULY31 + HOUR), ...told }),
  });
  tell({
    kind: 'subscriber-profile',
    profile: profile({
      subscriberId: 'topped',
      topUps: [{ id: 't2', bytes: 700, fromMs: JULY31 - 3 * DAY, expiresMs: JULY31 + 20 * DAY }],
      unlimited: [{ id: 'u', fromMs: JULY31 + 2 * HOUR, toMs: JULY31 + 6 * HOUR }],
      ...told,
    }),
  });
  tell({
    kind: 'subscriber-profile',
    profile: profile({
      subscriberId: 'pooled',
      poolMemberships: [{ poolId: 'family', fromMs: 0, toMs: JULY31 + 3 * HOUR }],
      ...told,
    }),
  });
  tell({
    kind: 'subscriber-profile',
    profile: profile({
      subscriberId: 'carried',
      carryOverBytes: 300,
      carryOverUntilMs: AUGUST,
      cycleChanges: [{ fromMs: AUGUST, cycle: { kind: 'week', weekday: 1 } }],
      ...told,
    }),
  });
  const ids = ['plain', 'topped', 'carried', 'held', 'boosted', 'sold', 'pooled', 'changed'];
  for (let round = 11; round <= 20; round += 1) {
    ids.forEach((subscriberId, i) => {
      log.record({
        ...{ subscriberId, eventTimeMs: JULY31 + (round - 9) * 3 * HOUR + i * 20_000 },
        sessionTimeSeconds: (round + 2) * 6 * 3600 - 2400,
        outputOctets: round * 60 * (i + 3),
        serviceClass: i % 3 === 0 ? 'video' : null,
      });
    });
  }
  log.tick(AUGUST + 3 * DAY);
  for (const subscriberId of ['plain', 'sold']) {
    const late = { eventTimeMs: AUGUST - 2 * HOUR, sessionTimeSeconds: 3600, outputOctets: 900 };
    log.record({ subscriberId, sessionId: `late-${subscriberId}`, ...late }, AUGUST + 3 * DAY);
  }
  return log.tick(AUGUST + 10 * DAY);
}

/** A store as the release before left it. */
async function storedRig(): Promise<WorkerRig> {
  const rig = new WorkerRig(wholeLog().inputs);
  for (const commit of written().commits) {
    const { lease } = await rig.store.acquire(SLOT);
    expect(await rig.store.commit({ ...commit, token: lease.token, seq: lease.seq + 1 })).toBe('applied');
  }
  return rig;
}

/** An empty slot of that layout, and this program from the first entry on. */
async function emptyRig(inputs: readonly Input[]): Promise<WorkerRig> {
  const rig = new WorkerRig(inputs);
  const state = { ...freshSlot(), blobVersion: LAYOUT };
  const { lease } = await rig.store.acquire(SLOT);
  const retention = { flushedThrough: 0, committedFlushed: 0, oneShots: [] };
  await rig.store.commit(buildCommit(SLOT, lease, 'first', state, noEffects(), retention, []));
  return rig;
}

/** Lines of two lists that are in one of them alone. */
function difference(got: readonly string[], wanted: readonly string[]): string[] {
  const [had, expected] = [new Set(got), new Set(wanted)];
  return [
    ...wanted.filter((line) => !had.has(line)).map((line) => `- ${line}`),
    ...got.filter((line) => !expected.has(line)).map((line) => `+ ${line}`),
  ];
}

describe('what the release before has stored', () => {
  it('is what this program would have stored in its layout, byte for byte', async () => {
    const { inputs, layout, left } = written();
    expect(layout).toBe(LAYOUT);
    const own = await emptyRig(inputs);
    await own.run(() => 40);
    const stored = await storedRig();
    expect(difference(stored.store.dumpText(SLOT), own.store.dumpText(SLOT))).toEqual([]);
    expect(difference(left, await own.names())).toEqual([]);
  });

  it.each([1_000_000, 3])('is gone on with exactly, %i subscribers in memory', async (cachedSubscribers) => {
    const { left, inputs } = written();
    const stored = await storedRig();
    stored.cachedSubscribers = cachedSubscribers;
    await stored.run(() => 7);
    const own = await emptyRig(wholeLog().inputs);
    // In the same pieces as far as the file goes: a value keeps the layout of the commit that wrote it.
    await own.run(() => 40);
    const names = await own.names();
    expect(difference(await stored.names(), names)).toEqual([]);
    const closed = names.filter((name) => name.startsWith('cycle'));
    const ofJuly = (name: string): boolean =>
      JULYS.some((start) => name.includes(`"cycleStartMs":${String(start)}`));
    expect(closed.filter(ofJuly)).toHaveLength(9);
    expect(closed.filter((name) => name.includes('"planId":"home-3"'))).not.toEqual([]);
    expect(closed.filter((name) => name.includes('"unlimited":true'))).not.toEqual([]);
    expect(names.filter((name) => name.startsWith('adjustment')).length).toBeGreaterThan(0);
    expect(left.filter((name) => !names.includes(name))).toEqual([]);
    expect(inputs.length).toBeLessThan(wholeLog().inputs.length);
  });
});
