import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import type { Admin } from 'kafkajs';
import kafkajs, { CompressionTypes, ConfigResourceTypes } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError, isAppError } from '../../schemas/errors.ts';
import {
  Recorder,
  gate,
  numbered,
  recordSourceContract,
  textEntry,
  until,
} from '../../storage/record-source.contract.ts';
import { kafkaClient } from './kafka-connection.ts';
import type { KafkaSourceOptions } from './kafka-source.ts';
import { KafkaSource } from './kafka-source.ts';
import { KafkaWriter } from './kafka-writer.ts';

const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',').filter((broker) => broker !== '');
if (brokers.length === 0) throw new Error('KAFKA_BROKERS is missing: run these tests through npm test');

/** librdkafka's command line tool, the second opinion on formats. */
const KCAT = 'kcat';

const connection = { brokers, clientId: 'weir-test', log: (): undefined => undefined };
const kafka = kafkaClient(connection);
let admin: Admin;
let topics = 0;

beforeAll(async () => {
  admin = kafka.admin();
  await admin.connect();
});
afterAll(() => admin.disconnect());

async function newTopic(numPartitions: number, config: Record<string, string> = {}): Promise<string> {
  const topic = `source-${process.pid}-${Date.now()}-${topics++}`;
  const settings = { 'message.timestamp.type': 'LogAppendTime', ...config };
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions, configEntries }] });
  return topic;
}

function sourceOf(topic: string, more: Partial<KafkaSourceOptions> = {}): KafkaSource {
  return new KafkaSource({ ...connection, topic, groupId: `${topic}-readers`, retryMs: 20, ...more });
}

/** Runs with a started source and a writer of a new topic, and ends them whatever happens. */
async function withLog(
  partitions: number,
  test: (given: {
    topic: string;
    writer: KafkaWriter;
    source: KafkaSource;
    handler: Recorder;
  }) => Promise<void>,
  prepare: (writer: KafkaWriter, handler: Recorder, topic: string) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const topic = await newTopic(partitions);
  const writer = new KafkaWriter({ ...connection, topic });
  const source = sourceOf(topic);
  const handler = new Recorder();
  try {
    await prepare(writer, handler, topic);
    await source.start(handler);
    await test({ topic, writer, source, handler });
  } finally {
    await source.stop();
    await writer.close();
  }
  expect(handler.faults).toEqual([]);
}

/** Raises the low watermark of partition 0. */
async function deleteBefore(topic: string, offset: string): Promise<void> {
  // The admin client knows a topic's leaders only after another question about it.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] });
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('did not fail');
}

recordSourceContract('Kafka', async ({ partitions, simulatedTime }) => {
  const type = simulatedTime ? 'CreateTime' : 'LogAppendTime';
  const topic = await newTopic(partitions, { 'message.timestamp.type': type });
  const writer = new KafkaWriter({ ...connection, topic, simulatedTime });
  return {
    writer,
    source: (groupId) => sourceOf(topic, { groupId: `${topic}-${groupId}`, simulatedTime }),
    close: () => writer.close(),
  };
});

describe('compression', () => {
  it.each([
    ['gzip', CompressionTypes.GZIP],
    ['snappy', CompressionTypes.Snappy],
    ['lz4', CompressionTypes.LZ4],
  ])('reads %s as kafkajs writes it', async (_name, compression) => {
    await withLog(1, async ({ topic, handler }) => {
      const texts = numbered('compressed text ', 500);
      const producer = kafka.producer();
      await producer.connect();
      await producer.send({ topic, compression, messages: texts.map((value) => ({ value, partition: 0 })) });
      await producer.disconnect();
      await until(() => handler.texts(0).length >= 500);
      expect(handler.texts(0)).toEqual(texts);
    });
  });

  it.each(['gzip', 'snappy', 'lz4', 'zstd'])('reads %s as librdkafka writes it', async (codec) => {
    await withLog(1, async ({ topic, handler }) => {
      const texts = numbered('a text that repeats itself, text that repeats itself ', 500);
      const kcat = spawn(KCAT, ['-b', brokers.join(','), '-P', '-t', topic, '-p', '0', '-z', codec]);
      const ended = new Promise<number | null>((resolve) => kcat.on('close', resolve));
      kcat.stdin.end(texts.join('\n'));
      expect(await ended).toBe(0);
      await until(() => handler.texts(0).length >= 500);
      expect(handler.texts(0)).toEqual(texts);
    });
  });
});

describe('start', () => {
  it('refuses a topic whose records carry the producers times', async () => {
    const topic = await newTopic(1, { 'message.timestamp.type': 'CreateTime' });
    const error = await failureOf(sourceOf(topic).start(new Recorder()));
    expect(isAppError(error, 'append-time-missing')).toBe(true);
  });

  it('says which topic is missing', async () => {
    const error = await failureOf(sourceOf('no-such-topic').start(new Recorder()));
    expect(isAppError(error, 'not-found') && error.message).toMatch(/--create --topic no-such-topic/);
  });

  it('gives up on a broker that does not answer', async () => {
    const source = sourceOf('any', { brokers: ['127.0.0.1:1'] });
    const error = await failureOf(source.start(new Recorder()));
    expect(isAppError(error, 'unreachable') && error.retriable).toBe(true);
    await source.stop();
  });
});

describe('positions', () => {
  it('a position below the low watermark halts the partition, with the marks told', async () => {
    await withLog(
      1,
      async ({ topic, handler, writer }) => {
        await until(() => handler.opened.length === 1);
        expect(handler.opened[0]?.marks).toEqual({ low: 6, high: 10, groupOffset: null });
        await writer.append([textEntry(0, 'after')]);
        const idle = new Recorder();
        const watcher = sourceOf(topic, { groupId: `${topic}-watcher` });
        await watcher.start(idle);
        await until(() => idle.texts(0).includes('after'));
        await watcher.stop();
        expect(handler.texts(0)).toEqual([]);
      },
      async (writer, handler, topic) => {
        await writer.append(numbered('a', 10).map((text) => textEntry(0, text)));
        await deleteBefore(topic, '6');
        handler.start.set(0, 2);
      },
    );
  });

  it('records deleted under a running reader reach the handler as marks, never as a silent jump', async () => {
    await withLog(1, async ({ topic, writer, source, handler }) => {
      await writer.append(numbered('a', 3).map((text) => textEntry(0, text)));
      await until(() => handler.texts(0).length === 3);
      const groupOffset = async (): Promise<string | undefined> => {
        const [offsets] = await admin.fetchOffsets({ groupId: `${topic}-readers`, topics: [topic] });
        return offsets?.partitions[0]?.offset;
      };
      await until(async () => (await groupOffset()) === '3');
      source.pause(0);
      await writer.append(numbered('lost', 5).map((text) => textEntry(0, text)));
      await deleteBefore(topic, '8');
      handler.onOpen = (_partition, marks) => {
        if (marks.low > 3) throw new AppError('position-out-of-range', 'records were lost');
      };
      source.resume(0);
      await writer.append([textEntry(0, 'after')]);
      await until(() => handler.opened.length === 2);
      expect(handler.opened[1]?.marks).toEqual({ low: 8, high: 9, groupOffset: 3 });
      expect(await groupOffset()).toBe('3');
      expect(handler.closed).toEqual([0]);
      expect(handler.texts(0)).toEqual(numbered('a', 3));
    });
  });

  it('goes over the markers of transactions, aborted ones too', async () => {
    await withLog(1, async ({ topic, handler, writer }) => {
      const producer = kafka.producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true });
      await producer.connect();
      for (let i = 0; i < 6; i++) {
        const transaction = await producer.transaction();
        await transaction.send({ topic, messages: [{ value: `${i}`, partition: 0 }] });
        await (i % 2 === 0 ? transaction.commit() : transaction.abort());
      }
      await producer.disconnect();
      await writer.append([textEntry(0, 'end')]);
      await until(() => handler.texts(0).includes('end'));
      expect(handler.texts(0)).toEqual(['0', '2', '4', 'end']);
      expect(handler.opened).toHaveLength(1);
    });
  });

  it('goes over the gaps of a compacted topic', async () => {
    await withLog(
      1,
      async ({ handler }) => {
        await until(() => handler.texts(0).includes('last'));
        const offsets = handler.entries(0).map((entry) => entry.offset);
        expect(offsets.length).toBeLessThan(301);
        expect(offsets.at(-1)).toBe(300);
      },
      async (writer, _handler, topic) => {
        const entries = Object.entries({
          'cleanup.policy': 'compact',
          'min.cleanable.dirty.ratio': '0.001',
          'segment.ms': '100',
          'max.compaction.lag.ms': '100',
          'delete.retention.ms': '0',
        }).map(([name, value]) => ({ name, value }));
        await admin.alterConfigs({
          validateOnly: false,
          resources: [
            {
              type: ConfigResourceTypes.TOPIC,
              name: topic,
              configEntries: [...entries, { name: 'message.timestamp.type', value: 'LogAppendTime' }],
            },
          ],
        });
        for (let i = 0; i < 300; i++) await writer.append([textEntry(0, `${i}`)]);
        await writer.append([textEntry(0, 'last')]);
        const count = promisify(execFile);
        await until(async () => {
          const { stdout } = await count(KCAT, [
            '-b',
            brokers.join(','),
            '-C',
            '-t',
            topic,
            '-e',
            '-q',
            '-f',
            '%o\n',
          ]);
          return stdout.trim().split('\n').length < 301;
        }, 60_000);
      },
    );
  });
});

describe('rebalance', () => {
  it('a second reader takes half; in-flight batches end before; nothing is lost or doubled after stop', async () => {
    const topic = await newTopic(4);
    const writer = new KafkaWriter({ ...connection, topic });
    const positions = new Map<number, number>();
    const recorder = (): Recorder => {
      const handler = new Recorder();
      // The store of both: a batch is done when its position is in here.
      handler.onOpen = (partition) => handler.start.set(partition, positions.get(partition) ?? 0);
      handler.onBatch = (batch) => {
        positions.set(batch.partition, (batch.entries.at(-1)?.offset ?? 0) + 1);
        return undefined;
      };
      return handler;
    };
    const [first, second] = [recorder(), recorder()];
    const [one, two] = [sourceOf(topic), sourceOf(topic)];
    await one.start(first);
    await until(() => first.opened.length === 4);
    const round = (name: string): Promise<void> =>
      writer.append(
        [0, 1, 2, 3].flatMap((p) => numbered(`${name}-${p}-`, 10).map((text) => textEntry(p, text))),
      );
    await round('alone');
    await until(() => [0, 1, 2, 3].every((p) => first.texts(p).length === 10));

    const held = gate();
    const inHand = gate();
    const commit = first.onBatch;
    first.onBatch = async (batch) => {
      inHand.open();
      await held.opened;
      return commit(batch);
    };
    await round('joining');
    await inHand.opened;
    const joining = two.start(second);
    held.open();
    await joining;
    first.onBatch = commit;
    await until(() => second.opened.length === 2 && first.closed.length === 2);
    // Sticky: what the first one keeps was not opened again.
    expect(first.opened).toHaveLength(4);
    expect([...first.closed].sort()).toEqual(second.opened.map((given) => given.partition).sort());

    await round('both');
    await until(() => [0, 1, 2, 3].every((p) => positions.get(p) === 30));
    await two.stop();
    await until(() => first.opened.length === 6);
    await round('alone again');
    await until(() => [0, 1, 2, 3].every((p) => positions.get(p) === 40));
    await one.stop();
    await writer.close();
    for (const p of [0, 1, 2, 3]) {
      const all = [...first.entries(p), ...second.entries(p)]
        .map((entry) => entry.offset)
        .sort((a, b) => a - b);
      expect(all).toEqual(Array.from({ length: 40 }, (_, i) => i));
    }
    expect([...first.faults, ...second.faults]).toEqual([]);
  });
});

it('works on while a batch takes longer than the session timeout', async () => {
  const topic = await newTopic(1);
  const writer = new KafkaWriter({ ...connection, topic });
  const source = sourceOf(topic, { sessionTimeoutMs: 6_000 });
  const handler = new Recorder();
  handler.onBatch = async (batch) => {
    // The broker allows no session timeout below 6 s, and only real time lets it run out.
    if (batch.entries[0]?.offset === 0) await new Promise((resolve) => setTimeout(resolve, 8_000));
    return undefined;
  };
  await writer.append([textEntry(0, 'slow')]);
  await source.start(handler);
  await until(() => handler.texts(0).length === 1);
  await writer.append([textEntry(0, 'next')]);
  await until(() => handler.texts(0).length === 2);
  expect(handler.opened).toHaveLength(1);
  expect(handler.texts(0)).toEqual(['slow', 'next']);
  await source.stop();
  await writer.close();
});

it('comes back after the consumer gave up for good', async () => {
  const snappy = kafkajs.CompressionCodecs[CompressionTypes.Snappy];
  const crashes: string[] = [];
  const topic = await newTopic(1);
  const source = sourceOf(topic, {
    log: (level, message) => void (level === 'error' && crashes.push(message)),
  });
  const handler = new Recorder();
  const producer = kafka.producer();
  try {
    await producer.connect();
    await producer.send({ topic, compression: CompressionTypes.Snappy, messages: [{ value: 'text' }] });
    // What kafkajs says of a codec that is not there; it takes that for final.
    kafkajs.CompressionCodecs[CompressionTypes.Snappy] = () => {
      throw Object.assign(new Error('no codec'), { name: 'KafkaJSNotImplemented' });
    };
    await source.start(handler);
    await until(() => crashes.includes('the Kafka consumer stopped'));
    expect(handler.texts(0)).toEqual([]);
  } finally {
    kafkajs.CompressionCodecs[CompressionTypes.Snappy] = snappy;
  }
  await until(() => handler.texts(0).includes('text'));
  await source.stop();
  await producer.disconnect();
});

describe('KafkaWriter', () => {
  it('a refused append fails with a code, and the next one works', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '2000' });
    const writer = new KafkaWriter({ ...connection, topic });
    const error = await failureOf(writer.append([textEntry(0, 'x'.repeat(5000))]));
    expect(isAppError(error, 'log-append-failed')).toBe(true);
    await writer.append([textEntry(0, 'fits')]);
    expect((await admin.fetchTopicOffsets(topic))[0]?.high).toBe('1');
    await writer.close();
  });

  it('appends from many callers do not mix', async () => {
    await withLog(1, async ({ writer, handler }) => {
      const rounds = numbered('r', 20);
      await Promise.all(
        rounds.map((round) => writer.append(numbered(`${round}-`, 5).map((text) => textEntry(0, text)))),
      );
      await until(() => handler.texts(0).length >= 100);
      expect(handler.texts(0)).toEqual(rounds.flatMap((round) => numbered(`${round}-`, 5)));
    });
  });
});
