import * as forms from './forms.ts';
import { optional, preset } from './variable.ts';

/** What one process does; all of it by default. */
export const PROCESS_ROLES = ['worker', 'dispatcher', 'relay', 'api', 'scheduler'] as const;
export type ProcessRole = (typeof PROCESS_ROLES)[number];

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

const SERVERS = {
  KAFKA_BROKERS: optional(
    forms.hostPorts,
    'Brokers of the accounting log, `host:port,host:port`. Unset: a durable log in the embedded or given Postgres.',
  ),
  KAFKA_TOPIC: preset(
    forms.kafkaName,
    'accounting',
    'Topic of the accounting log; pinned once state exists.',
  ),
  KAFKA_GROUP: preset(
    forms.kafkaName,
    'weir',
    'Consumer group. Processes of one group share the partitions; state belongs to group and topic.',
  ),
  KAFKA_SSL: preset(
    forms.flag,
    'off',
    'Talk TLS to the brokers, with the system’s certificates.',
    'KAFKA_BROKERS',
  ),
  KAFKA_SASL_MECHANISM: optional(
    forms.oneOf(SASL_MECHANISMS),
    'How to log in at the brokers.',
    'KAFKA_BROKERS',
  ),
  KAFKA_SASL_USERNAME: optional(forms.text, 'User at the brokers.', 'KAFKA_SASL_MECHANISM'),
  KAFKA_SASL_PASSWORD: optional(forms.secret, 'Password at the brokers.', 'KAFKA_SASL_MECHANISM'),
  SCHEMA_REGISTRY_URL: optional(
    forms.url('http', 'https'),
    'Confluent-compatible schema registry; user and password may stand in it. Needed where feeders use its framing.',
  ),
  REDIS_URL: optional(
    forms.url('redis', 'rediss'),
    'State store. It must run with AOF and `maxmemory-policy noeviction`. Unset: state is kept in Postgres.',
  ),
  DATABASE_URL: optional(
    forms.url('postgres', 'postgresql'),
    'Postgres for subscribers, plans, policies, ledger and keys. Unset: embedded, in the data folder.',
  ),
  CLICKHOUSE_URL: optional(
    forms.url('http', 'https'),
    'ClickHouse for analytics, `http://user:password@host:8123/database`. Unset: embedded, in the data folder.',
  ),
  SNAPSHOT_URL: optional(
    forms.folder,
    'Folder for snapshots of the state, a path or `file:///path`; all workers share it. ' +
      'Unset: `snapshots` in the data folder; with KAFKA_BROKERS no snapshots are written.',
  ),
} as const;

const NETWORK = {
  RADIUS_COA_FIRST_TIMEOUT: preset(
    forms.seconds(0.05, 60),
    '2',
    'Seconds to wait for a NAS’s first answer; each further wait doubles (RFC 5080, IRT).',
  ),
  RADIUS_COA_LONGEST_TIMEOUT: preset(forms.seconds(0.05, 120), '16', 'Longest single wait in seconds (MRT).'),
  RADIUS_COA_RETRIES: preset(
    forms.whole(0, 20),
    '4',
    'Repeats of a request without an answer (MRC less one).',
  ),
  RADIUS_COA_GIVE_UP_AFTER: preset(
    forms.seconds(0.1, 600),
    '30',
    'Seconds from the first send to giving up (MRD); the action is then of unknown outcome and asked for later.',
  ),
  RADIUS_COA_PORTS_PER_NAS: preset(
    forms.whole(1, 64),
    '8',
    'Most source ports to one NAS, each with up to 256 requests in flight.',
  ),
  RADIUS_COA_IN_FLIGHT: preset(forms.whole(1, 10_000), '512', 'Most actions that one process sends at once.'),
  RADIUS_API_URL: optional(
    forms.url('http', 'https'),
    'RADIUS management API. Checked now, used by a later release.',
  ),
  RADIUS_API_KEY: optional(forms.secret, 'Key for it.', 'RADIUS_API_URL'),
  RADIUS_API_TIMEOUT: preset(forms.seconds(0.1, 300), '5', 'Seconds one request may take.', 'RADIUS_API_URL'),
  BILLING_API_URL: optional(
    forms.url('http', 'https'),
    'Billing system, by schemas/billing-api.yaml. Unset: the simulated provider’s, or items are held.',
  ),
  BILLING_API_KEY: optional(forms.secret, 'Key for it.', 'BILLING_API_URL'),
  BILLING_API_TIMEOUT: preset(
    forms.seconds(0.1, 300),
    '10',
    'Seconds one request may take.',
    'BILLING_API_URL',
  ),
  WEIR_BILLING_IN_FLIGHT: preset(
    forms.whole(1, 1_000),
    '32',
    'Most items that one process sends to the billing system at once.',
  ),
  WEIR_BILLING_STATUS_HOLDS: preset(
    forms.flag,
    'off',
    'Put services of accounts that the billing system has suspended on hold for non-payment.',
    'BILLING_API_URL',
  ),
  ELASTICSEARCH_ENABLED: preset(
    forms.flag,
    'off',
    'Write the audit trail to Elasticsearch too. Checked now, used by a later release.',
  ),
  ELASTICSEARCH_URL: optional(forms.url('http', 'https'), 'Where it is.'),
  ELASTICSEARCH_USERNAME: optional(forms.text, 'User.', 'ELASTICSEARCH_URL'),
  ELASTICSEARCH_PASSWORD: optional(forms.secret, 'Password.', 'ELASTICSEARCH_URL'),
} as const;

const PROCESS = {
  WEIR_ROLES: preset(
    forms.someOf(PROCESS_ROLES),
    PROCESS_ROLES.join(','),
    'What this process does. More processes with the same group share the work.',
  ),
  WEIR_DATA_DIR: preset(
    forms.path,
    '.weir',
    'Folder of the embedded engines and of the admin key; one process each.',
  ),
  WEIR_ADMIN_KEY_FILE: optional(
    forms.path,
    'File of the key that the first start makes and that the commands use. Unset: `admin-key` in the data folder.',
  ),
  WEIR_POLICIES_DIR: preset(
    forms.path,
    'policies',
    'Folder of policy files; they are published at start and when they change.',
  ),
  WEIR_POLICY_CONFIRM_PERCENT: preset(
    forms.decimal(0, 100),
    '5',
    'Percent of all subscribers: a policy that leaves shadow and acts on more at once must be confirmed.',
  ),
  WEIR_SECRET_KEY: optional(
    forms.key256,
    'Key that seals the secrets of NAS in the database, 32 random bytes in hex or base64. ' +
      'Unset: made at first start and kept in the data folder; set it where several processes share a database.',
  ),
  WEIR_MIGRATE_ON_START: preset(forms.flag, 'on', 'Bring database and analytics tables up to date at start.'),
  WEIR_JOBS: optional(
    forms.jobTimes,
    'When jobs are due where that differs from the usual, `name=cron` with semicolons between; in UTC.',
  ),
  WEIR_IMPORT_MAX_MB: preset(forms.whole(1, 4096), '1024', 'Largest file that can be brought in, in MB.'),
  WEIR_IMPORT_BACKLOG: preset(
    forms.whole(1, 5000),
    '5000',
    'Changes that may wait for the log while a file is brought in; what people change meanwhile waits behind as many.',
  ),
  WEIR_STOP_GRACE_SECONDS: preset(
    forms.seconds(1, 3600),
    '25',
    'Seconds to drain, commit and flush after SIGTERM; below what the supervisor waits before it kills.',
  ),
  WEIR_LOG_FORMAT: preset(
    forms.oneOf(LOG_FORMATS),
    'text',
    'Log lines for people, or one JSON object a line for a log collector.',
  ),
  WEIR_LOG_LEVEL: preset(forms.oneOf(LOG_LEVELS), 'info', 'Least level of log lines.'),
  WEIR_API_HOST: preset(forms.host, '127.0.0.1', 'Address that the API listens on.'),
  WEIR_API_PORT: preset(forms.port, '8080', 'Port of the API.'),
  WEIR_API_RATE_LIMIT: preset(
    forms.whole(1, 1_000_000),
    '600',
    'Requests a minute that one address may make.',
  ),
  WEIR_API_KEY_RATE_LIMIT: preset(
    forms.whole(1, 1_000_000),
    '6000',
    'Requests a minute that one key may make, unless it was made with a number of its own.',
  ),
  WEIR_API_TRUSTED_PROXIES: optional(
    forms.networks,
    'Proxies whose X-Forwarded-For is believed. Unset: nobody’s.',
  ),
  WEIR_METRICS_HOST: preset(
    forms.host,
    '127.0.0.1',
    'Address that Prometheus metrics are served on, without a key.',
  ),
  WEIR_METRICS_PORT: preset(forms.port, '9464', 'Port of the metrics.'),
} as const;

const METERING = {
  WEIR_DEFAULT_ZONE: preset(
    forms.zone,
    'UTC',
    'Time zone of billing cycles of subscribers without one of their own.',
  ),
  WEIR_DEFAULT_CURRENCY: preset(
    forms.currency,
    'EUR',
    'Currency of accounts that Weir makes by itself, for subscribers of a directory that names none.',
  ),
  WEIR_MAX_RECORD_BYTES: preset(
    forms.whole(256, 1_048_576),
    '16384',
    'Largest accounting record in bytes; larger ones become dead letters.',
  ),
  WEIR_DEAD_LETTER_DAYS: preset(
    forms.decimal(0.01, 3650),
    '30',
    'Days that dead letters are kept for a look and a replay; beyond a million the oldest go sooner.',
  ),
  WEIR_SHADOW_DAYS: preset(
    forms.decimal(1, 3650),
    '30',
    'Days that decisions of policies in shadow are kept; what such a policy holds now stays beyond.',
  ),
  WEIR_RADIUS_SERVICE_ATTRIBUTE: optional(
    forms.text,
    'RADIUS attribute whose value is the service name of packets that come by HTTP. Unset: they have none.',
  ),
  WEIR_BUCKETS: preset(
    forms.whole(1, 16_384),
    '128',
    'Bucket hashes a slot; about subscribers / partitions / 500. Pinned once state exists.',
  ),
  WEIR_CACHED_SUBSCRIBERS: preset(
    forms.whole(1, 100_000_000),
    '50000',
    'Subscribers that stay in the memory of a process, over all its slots; 2 to 5 KB each. Up to 2.4 times as many where it knows fewer than 20 times as many. The others lie in the state store.',
  ),
  WEIR_POLICY_CROSS_CHECK_RATE: preset(
    forms.decimal(0, 1),
    '0.0001',
    'Share of decisions without a change that json-rules-engine is asked about too; those with one it always is.',
  ),
  WEIR_ACCEPT_LATENESS_DAYS: preset(
    forms.whole(1, 35),
    '7',
    'Records older than this before their append time are dead letters; so long is a closed session known. Pinned once state exists.',
  ),
  WEIR_CYCLE_CLOSE_GRACE_HOURS: preset(
    forms.whole(1, 720),
    '24',
    'Hours after its end at which a billing cycle is closed: what comes later is an adjustment. Pinned once state exists.',
  ),
  WEIR_SNAPSHOT_HOURS: preset(
    forms.decimal(0.001, 720),
    '6',
    'Hours from one snapshot of a partition’s state to the next, by the log’s clock; the log must keep three times as much.',
  ),
  WEIR_ALLOW_UNSAFE_REDIS: preset(
    forms.flag,
    'off',
    'Start with a Redis that evicts or has no AOF. For development only: it loses usage.',
  ),
} as const;

const SIMULATION = {
  WEIR_SIMULATOR: optional(
    forms.flag,
    'The simulated provider. Unset: on while KAFKA_BROKERS is not set, else off.',
  ),
  WEIR_SIMULATOR_SUBSCRIBERS: preset(forms.whole(1, 1_000_000), '500', 'Simulated subscribers.'),
  WEIR_SIMULATOR_SPEED: preset(
    forms.decimal(0.1, 10_000),
    '60',
    'Simulated seconds a second; 60 = one hour a minute.',
  ),
  WEIR_SIMULATOR_SEED: preset(forms.whole(0, 4_294_967_295), '1', 'Same seed, same subscribers and traffic.'),
  WEIR_SIMULATED_TIME: optional(
    forms.flag,
    'The producer’s stamps are the log’s clock. For simulation and tests only. Unset: as the simulator.',
  ),
  WEIR_PARTITIONS: preset(
    forms.whole(1, 256),
    '4',
    'Partitions of the embedded log; pinned once it exists. A Kafka topic has its own.',
  ),
  WEIR_LOG_RETENTION_DAYS: preset(
    forms.decimal(0.01, 3650),
    '8',
    'Days that the embedded log keeps entries that were read; longer than late records are accepted.',
  ),
} as const;

/** Every variable that Weir reads, by the headings of docs/configuration.md. */
export const VARIABLE_GROUPS = [
  { title: 'Servers', variables: SERVERS },
  { title: 'Network, billing, audit', variables: NETWORK },
  { title: 'The process', variables: PROCESS },
  { title: 'Metering', variables: METERING },
  { title: 'Simulation and the embedded log', variables: SIMULATION },
] as const;

/** The same in one table. */
export const VARIABLES = { ...SERVERS, ...NETWORK, ...PROCESS, ...METERING, ...SIMULATION } as const;
