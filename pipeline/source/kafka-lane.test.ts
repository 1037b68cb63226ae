import { beforeEach, expect, it } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import type { LogEntry, PartitionMarks } from '../../storage/ports.ts';
import { Recorder, gate, until } from '../../storage/record-source.contract.ts';
import type { LaneFetch } from './kafka-lane.ts';
import { KafkaLane } from './kafka-lane.ts';

let marks: PartitionMarks;
let seeks: number[];
let paused: boolean;
let handler: Recorder;
let lane: KafkaLane;

const controls = {
  seek: (_partition: number, offset: number): void => void seeks.push(offset),
  setPaused: (_partition: number, value: boolean): void => {
    paused = value;
  },
  marks: (): Promise<PartitionMarks> => Promise.resolve(marks),
  log: (): undefined => undefined,
  retryMs: 1,
};

function fetchOf(
  fetchedOffset: number,
  offsets: number[],
  lastOffset = offsets.at(-1) ?? fetchedOffset,
): LaneFetch {
  const entries = offsets.map((offset): LogEntry => ({
    offset,
    key: null,
    value: null,
    control: null,
    appendTimeMs: 0,
  }));
  return { fetchedOffset, lastOffset, highWatermark: 100, entries };
}

function offsets(): number[] {
  return handler.entries(0).map((entry) => entry.offset);
}

beforeEach(async () => {
  marks = { low: 0, high: 100, groupOffset: null };
  seeks = [];
  paused = false;
  handler = new Recorder();
  handler.start.set(0, 10);
  lane = new KafkaLane(0, handler, controls, Promise.resolve());
  expect(paused).toBe(true);
  await until(() => !paused);
  expect(seeks).toEqual([10]);
});

it('goes on after a batch, over records that the consumer filtered at its end', async () => {
  expect(await lane.deliver(fetchOf(10, [10, 11], 12))).toBe(true);
  expect(await lane.deliver(fetchOf(13, [13]))).toBe(true);
  expect(offsets()).toEqual([10, 11, 13]);
  expect(seeks).toEqual([10]);
});

it('asks again where a fetch begins too late, and believes the second answer', async () => {
  expect(await lane.deliver(fetchOf(15, [15]))).toBe(false);
  expect(seeks).toEqual([10, 10]);
  expect(await lane.deliver(fetchOf(15, [15]))).toBe(true);
  expect(offsets()).toEqual([15]);
});

it('skips what it has seen where a fetch begins too early', async () => {
  expect(await lane.deliver(fetchOf(8, [8, 9, 10, 11]))).toBe(true);
  expect(offsets()).toEqual([10, 11]);
});

it('opens anew where the topic no longer holds the position', async () => {
  marks = { low: 40, high: 100, groupOffset: null };
  handler.start.set(0, 40);
  expect(await lane.deliver(fetchOf(40, [40]))).toBe(false);
  await until(() => !paused);
  expect(handler.closed).toEqual([0]);
  expect(handler.opened.map((one) => one.marks.low)).toEqual([0, 40]);
  expect(offsets()).toEqual([]);
  expect(await lane.deliver(fetchOf(40, [40]))).toBe(true);
});

it('opens anew where the topic is shorter than the position', async () => {
  marks = { low: 0, high: 3, groupOffset: null };
  handler.onOpen = () => {
    throw new AppError('position-out-of-range', 'shorter');
  };
  expect(await lane.deliver(fetchOf(0, [0, 1, 2]))).toBe(false);
  await until(() => handler.opened.length === 2);
  expect(paused).toBe(true);
  expect(offsets()).toEqual([]);
});

it('seeks after the batch when the group was joined anew meanwhile', async () => {
  const held = gate();
  handler.onBatch = async () => {
    await held.opened;
    return undefined;
  };
  const delivering = lane.deliver(fetchOf(10, [10, 11]));
  lane.rejoin();
  expect(paused).toBe(true);
  expect(await lane.deliver(fetchOf(0, [0]))).toBe(false);
  held.open();
  expect(await delivering).toBe(false);
  expect(seeks).toEqual([10, 12]);
  expect(paused).toBe(false);
});

it('seeks at once when the group was joined anew in between', () => {
  lane.rejoin();
  expect(seeks).toEqual([10, 10]);
});

it('waits paused after a retriable error, and seeks to the position', async () => {
  let failures = 0;
  handler.onBatch = () => {
    if (failures++ === 0) throw new AppError('unreachable', 'away', { retriable: true });
    return undefined;
  };
  expect(await lane.deliver(fetchOf(10, [10]))).toBe(false);
  expect(paused).toBe(true);
  await until(() => !paused);
  expect(seeks).toEqual([10, 10]);
  expect(await lane.deliver(fetchOf(10, [10]))).toBe(true);
});

it('halts for any other error and stays so, also when the group is joined anew', async () => {
  handler.onBatch = () => {
    throw new TypeError('a mistake');
  };
  expect(await lane.deliver(fetchOf(10, [10]))).toBe(false);
  lane.rejoin();
  lane.setPaused(true);
  lane.setPaused(false);
  expect(paused).toBe(true);
  expect(await lane.deliver(fetchOf(10, [10]))).toBe(false);
  await lane.release();
  expect(handler.closed).toEqual([0]);
});

it('halts where the handler names a position that the topic does not hold', async () => {
  handler.start.set(0, 101);
  const other = new KafkaLane(0, handler, controls, lane.release());
  await until(() => handler.opened.length === 2);
  await other.release();
  expect(paused).toBe(true);
});

it('release ends the batch in hand and a pause, closes once and tells the consumer nothing more', async () => {
  handler.onBatch = () => {
    throw new AppError('unreachable', 'away', { retriable: true });
  };
  await lane.deliver(fetchOf(10, [10]));
  const before = seeks.length;
  await Promise.all([lane.release(), lane.release()]);
  expect(handler.closed).toEqual([0]);
  expect(seeks).toHaveLength(before);
  expect(await lane.deliver(fetchOf(10, [10]))).toBe(false);
});
