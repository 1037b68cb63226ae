import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NEWEST_BLOB_VERSION } from '../../pipeline/fold/slot-state.ts';
import type { OverviewView } from '../../schemas/views.ts';
import { outcomeOf } from './flow-outcome.ts';
import type { FlowOutcome } from './flow-outcome.ts';
import { FlowRun } from './flow-run.ts';
import type { CommandEnd } from './flow-run.ts';
import { serversOf } from './servers.ts';
import { SlotLayout } from './slot-layout.ts';
import type { Layouts } from './slot-layout.ts';
import type { WeirProcess } from './weir-process.ts';

const RECORDS = 40_000;
const WAIT_MS = 30_000;
/** Of the release before, of this one, and one that is yet to come. */
const [OLD, NEW, UNKNOWN] = [NEWEST_BLOB_VERSION - 1, NEWEST_BLOB_VERSION, NEWEST_BLOB_VERSION + 1];
const HOUR_MS = 3_600_000;
/** The program's defaults: an older one pinned the same. */
const SETTINGS = {
  bucketCount: 128,
  defaultZone: 'UTC',
  acceptLatenessMs: 7 * 24 * HOUR_MS,
  cycleCloseGraceMs: 24 * HOUR_MS,
};
/** Partitions whose core, and whose subscribers, a newer program has written. */
const [CORE_AHEAD, VALUES_AHEAD] = [1, 2];

describe('state that a program of the layout before has made', () => {
  let run: FlowRun;
  let layout: SlotLayout;
  let before: Layouts[];
  let upgraded: CommandEnd;
  let after: Layouts[];
  let halted: OverviewView;
  let ends: number[];
  let outcome: FlowOutcome;

  beforeAll(async () => {
    run = await FlowRun.open({ seed: 7, subscribers: 100, records: RECORDS });
    layout = new SlotLayout(serversOf(process.env).redisUrl, run.topic.name);
    await layout.open();
    const { partitions } = run.topic;
    for (const partition of all())
      await layout.begin(partition, OLD, { ...SETTINGS, partitionCount: partitions });
    const weir = run.start();
    await run.controlsRelayed(weir);
    await run.append(0.5 * RECORDS);
    await run.settled(weir, WAIT_MS);
    before = await layoutsNow();
    upgraded = await run.weir(`upgrade-state ${String(NEW)}`);
    await run.controlsRelayed(weir);
    await run.append(0.2 * RECORDS);
    await run.settled(weir, WAIT_MS);
    after = await layoutsNow();
    await weir.end('SIGTERM');
    await meetUnknown();
    outcome = await outcomeOf(run);
  });

  afterAll(async () => {
    await layout.close();
    await run.close();
  });

  function all(): number[] {
    return Array.from({ length: run.topic.partitions }, (_, partition) => partition);
  }

  function layoutsNow(): Promise<Layouts[]> {
    return Promise.all(all().map((partition) => layout.layouts(partition)));
  }

  /** Two partitions of a layout that is yet to come, and the same again as they were. */
  async function meetUnknown(): Promise<void> {
    const undoCore = await layout.markCore(CORE_AHEAD, UNKNOWN);
    const undoValues = await layout.markValues(VALUES_AHEAD, UNKNOWN);
    const weir = run.start();
    await run.append(0.1 * RECORDS);
    ends = await run.topic.ends();
    halted = await run.overviewWhen(
      weir,
      'two partitions are halted, the others at the end',
      isAsFar,
      WAIT_MS,
    );
    await weir.end('SIGTERM');
    await undoCore();
    await undoValues();
    await finish(run.start());
  }

  function isAsFar({ partitions }: OverviewView): boolean {
    return all().every((partition) => {
      const view = partitions.find((each) => each.partition === partition);
      if (partition === CORE_AHEAD || partition === VALUES_AHEAD) return view?.status === 'halted';
      return view?.status === 'running' && view.position >= (ends[partition] ?? Infinity);
    });
  }

  async function finish(weir: WeirProcess): Promise<void> {
    await run.append();
    await run.settled(weir, WAIT_MS);
    await weir.end('SIGTERM');
  }

  it('is read, and written in the same layout', () => {
    for (const { core, values } of before) {
      expect(core).toBe(OLD);
      expect(Object.keys(values)).toEqual([String(OLD)]);
      expect(values[OLD]).toBeGreaterThan(50);
    }
  });

  it('is written in the newest one after weir upgrade-state', () => {
    expect(upgraded).toMatchObject({ code: 0, err: '' });
    for (const { core, values } of after) {
      expect(core).toBe(NEW);
      expect(values[NEW]).toBeGreaterThan(50);
      expect(Object.keys(values).every((version) => [OLD, NEW].includes(Number(version)))).toBe(true);
    }
  });

  it('halts the partitions that are of a layout yet to come, and no others', () => {
    for (const partition of [CORE_AHEAD, VALUES_AHEAD]) {
      const { reason } = halted.partitions.find((view) => view.partition === partition) ?? { reason: '' };
      expect(reason).toContain('state-version-unknown');
      expect(reason).toContain(`version ${String(UNKNOWN)}`);
      expect(reason).toContain('upgrade it');
    }
  });

  it('ends with the usage, cycle totals, outcomes and actions of the log', () => {
    expect(outcome.windows).toEqual([]);
    expect(outcome.late).toEqual([]);
    expect(outcome.view).toEqual([]);
    expect(outcome.cycles).toEqual([]);
    expect(outcome.outcomes.actual).toEqual(outcome.outcomes.expected);
    expect(outcome.recordsIn).toBe(RECORDS);
    expect(outcome.actions).toEqual([]);
    expect(outcome.sizes.actions).toBeGreaterThan(60);
    expect(outcome.effects).toEqual([]);
    expect(run.nas.repeats).toBe(0);
  });
});
