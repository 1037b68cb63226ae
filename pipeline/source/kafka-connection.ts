import type { KafkaConfig, SASLOptions, logCreator } from 'kafkajs';
import { Kafka, logLevel } from 'kafkajs';
import { AppError } from '../../schemas/errors.ts';
import type { SourceLog } from '../../storage/source-log.ts';
import { registerCodecs } from './codecs.ts';

/** How to reach Kafka. */
export interface KafkaConnection {
  /** host:port */
  brokers: readonly string[];
  clientId: string;
  ssl?: KafkaConfig['ssl'];
  sasl?: SASLOptions;
  log: SourceLog;
}

/** A kafkajs client with all codecs and our log. Requests give up after about 5 s of an unreachable broker. */
export function kafkaClient(connection: KafkaConnection): Kafka {
  registerCodecs();
  return new Kafka({
    brokers: [...connection.brokers],
    clientId: connection.clientId,
    ...(connection.ssl === undefined ? {} : { ssl: connection.ssl }),
    ...(connection.sasl === undefined ? {} : { sasl: connection.sasl }),
    connectionTimeout: 3_000,
    requestTimeout: 30_000,
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 6 },
    logLevel: logLevel.INFO,
    logCreator: logTo(connection.log),
  });
}

/**
 * The one translation of what kafkajs throws. AppErrors pass; broker away, leader moving, request time-outs are
 * 'unreachable' (retriable); refused logins and rights 'unreachable' too, but final; everything else is `other`.
 */
export function kafkaError(
  error: unknown,
  doing: string,
  other: 'log-append-failed' | 'unreachable' = 'unreachable',
): AppError {
  if (error instanceof AppError) return error;
  const root = rootOf(error);
  const message = `Kafka: ${doing}: ${(root.message.split('\n')[0] ?? '').slice(0, 300)}`;
  if (CONNECTION_ERRORS.has(root.name))
    return new AppError('unreachable', message, { retriable: true, cause: error });
  return new AppError(other, message, { retriable: isRetriable(root), cause: error });
}

const CONNECTION_ERRORS = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSLockTimeout',
  'KafkaJSTimeout',
]);

/** kafkajs wraps the error that it gave up on, sometimes twice. */
function rootOf(error: unknown): Error {
  let root = error instanceof Error ? error : new Error(String(error));
  for (let depth = 0; depth < 5 && root.cause instanceof Error; depth++) root = root.cause;
  return root;
}

function isRetriable(error: Error): boolean {
  return 'retriable' in error && error.retriable === true;
}

const LEVELS = new Map<number, Parameters<SourceLog>[0]>([
  [logLevel.ERROR, 'error'],
  [logLevel.WARN, 'warn'],
  [logLevel.INFO, 'debug'],
  [logLevel.DEBUG, 'debug'],
]);

/** While a broker is away these tell each attempt, dozens a second; what gives up in the end tells it too. */
const CHATTY = new Set(['Connection', 'BrokerPool']);

/** kafkajs warns of what is meant so: the partitioner of version 2, and a producer that is made anew after a failed append. */
const MEANT = ['KafkaJS v2.0.0 switched default partitioner', 'Limiting retries for the idempotent producer'];

/** kafkajs tells every pause and join at INFO: our debug. Stack traces stay out, the error's name is in the message. */
function logTo(log: SourceLog): logCreator {
  return () =>
    ({ level, namespace, log: entry }) => {
      const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = entry;
      const isQuiet = CHATTY.has(namespace) || MEANT.some((begin) => message.startsWith(begin));
      log(isQuiet ? 'debug' : (LEVELS.get(level) ?? 'debug'), `kafkajs ${namespace}: ${message}`, fields);
    };
}
