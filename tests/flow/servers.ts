import { randomBytes } from 'node:crypto';
import { createClient } from '@clickhouse/client';
import { Redis } from 'ioredis';
import pg from 'pg';
import { waitUntil } from '../../dev/processes/wait-until.ts';

/** Addresses of the real servers that a flow runs on. */
export interface FlowServers {
  brokers: string;
  redisUrl: string;
  databaseUrl: string;
  clickhouseUrl: string;
}

/** What tests and load runs get from dev/services.ts. @throws Error naming what is missing */
export function serversOf(env: Readonly<Record<string, string | undefined>>): FlowServers {
  const missing: string[] = [];
  const read = (name: string): string => {
    const value = env[name] ?? '';
    if (value === '') missing.push(name);
    return value;
  };
  const servers = {
    brokers: read('KAFKA_BROKERS'),
    redisUrl: read('REDIS_URL'),
    databaseUrl: read('DATABASE_URL'),
    clickhouseUrl: read('CLICKHOUSE_URL'),
  };
  if (missing.length > 0) {
    throw new Error(
      `${missing.join(', ')} not set: run this by npm test, or under what npm run services prints`,
    );
  }
  return servers;
}

/** Databases of one run, on shared servers. */
export interface ScratchDatabases {
  databaseUrl: string;
  clickhouseUrl: string;
  drop(): Promise<void>;
}

/** Makes an empty Postgres and an empty ClickHouse database, so that runs do not see each other. */
export async function makeDatabases(servers: FlowServers): Promise<ScratchDatabases> {
  const name = `flow_${randomBytes(6).toString('hex')}`;
  await onPostgres(servers.databaseUrl, `create database ${name}`);
  await onClickHouse(servers.clickhouseUrl, `CREATE DATABASE ${name}`);
  const databaseUrl = new URL(servers.databaseUrl);
  databaseUrl.pathname = `/${name}`;
  const clickhouseUrl = new URL(servers.clickhouseUrl);
  clickhouseUrl.pathname = `/${name}`;
  return {
    databaseUrl: databaseUrl.href,
    clickhouseUrl: clickhouseUrl.href,
    drop: async () => {
      // Refused while a vacuum of the server's own is at work there: it is nobody's to end.
      await waitUntil(
        `the database ${name} is dropped`,
        () => onPostgres(servers.databaseUrl, `drop database ${name} with (force)`).then(() => true),
        { timeoutMs: 60_000 },
      );
      await onClickHouse(servers.clickhouseUrl, `DROP DATABASE ${name}`);
    },
  };
}

async function onPostgres(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function onClickHouse(url: string, query: string): Promise<void> {
  const client = createClient({ url });
  try {
    await client.command({ query });
  } finally {
    await client.close();
  }
}

/** Removes every slot of a group of ours from Redis: what runs leave behind would be in the next one's memory figure. */
export async function dropSlots(redisUrl: string, group: string): Promise<void> {
  const client = new Redis(redisUrl);
  try {
    for await (const keys of client.scanStream({ match: `weir:{${group}:*`, count: 1_000 })) {
      if ((keys as string[]).length > 0) await client.unlink(...(keys as string[]));
    }
  } finally {
    client.disconnect();
  }
}
