import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OverviewView, PartitionView } from '../../schemas/views.ts';
import { FlowRun } from './flow-run.ts';
import type { CommandEnd } from './flow-run.ts';

const RECORDS = 4_000;
const WAIT_MS = 30_000;

describe('a log that is not the one that the state was made of', () => {
  let run: FlowRun;
  let unread: OverviewView;
  let rebuilt: CommandEnd;
  let mended: OverviewView;
  let restarted: OverviewView;

  beforeAll(async () => {
    run = await FlowRun.open({ seed: 8, subscribers: 40, records: RECORDS });
    const weir = run.start();
    await run.controlsRelayed(weir);
    await run.append(0.5 * RECORDS);
    await run.settled(weir, WAIT_MS);
    await weir.end('SIGTERM');
    await deleteUnread();
    await goOnWithout();
    restarted = await startWidened();
  });

  afterAll(async () => {
    await run.close();
  });

  /** Retention takes records of partition 0 that nobody has read. */
  async function deleteUnread(): Promise<void> {
    const [first = 0] = await run.slots.positions();
    await run.append();
    await run.topic.deleteBefore([first + 10, 0, 0, 0]);
    const ends = await run.topic.ends();
    const weir = run.start();
    const isAsFar = ({ partitions }: OverviewView): boolean =>
      partitions.length === ends.length &&
      partitions.every(({ partition, position, status }) =>
        partition === 0 ? status === 'halted' : status === 'running' && position >= (ends[partition] ?? 0),
      );
    unread = await run.overviewWhen(weir, 'partition 0 is halted, the others at the end', isAsFar, WAIT_MS);
    await weir.end('SIGTERM');
  }

  /** As the alarm advised. */
  async function goOnWithout(): Promise<void> {
    rebuilt = await run.weir('state rebuild --partition 0 --from-log --force');
    const weir = run.start();
    await run.settled(weir, WAIT_MS);
    mended = await run.overviewWhen(weir, 'all partitions run', runAll, WAIT_MS);
    await weir.end('SIGTERM');
  }

  async function startWidened(): Promise<OverviewView> {
    await run.topic.widen(run.topic.partitions + 1);
    const weir = run.start();
    const areHalted = ({ partitions }: OverviewView): boolean =>
      partitions.length === run.topic.partitions + 1 && partitions.every(({ status }) => status === 'halted');
    return run.overviewWhen(weir, 'all partitions are halted', areHalted, WAIT_MS);
  }

  function runAll({ partitions }: OverviewView): boolean {
    return (
      partitions.length === run.topic.partitions && partitions.every(({ status }) => status === 'running')
    );
  }

  function reasonOf({ partitions }: OverviewView, partition: number): PartitionView['reason'] | undefined {
    return partitions.find((view) => view.partition === partition)?.reason;
  }

  it('halts a partition whose records were deleted before they were read, and says what to do', () => {
    expect(reasonOf(unread, 0)).toContain('position-out-of-range');
    expect(reasonOf(unread, 0)).toContain('weir state rebuild --partition 0 --from-log --force');
  });

  it('goes on when that was done', () => {
    expect(rebuilt).toMatchObject({ code: 0, err: '' });
    expect(rebuilt.out).toContain('is missing, usage and profiles alike');
    expect(reasonOf(mended, 0)).toBeNull();
  });

  it('halts all partitions of a topic that was given another number of them, the new one too', () => {
    for (const { reason } of restarted.partitions) {
      expect(reason).toContain('partition-count-changed');
      expect(reason).toContain('move to a new topic instead');
    }
  });
});
