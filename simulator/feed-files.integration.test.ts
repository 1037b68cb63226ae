import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordEncoder } from '../pipeline/decode/encode.ts';
import { Feeder } from './feed.ts';
import { readFeedState, resumeProvider, writeFeedState, type FeedState } from './feed-state.ts';
import { FileLogWriter } from './file-log-writer.ts';

const SCHEMA = await readFile(new URL('../schemas/accounting-record.avsc', import.meta.url), 'utf8');
const START = Date.UTC(2026, 2, 10, 17);

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-feed-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

interface Line {
  partition: number;
  timeMs: number;
  key: string | null;
  control: string | null;
  value: string;
}

describe('feed state', () => {
  const state: FeedState = {
    version: 1,
    seed: 4,
    originMs: START,
    generation: 2,
    reservedUntilMs: START + 5,
    limits: [['someone@isp.example', { downBps: 1, upBps: 2 }]],
  };

  it('comes back as it was saved, in a folder that did not exist', async () => {
    const path = join(folder, 'new', 'simulation.json');
    expect(await readFeedState(path)).toBeNull();
    await writeFeedState(path, { ...state, generation: 1 });
    await writeFeedState(path, state);
    expect(await readFeedState(path)).toEqual(state);
  });

  it.each(['', '{', '{}', '{"version":2}', 'null'])('refuses a file that says %j', async (text) => {
    const path = join(folder, 'simulation.json');
    await writeFile(path, text);
    await expect(readFeedState(path)).rejects.toMatchObject({ code: 'store-corrupt' });
  });
});

describe('FileLogWriter', () => {
  it('holds the bytes of a feed over a restart, later and later', async () => {
    const statePath = join(folder, 'simulation.json');
    const logPath = join(folder, 'log.jsonl');
    const counts: number[] = [];
    for (const _ of [1, 2]) {
      const state = await readFeedState(statePath);
      const provider = resumeProvider(state, { seed: 4, subscribers: 30, startMs: START });
      const writer = await FileLogWriter.open(logPath, 3);
      const encode = recordEncoder(SCHEMA, 'single-object');
      const save = (next: FeedState): Promise<void> => writeFeedState(statePath, next);
      const feeder = new Feeder({ provider, writer, encode, save, speed: 600 });
      await feeder.start();
      await expect.poll(() => feeder.stats.records, { timeout: 20_000, interval: 10 }).toBeGreaterThan(50);
      await feeder.stop();
      await feeder.stop();
      await writer.close();
      counts.push(feeder.stats.records + feeder.stats.ticks);
      expect((await readFeedState(statePath))?.reservedUntilMs).toBe(provider.nowMs);
    }
    const lines = (await readFile(logPath, 'utf8')).trimEnd().split('\n');
    const entries = lines.map((text) => JSON.parse(text) as Line);
    expect(entries).toHaveLength((counts[0] ?? 0) + (counts[1] ?? 0));
    const times = entries.map(({ timeMs }) => timeMs);
    expect([...times].sort((a, b) => a - b)).toEqual(times);
    const ticks = entries.filter(({ control }) => control !== null);
    for (const partition of [0, 1, 2]) {
      const n = ticks.filter((each) => each.partition === partition).map(({ control }) => control);
      expect(new Set(n).size).toBe(n.length);
    }
    const first = entries.find(({ control }) => control === null);
    expect(Buffer.from(first?.value ?? '', 'base64').subarray(0, 2)).toEqual(Buffer.from([0xc3, 0x01]));
    expect(Buffer.from(first?.key ?? '', 'base64').toString()).toMatch(/^sub-/);
  });

  it('says which file it cannot open', async () => {
    await expect(FileLogWriter.open(join(folder, 'none', 'log'), 1)).rejects.toMatchObject({
      code: 'unreachable',
    });
  });
});
