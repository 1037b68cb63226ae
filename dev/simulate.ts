import { Command, InvalidArgumentError } from 'commander';
import { recordEncoder } from '../pipeline/decode/encode.ts';
import { ACCOUNTING_SCHEMA_TEXT } from '../pipeline/source/accounting-schema.ts';
import { KafkaWriter } from '../pipeline/source/kafka-writer.ts';
import { Feeder } from '../simulator/feed.ts';
import { FileLogWriter } from '../simulator/file-log-writer.ts';
import { createProvider } from '../simulator/provider.ts';
import type { LogWriter } from '../storage/ports.ts';
import { billingCommand } from './simulate-billing.ts';

interface Options {
  subscribers: number;
  hours: number;
  seed: number;
  start: Date;
  partitions: number;
  file?: string;
  brokers?: string;
  topic: string;
}

const program = new Command('simulate')
  // `billing --file` is its own.
  .enablePositionalOptions()
  .description(
    'Writes the records of a simulated provider to a file or a Kafka topic, as fast as they are taken.',
  )
  .option('--subscribers <n>', 'how many', whole, 500)
  .option('--hours <n>', 'simulated hours', whole, 24)
  .option('--seed <n>', 'the same seed gives the same records', whole, 1)
  .option('--start <time>', 'when simulated time begins, ISO 8601', instant, new Date('2026-01-01T00:00:00Z'))
  .option('--file <path>', 'append to this file, a line of JSON an entry (simulator/README.md)')
  .option('--partitions <n>', 'partitions of the file', whole, 4)
  .option('--brokers <host:port,...>', 'append to Kafka; the topic must exist, with CreateTime')
  .option('--topic <name>', 'topic in Kafka', 'accounting');

billingCommand(program);
program.action(async (options: Options) => {
  if ((options.file === undefined) === (options.brokers === undefined)) {
    program.error('error: give one of --file and --brokers');
  }
  await feed(options);
});
await program.parseAsync();

async function feed(options: Options): Promise<void> {
  const writer = await openWriter(options);
  const startMs = options.start.getTime();
  const provider = createProvider({
    seed: options.seed,
    subscribers: options.subscribers,
    startMs,
    keepsClosed: false,
  });
  const encode = recordEncoder(ACCOUNTING_SCHEMA_TEXT, 'single-object');
  const feeder = new Feeder({ provider, writer, encode, tickEveryMs: 300_000 });
  try {
    await feeder.feedUntil(startMs + options.hours * 3_600_000);
  } finally {
    await writer.close();
  }
  console.log(`${String(feeder.stats.records)} records and ${String(feeder.stats.ticks)} ticks written`);
}

function openWriter({ file, partitions, brokers = '', topic }: Options): Promise<LogWriter> {
  if (file !== undefined) return FileLogWriter.open(file, partitions);
  return Promise.resolve(
    new KafkaWriter({
      brokers: brokers.split(','),
      clientId: 'weir-simulate',
      topic,
      simulatedTime: true,
      log: (level, message) => {
        if (level === 'error') console.error(message);
      },
    }),
  );
}

function whole(text: string): number {
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || value < 1 || value > 100_000_000) {
    throw new InvalidArgumentError('must be a whole number above 0');
  }
  return value;
}

function instant(text: string): Date {
  const at = new Date(text);
  if (Number.isNaN(at.getTime()))
    throw new InvalidArgumentError('must be a time such as 2026-01-01T00:00:00Z');
  return at;
}
