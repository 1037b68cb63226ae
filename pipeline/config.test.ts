import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { AppError } from '../schemas/errors.ts';
import { readConfig } from './config.ts';

/** Lines of what readConfig has to say against these variables. */
function faultsOf(env: Record<string, string>): string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'config-invalid') throw error;
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
  return [];
}

const SECRETS = {
  KAFKA_BROKERS: 'kafka-1:9092, kafka-2:9092',
  KAFKA_SASL_MECHANISM: 'scram-sha-512',
  KAFKA_SASL_USERNAME: 'weir',
  KAFKA_SASL_PASSWORD: 'hush-kafka',
  SCHEMA_REGISTRY_URL: 'https://weir:hush-registry@registry:8081',
  REDIS_URL: 'rediss://:hush-redis@redis:6379/2',
  DATABASE_URL: 'postgres://weir:hush-postgres@postgres:5432/weir?sslpassword=hush-query',
  CLICKHOUSE_URL: 'http://weir:hush-clickhouse@clickhouse:8123/weir',
  RADIUS_API_URL: 'https://radius.example',
  RADIUS_API_KEY: 'hush-radius',
  BILLING_API_URL: 'https://billing.example',
  BILLING_API_KEY: 'hush-billing\n',
  ELASTICSEARCH_ENABLED: 'true',
  ELASTICSEARCH_URL: 'https://search.example',
  ELASTICSEARCH_USERNAME: 'weir',
  ELASTICSEARCH_PASSWORD: 'hush-search',
  WEIR_SECRET_KEY: 'ab'.repeat(32),
};

describe('readConfig', () => {
  it('gives the embedded default without any variable', () => {
    const config = readConfig({});
    expect(config).toMatchObject({
      roles: ['worker', 'dispatcher', 'relay', 'api', 'scheduler'],
      topic: 'accounting',
      group: 'weir',
      kafka: null,
      redis: null,
      databaseUrl: null,
      clickhouseUrl: null,
      dataDir: '.weir',
      snapshots: { folder: '.weir/snapshots', intervalMs: 21_600_000 },
      adminKeyFile: '.weir/admin-key',
      simulatedTime: true,
      simulator: { speed: 60, seed: 1 },
      buckets: 128,
      api: { host: '127.0.0.1', port: 8080, trustedProxies: [] },
      metrics: { host: '127.0.0.1', port: 9464 },
      stopGraceMs: 25_000,
    });
  });

  it('reads every server and turns the simulator off', () => {
    const config = readConfig(SECRETS);
    expect(config.kafka).toMatchObject({
      brokers: ['kafka-1:9092', 'kafka-2:9092'],
      ssl: false,
      sasl: { mechanism: 'scram-sha-512', username: 'weir' },
    });
    expect(config.simulator).toBeNull();
    expect(config.simulatedTime).toBe(false);
    expect(config.redis?.url.reveal()).toBe(SECRETS.REDIS_URL);
    expect(config.kafka?.sasl?.password.reveal()).toBe('hush-kafka');
    expect(config.billingApi?.key.reveal()).toBe('hush-billing');
    expect(config.secretKey?.reveal()).toBe(SECRETS.WEIR_SECRET_KEY);
    expect(config.elasticsearch?.username).toBe('weir');
  });

  it('never prints a secret', () => {
    const config = readConfig(SECRETS);
    const printed = [
      JSON.stringify(config),
      inspect(config, { depth: null, showHidden: true, getters: true }),
      `${String(config.redis?.url)} ${String(config.secretKey)}`,
      JSON.stringify({ ...config.redis }),
    ].join('\n');
    expect(printed).not.toContain('hush');
    expect(printed).not.toContain('abab');
    expect(printed).toContain('rediss://redis:6379/2');
  });

  it.each([
    [{}, '.weir/snapshots'],
    [{ WEIR_DATA_DIR: '/data' }, '/data/snapshots'],
    [{ KAFKA_BROKERS: 'kafka:9092' }, undefined],
    [{ KAFKA_BROKERS: 'kafka:9092', SNAPSHOT_URL: 'file:///srv/a%20b' }, '/srv/a b'],
    [{ SNAPSHOT_URL: '../snapshots' }, '../snapshots'],
  ])('finds the folder of snapshots for %o', (env, folder) => {
    expect(readConfig(env).snapshots?.folder).toBe(folder);
  });

  it('is frozen at every depth', () => {
    const config = readConfig(SECRETS);
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.kafka?.brokers)).toBe(true);
    expect(Object.isFrozen(config.kafka?.sasl)).toBe(true);
  });

  it('takes an empty variable for one that is not set', () => {
    expect(readConfig({ KAFKA_BROKERS: '', WEIR_API_PORT: '  ' }).kafka).toBeNull();
  });

  it('reports every fault at once', () => {
    const faults = faultsOf({
      WEIR_API_PORT: 'eighty',
      REDIS_URL: 'http://redis:6379',
      WEIR_ROLES: 'worker,boss',
      WEIR_BUKETS: '128',
      RADIUS_API_URL: 'https://radius.example',
    });
    expect(faults).toHaveLength(5);
    for (const name of ['WEIR_API_PORT', 'REDIS_URL', 'WEIR_ROLES', 'WEIR_BUKETS', 'RADIUS_API_KEY']) {
      expect(faults.filter((line) => line.startsWith(name))).toHaveLength(1);
    }
  });

  it('does not repeat a value in a fault', () => {
    const faults = faultsOf({ DATABASE_URL: 'mysql://weir:hush@db/weir', WEIR_SECRET_KEY: 'hush' });
    expect(faults).toHaveLength(2);
    expect(faults.join(' ')).not.toContain('hush');
  });
});

describe('a fault', () => {
  it.each([
    ['a port above 65535', { WEIR_API_PORT: '65536' }, 'WEIR_API_PORT must be a port'],
    ['a negative port', { WEIR_METRICS_PORT: '-1' }, 'WEIR_METRICS_PORT must be a port'],
    ['a number in hex', { WEIR_BUCKETS: '0x80' }, 'WEIR_BUCKETS must be a whole number from 1 to 16384'],
    ['a fraction of a bucket', { WEIR_BUCKETS: '1.5' }, 'WEIR_BUCKETS must be a whole number'],
    ['no buckets', { WEIR_BUCKETS: '0' }, 'WEIR_BUCKETS must be a whole number'],
    ['a broker without port', { KAFKA_BROKERS: 'kafka' }, 'KAFKA_BROKERS must be host:port'],
    ['a broker as URL', { KAFKA_BROKERS: 'kafka://kafka:9092' }, 'KAFKA_BROKERS must be host:port'],
    ['a broker with port 0', { KAFKA_BROKERS: 'kafka:0' }, 'KAFKA_BROKERS must be host:port'],
    ['a topic with a space', { KAFKA_TOPIC: 'a b' }, 'KAFKA_TOPIC must be'],
    ['a zone that is none', { WEIR_DEFAULT_ZONE: 'Mars/Olympus' }, 'WEIR_DEFAULT_ZONE must be an IANA'],
    ['an offset as zone', { WEIR_DEFAULT_ZONE: '+01:00' }, 'WEIR_DEFAULT_ZONE must be an IANA'],
    [
      'an abbreviation that no calendar knows',
      { WEIR_DEFAULT_ZONE: 'BST' },
      'WEIR_DEFAULT_ZONE must be an IANA',
    ],
    ['a word as flag', { KAFKA_BROKERS: 'k:1', KAFKA_SSL: 'maybe' }, 'KAFKA_SSL must be on or off'],
    ['an unknown log level', { WEIR_LOG_LEVEL: 'loud' }, 'WEIR_LOG_LEVEL must be one of'],
    ['no role', { WEIR_ROLES: ',' }, 'WEIR_ROLES must be some of'],
    ['a short key', { WEIR_SECRET_KEY: 'abcd' }, 'WEIR_SECRET_KEY must be 32 random bytes'],
    [
      'a proxy list of everybody',
      { WEIR_API_TRUSTED_PROXIES: '0.0.0.0/0' },
      'WEIR_API_TRUSTED_PROXIES must be',
    ],
    ['a URL without host', { CLICKHOUSE_URL: 'http://' }, 'CLICKHOUSE_URL must be a URL'],
    [
      'another scheme',
      { REDIS_URL: 'redis+tls://redis' },
      'REDIS_URL must be a URL that begins with redis://',
    ],
    ['a link to a Service', { WEIR_API_PORT: 'tcp://10.0.0.1:80' }, 'enableServiceLinks'],
    [
      'snapshots on another machine',
      { SNAPSHOT_URL: 's3://bucket/weir' },
      'SNAPSHOT_URL must be a path of a folder',
    ],
    [
      'a file URL with a host',
      { SNAPSHOT_URL: 'file://srv/snapshots' },
      'SNAPSHOT_URL must be a path of a folder',
    ],
    ['no time between snapshots', { WEIR_SNAPSHOT_HOURS: '0' }, 'WEIR_SNAPSHOT_HOURS must be a number'],
    [
      'a grace of none',
      { WEIR_STOP_GRACE_SECONDS: '0' },
      'WEIR_STOP_GRACE_SECONDS must be a number of seconds',
    ],
  ])('is %s', (_, env, message) => {
    const faults = faultsOf(env);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(message);
  });

  it.each([
    ['TLS without brokers', { KAFKA_SSL: 'on' }, 'KAFKA_SSL has no effect without KAFKA_BROKERS'],
    [
      'a login without password',
      { KAFKA_BROKERS: 'k:1', KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'weir' },
      'KAFKA_SASL_PASSWORD must be set too',
    ],
    [
      'partitions beside Kafka',
      { KAFKA_BROKERS: 'k:1', WEIR_PARTITIONS: '8' },
      'WEIR_PARTITIONS is of the embedded',
    ],
    [
      'a key without its API',
      { BILLING_API_KEY: 'k' },
      'BILLING_API_KEY has no effect without BILLING_API_URL',
    ],
    [
      'what simulated subscribers owe',
      { BILLING_API_URL: 'https://billing.example', BILLING_API_KEY: 'k' },
      'BILLING_API_URL would be sent what simulated subscribers owe',
    ],
    ['a search engine nowhere', { ELASTICSEARCH_ENABLED: '1' }, 'ELASTICSEARCH_URL must be set too'],
    ['one port for two', { WEIR_METRICS_PORT: '8080' }, 'WEIR_METRICS_PORT must be another port'],
    [
      'a simulator that is off and sized',
      { WEIR_SIMULATOR: 'off', WEIR_SIMULATOR_SUBSCRIBERS: '9' },
      'WEIR_SIMULATOR_SUBSCRIBERS has no effect while the simulator is off',
    ],
    ['fast traffic by the wall clock', { WEIR_SIMULATED_TIME: '0' }, 'WEIR_SIMULATED_TIME is off'],
    [
      'giving up before the first wait ends',
      { RADIUS_COA_GIVE_UP_AFTER: '1' },
      'RADIUS_COA_GIVE_UP_AFTER must not be below',
    ],
    [
      'a first wait beyond the longest',
      { RADIUS_COA_FIRST_TIMEOUT: '20' },
      'RADIUS_COA_LONGEST_TIMEOUT must not',
    ],
  ])('is %s', (_, env, message) => {
    const faults = faultsOf(env);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(message);
  });
});

it('sends simulated items to a real billing system where that is said', () => {
  const billing = { BILLING_API_URL: 'https://billing.example', BILLING_API_KEY: 'k' };
  for (const more of [{ WEIR_SIMULATOR: 'on' }, { WEIR_SIMULATOR: 'off' }, { KAFKA_BROKERS: 'k:1' }])
    expect(readConfig({ ...billing, ...more }).billingApi).not.toBeNull();
});

describe('a name that looks like ours', () => {
  it.each([
    ['WEIR_BUKETS', 'did you mean WEIR_BUCKETS?'],
    ['WEIR_ROLE', 'did you mean WEIR_ROLES?'],
    ['WEIR_HTTP_PORT', 'did you mean WEIR_API_PORT?'],
    ['WEIR_X', 'remove it'],
    ['KAFKA_BROKER', 'did you mean KAFKA_BROKERS?'],
    ['REDIS_ULR', 'did you mean REDIS_URL?'],
    ['WEIR_PORT', 'did you mean'],
  ])('is a fault: %s', (name, hint) => {
    const faults = faultsOf({ [name]: '8080' });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(hint);
  });

  it.each([
    ['WEIR_PORT', 'tcp://10.0.0.1:8080'],
    ['WEIR_PORT_8080_TCP_ADDR', '10.0.0.1'],
    ['WEIR_SERVICE_HOST', '10.0.0.1'],
    ['WEIR_METRICS_SERVICE_PORT_HTTP', '9464'],
    ['WEIR_SERVICES', 'native'],
    ['WEIR_TEST_KAFKA_DIR', '/tmp/kafka'],
    ['KAFKA_HOME', '/opt/kafka'],
    ['PATH', '/bin'],
  ])('is left alone when it is somebody else’s: %s=%s', (name, value) => {
    expect(faultsOf({ [name]: value })).toEqual([]);
  });
});
