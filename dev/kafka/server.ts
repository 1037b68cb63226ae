import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { isReadable, findProgram, programPath } from '../debian-packages.ts';
import type { Requirement } from '../debian-packages.ts';
import { portsOf } from '../processes/ports.ts';
import type { ServerGroup } from '../processes/server-group.ts';
import { kafkaJars, kafkaJarsAreCached } from './jars.ts';

/** Java, and Maven as long as the jars are not in the cache. */
export const kafkaRequirements: readonly Requirement[] = [
  { package: 'default-jre-headless', present: async () => (await findProgram('java')) !== undefined },
  {
    package: 'maven',
    present: async () => (await kafkaJarsAreCached()) || (await findProgram('mvn')) !== undefined,
  },
];

/**
 * One Kafka broker in KRaft mode on a random loopback port. Called again in the same group after a kill, it
 * restarts on its data at its port.
 *
 * @returns KAFKA_BROKERS and WEIR_TEST_KAFKA_DIR (server.properties; the process id is in kafka.pid beside it)
 * @throws Error with the end of the broker's log when it is not up within a minute
 */
export async function startKafka(group: ServerGroup): Promise<Record<string, string>> {
  const jars = join(await kafkaJars(group), '*');
  const java = await programPath('java');
  const dir = await group.folder('kafka');
  const properties = join(dir, 'server.properties');
  const [port, controllerPort] = await portsOf(dir, 2);
  await writeFile(properties, serverProperties(dir, Number(port), Number(controllerPort)));
  if (!(await isReadable(join(dir, 'data', 'meta.properties')))) {
    const format = ['format', '-t', clusterId(), '-c', properties];
    await group.run(java, ['-cp', jars, 'kafka.tools.StorageTool', ...format]);
  }
  const brokers = `127.0.0.1:${String(port)}`;
  await group.start({
    name: 'kafka',
    command: java,
    args: [...JVM_FLAGS, '-cp', jars, 'kafka.Kafka', properties],
    // The data is scratch: a controlled shutdown would only cost seconds.
    stopSignal: 'SIGKILL',
    ready: () => answersMetadata(brokers),
    readyTimeoutMs: 60_000,
  });
  return { KAFKA_BROKERS: brokers, WEIR_TEST_KAFKA_DIR: dir };
}

const JVM_FLAGS = ['-Xms256m', '-Xmx768m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];

function serverProperties(dir: string, port: number, controllerPort: number): string {
  const broker = `PLAINTEXT://127.0.0.1:${String(port)}`;
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${String(controllerPort)}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `${broker},CONTROLLER://127.0.0.1:${String(controllerPort)}`,
    'advertised.listeners': broker,
    'log.dirs': join(dir, 'data'),
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    // Simulated time: stamps days away from the wall clock are neither refused nor expired.
    'log.message.timestamp.before.max.ms': '9223372036854775807',
    'log.message.timestamp.after.max.ms': '9223372036854775807',
    'log.retention.ms': '-1',
  })
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** A Kafka Uuid: 16 random bytes in base64url; one that began with "-" would be read as an option. */
function clusterId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? clusterId() : id;
}

/** Whether the broker answers a metadata request. @throws Error while it does not take connections yet */
export async function answersMetadata(brokers: string): Promise<boolean> {
  const kafka = new Kafka({
    clientId: 'weir-services',
    brokers: [brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length === 1;
  } finally {
    await admin.disconnect();
  }
}
