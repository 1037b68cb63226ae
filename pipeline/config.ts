import { AppError } from '../schemas/errors.ts';
import { conflicts } from './config/conflicts.ts';
import { Secret } from './config/secret.ts';
import { unknownNames } from './config/unknown-names.ts';
import type { ValuesOf, Variable } from './config/variable.ts';
import { VARIABLES } from './config/variables.ts';
import type { JobTimes } from './schedule/job-table.ts';
import type { LogFormat, LogLevel, ProcessRole, SaslMechanism } from './config/variables.ts';

/** An HTTP API of somebody else. */
export interface HttpApiConfig {
  readonly url: Secret;
  readonly key: Secret;
  readonly timeoutMs: number;
}

export interface KafkaConfig {
  /** host:port */
  readonly brokers: readonly string[];
  readonly ssl: boolean;
  readonly sasl: {
    readonly mechanism: SaslMechanism;
    readonly username: string;
    readonly password: Secret;
  } | null;
}

/** Everything that can be configured, checked as a whole; frozen. Printing it shows no secret. */
export interface Config {
  readonly roles: readonly ProcessRole[];
  /** of the accounting log, Kafka's or the embedded one */
  readonly topic: string;
  readonly group: string;
  /** null = embedded log, a Postgres table */
  readonly kafka: KafkaConfig | null;
  /** of the embedded log */
  readonly partitions: number;
  /** how long the embedded log keeps what was read */
  readonly logRetentionMs: number;
  readonly schemaRegistryUrl: Secret | null;
  /** null = state in Postgres */
  readonly redis: { readonly url: Secret; readonly allowUnsafe: boolean } | null;
  /** null = embedded Postgres */
  readonly databaseUrl: Secret | null;
  /** null = embedded chDB */
  readonly clickhouseUrl: Secret | null;
  /** null = none are written. `intervalMs` = from one of a partition to its next, by the log's clock */
  readonly snapshots: { readonly folder: string; readonly intervalMs: number } | null;
  /** of jobs whose times differ from the usual */
  readonly jobTimes: JobTimes;
  readonly migrateOnStart: boolean;
  /** relative to the working folder, or absolute */
  readonly dataDir: string;
  readonly adminKeyFile: string;
  readonly policiesDir: string;
  /** percent of all subscribers; a policy that acts on more at once must be confirmed */
  readonly policyConfirmPercent: number;
  /** 64 hex digits; null = one is made and kept in the data folder */
  readonly secretKey: Secret | null;
  readonly defaultZone: string;
  /** ISO 4217; of accounts that nobody made */
  readonly defaultCurrency: string;
  readonly maxRecordBytes: number;
  /** of packets that come by HTTP; null = they have no service name */
  readonly radiusServiceAttribute: string | null;
  /** how long dead letters are kept, ms of real time */
  readonly deadLetterRetentionMs: number;
  /** how long decisions of policies in shadow are kept */
  readonly shadowDays: number;
  readonly buckets: number;
  /** subscribers that stay in memory, over all slots of the process, at least */
  readonly cachedSubscribers: number;
  /** share of subscribers touched by a batch whose rules json-rules-engine checks too */
  readonly policyCrossCheckRate: number;
  readonly acceptLatenessDays: number;
  readonly cycleCloseGraceHours: number;
  readonly simulatedTime: boolean;
  /** null = no simulated provider. `speed` = simulated seconds a second */
  readonly simulator: { readonly subscribers: number; readonly speed: number; readonly seed: number } | null;
  readonly coa: {
    readonly firstTimeoutMs: number;
    readonly longestTimeoutMs: number;
    /** the first send included */
    readonly maxSends: number;
    readonly giveUpAfterMs: number;
    readonly portsPerNas: number;
    /** actions being sent at once */
    readonly maxInFlight: number;
  };
  readonly api: {
    readonly host: string;
    readonly port: number;
    /** requests a minute and address */
    readonly rateLimit: number;
    /** requests a minute of a key that has no limit of its own */
    readonly keyRateLimit: number;
    readonly trustedProxies: readonly string[];
  };
  readonly metrics: { readonly host: string; readonly port: number };
  /** files of subscribers and assignments; backlog = controls that may wait for the log meanwhile */
  readonly imports: { maxBytes: number; backlog: number };
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly stopGraceMs: number;
  readonly radiusApi: HttpApiConfig | null;
  readonly billingApi: HttpApiConfig | null;
  /** `maxInFlight` = items being sent at once; `setsHolds` = suspended accounts get one */
  readonly billing: { readonly maxInFlight: number; readonly setsHolds: boolean };
  readonly elasticsearch: {
    readonly url: Secret;
    readonly username: string | null;
    readonly password: Secret | null;
  } | null;
}

type Values = ValuesOf<typeof VARIABLES>;

/**
 * Reads the environment once and checks all of it. An empty variable counts as not set.
 *
 * @param env `process.env`
 * @throws AppError 'config-invalid' whose message has one line per fault, all of them, each with the variable's name
 *   and what to do; no value of a variable is repeated in it
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const faults = unknownNames(env, Object.keys(VARIABLES));
  const values: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries<Variable<unknown>>(VARIABLES)) {
    values[name] = read(name, variable, given(env, name), faults);
  }
  const isSet = (name: string): boolean => given(env, name) !== null;
  for (const [name, { needs }] of Object.entries<Variable<unknown>>(VARIABLES)) {
    if (needs !== null && isSet(name) && !isSet(needs)) {
      faults.push(`${name} has no effect without ${needs}: set ${needs}, or remove ${name}`);
    }
  }
  faults.push(...conflicts(values as Values, isSet));
  if (faults.length > 0) throw invalid(faults);
  return freeze(toConfig(values as Values));
}

function given(env: NodeJS.ProcessEnv, name: string): string | null {
  const text = env[name];
  return text === undefined || text.trim() === '' ? null : text;
}

function read(name: string, variable: Variable<unknown>, text: string | null, faults: string[]): unknown {
  const source = text ?? variable.fallback;
  if (source === null) return null;
  const result = variable.form.safeParse(source);
  if (result.success) return result.data;
  const serviceLink = source.startsWith('tcp://')
    ? ' (Kubernetes sets it for a Service of that name: enableServiceLinks: false in the pod ends that)'
    : '';
  for (const issue of result.error.issues) faults.push(`${name} must be ${issue.message}${serviceLink}`);
  return null;
}

function invalid(faults: readonly string[]): AppError {
  const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
  return new AppError('config-invalid', [`the configuration has ${count}:`, ...faults].join('\n  '));
}

function toConfig(values: Values): Config {
  const simulated = values.WEIR_SIMULATOR ?? values.KAFKA_BROKERS === null;
  return {
    roles: values.WEIR_ROLES,
    topic: values.KAFKA_TOPIC,
    group: values.KAFKA_GROUP,
    kafka: kafkaOf(values),
    partitions: values.WEIR_PARTITIONS,
    logRetentionMs: values.WEIR_LOG_RETENTION_DAYS * 86_400_000,
    schemaRegistryUrl: values.SCHEMA_REGISTRY_URL,
    redis:
      values.REDIS_URL === null
        ? null
        : { url: values.REDIS_URL, allowUnsafe: values.WEIR_ALLOW_UNSAFE_REDIS },
    databaseUrl: values.DATABASE_URL,
    clickhouseUrl: values.CLICKHOUSE_URL,
    snapshots: snapshotsOf(values),
    jobTimes: values.WEIR_JOBS ?? {},
    migrateOnStart: values.WEIR_MIGRATE_ON_START,
    dataDir: values.WEIR_DATA_DIR,
    adminKeyFile: values.WEIR_ADMIN_KEY_FILE ?? `${values.WEIR_DATA_DIR}/admin-key`,
    policiesDir: values.WEIR_POLICIES_DIR,
    policyConfirmPercent: values.WEIR_POLICY_CONFIRM_PERCENT,
    secretKey: values.WEIR_SECRET_KEY,
    defaultZone: values.WEIR_DEFAULT_ZONE,
    defaultCurrency: values.WEIR_DEFAULT_CURRENCY,
    maxRecordBytes: values.WEIR_MAX_RECORD_BYTES,
    radiusServiceAttribute: values.WEIR_RADIUS_SERVICE_ATTRIBUTE,
    deadLetterRetentionMs: values.WEIR_DEAD_LETTER_DAYS * 86_400_000,
    shadowDays: values.WEIR_SHADOW_DAYS,
    buckets: values.WEIR_BUCKETS,
    cachedSubscribers: values.WEIR_CACHED_SUBSCRIBERS,
    policyCrossCheckRate: values.WEIR_POLICY_CROSS_CHECK_RATE,
    acceptLatenessDays: values.WEIR_ACCEPT_LATENESS_DAYS,
    cycleCloseGraceHours: values.WEIR_CYCLE_CLOSE_GRACE_HOURS,
    simulatedTime: values.WEIR_SIMULATED_TIME ?? simulated,
    simulator: simulated ? simulatorOf(values) : null,
    coa: coaOf(values),
    api: {
      host: values.WEIR_API_HOST,
      port: values.WEIR_API_PORT,
      rateLimit: values.WEIR_API_RATE_LIMIT,
      keyRateLimit: values.WEIR_API_KEY_RATE_LIMIT,
      trustedProxies: values.WEIR_API_TRUSTED_PROXIES ?? [],
    },
    metrics: { host: values.WEIR_METRICS_HOST, port: values.WEIR_METRICS_PORT },
    imports: { maxBytes: values.WEIR_IMPORT_MAX_MB * 1_000_000, backlog: values.WEIR_IMPORT_BACKLOG },
    logLevel: values.WEIR_LOG_LEVEL,
    logFormat: values.WEIR_LOG_FORMAT,
    stopGraceMs: values.WEIR_STOP_GRACE_SECONDS,
    radiusApi: httpApi(values.RADIUS_API_URL, values.RADIUS_API_KEY, values.RADIUS_API_TIMEOUT),
    billingApi: httpApi(values.BILLING_API_URL, values.BILLING_API_KEY, values.BILLING_API_TIMEOUT),
    billing: {
      maxInFlight: values.WEIR_BILLING_IN_FLIGHT,
      setsHolds: values.WEIR_BILLING_STATUS_HOLDS,
    },
    elasticsearch: elasticsearchOf(values),
  };
}

function kafkaOf(values: Values): KafkaConfig | null {
  if (values.KAFKA_BROKERS === null) return null;
  const mechanism = values.KAFKA_SASL_MECHANISM;
  const username = values.KAFKA_SASL_USERNAME;
  const password = values.KAFKA_SASL_PASSWORD;
  const complete = mechanism !== null && username !== null && password !== null;
  return {
    brokers: values.KAFKA_BROKERS,
    ssl: values.KAFKA_SSL,
    sasl: complete ? { mechanism, username, password } : null,
  };
}

/** Not in the data folder where Kafka is: that of one worker among several is of no use to the others. */
function snapshotsOf(values: Values): Config['snapshots'] {
  const embedded = values.KAFKA_BROKERS === null ? `${values.WEIR_DATA_DIR}/snapshots` : null;
  const folder = values.SNAPSHOT_URL ?? embedded;
  return folder === null ? null : { folder, intervalMs: values.WEIR_SNAPSHOT_HOURS * 3_600_000 };
}

function simulatorOf(values: Values): Config['simulator'] {
  return {
    subscribers: values.WEIR_SIMULATOR_SUBSCRIBERS,
    speed: values.WEIR_SIMULATOR_SPEED,
    seed: values.WEIR_SIMULATOR_SEED,
  };
}

function coaOf(values: Values): Config['coa'] {
  return {
    firstTimeoutMs: values.RADIUS_COA_FIRST_TIMEOUT,
    longestTimeoutMs: values.RADIUS_COA_LONGEST_TIMEOUT,
    maxSends: values.RADIUS_COA_RETRIES + 1,
    giveUpAfterMs: values.RADIUS_COA_GIVE_UP_AFTER,
    portsPerNas: values.RADIUS_COA_PORTS_PER_NAS,
    maxInFlight: values.RADIUS_COA_IN_FLIGHT,
  };
}

function httpApi(url: Secret | null, key: Secret | null, timeoutMs: number): HttpApiConfig | null {
  return url === null || key === null ? null : { url, key, timeoutMs };
}

function elasticsearchOf(values: Values): Config['elasticsearch'] {
  const url = values.ELASTICSEARCH_URL;
  if (!values.ELASTICSEARCH_ENABLED || url === null) return null;
  return { url, username: values.ELASTICSEARCH_USERNAME, password: values.ELASTICSEARCH_PASSWORD };
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Secret) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}
