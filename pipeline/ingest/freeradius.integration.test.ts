import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApi } from '../../api/server.ts';
import type { Api, ApiOptions } from '../../api/server.ts';
import { startRestRadius } from '../../dev/freeradius/rest-server.ts';
import type { RestRadius } from '../../dev/freeradius/rest-server.ts';
import { freePort } from '../../dev/processes/ports.ts';
import { openServerGroup } from '../../dev/processes/server-group.ts';
import type { ServerGroup } from '../../dev/processes/server-group.ts';
import type { UsageEvent } from '../../schemas/accounting-record.ts';
import { MemoryApiKeys } from '../../storage/memory/api-keys.ts';
import type { LogAppend, LogWriter } from '../../storage/ports.ts';
import { realDatabase } from '../../storage/postgres/database.contract.ts';
import type { TestDatabase } from '../../storage/postgres/database.contract.ts';
import { PostgresRecordLog } from '../../storage/postgres/record-log.ts';
import { PostgresSubscriberLookup } from '../../storage/postgres/subscriber-lookup.ts';
import { aProfile } from '../../storage/profile-factory.contract.ts';
import { ACCOUNTING_SCHEMA_TEXT } from '../source/accounting-schema.ts';
import { createTelemetry } from '../telemetry.ts';
import { ACCEPTED, NO_ANSWER, documentedSnippets, sendPacket } from './freeradius-rig.contract.ts';
import { decoded } from './ingest-rig.contract.ts';
import { Ingest } from './ingest.ts';

const PARTITIONS = 4;
const T = 1_750_000_000;

/** The embedded log, whose appends can be held back. */
class GatedLog implements Pick<LogWriter, 'append' | 'partitionCount'> {
  readonly #log: LogWriter;
  #gate: Promise<void> = Promise.resolve();
  open: () => void = () => undefined;
  /** appends that stand before the gate or in it */
  waiting = 0;

  constructor(log: LogWriter) {
    this.#log = log;
  }

  shut(): void {
    this.#gate = new Promise((resolve) => (this.open = resolve));
  }

  partitionCount(): Promise<number> {
    return this.#log.partitionCount();
  }

  async append(entries: readonly LogAppend[]): Promise<void> {
    this.waiting += 1;
    await this.#gate;
    this.waiting -= 1;
    await this.#log.append(entries);
  }
}

let database: TestDatabase;
let group: ServerGroup;
let radius: RestRadius;
let log: PostgresRecordLog;
let gated: GatedLog;
let api: Api;
let port: number;
const keys = new MemoryApiKeys();
const ended: string[] = [];

async function startApi(): Promise<void> {
  const elsewhere = { views: {}, directory: {} } as Pick<ApiOptions, 'views' | 'directory'>;
  const telemetry = createTelemetry({ level: 'silent', processMetrics: false });
  const intake = new Ingest({
    writer: gated,
    lookup: new PostgresSubscriberLookup(database.pool),
    accountingText: ACCOUNTING_SCHEMA_TEXT,
    radius: { serviceAttribute: null },
    maxRecordBytes: 16_384,
    observer: { ended: (result) => ended.push(result), records: () => undefined, refused: () => undefined },
    limits: { maxHeldRecords: 1 },
  });
  api = await createApi({ ...elsewhere, keys, log: telemetry.log, intake });
  await api.listen('127.0.0.1', port);
}

beforeAll(async () => {
  database = await realDatabase('ingest');
  await database.pool.query('insert into subscriber (subscriber_id, profile) values ($1, $2)', [
    'sub-1',
    aProfile('sub-1', { userName: 'änn@example.net' }),
  ]);
  log = new PostgresRecordLog(database.pool, {
    topic: 'accounting',
    partitions: PARTITIONS,
    simulatedTime: false,
    log: () => undefined,
  });
  await log.prepare();
  gated = new GatedLog(log);
  port = await freePort();
  await startApi();
  const { key } = await keys.create('radius-1', ['feed']);
  group = await openServerGroup();
  radius = await startRestRadius(
    group,
    await documentedSnippets(),
    // A zone whose abbreviation says three offsets.
    { WEIR_URL: `http://127.0.0.1:${port}`, WEIR_FEED_KEY: key, TZ: 'Asia/Kolkata' },
  );
});

afterAll(async () => {
  gated.open();
  await group.stop();
  await api.close();
  await log.close();
  await database.close();
});

beforeEach(() => {
  ended.length = 0;
});

/** Sends one packet once; what radclient printed. */
function send(attributes: Record<string, string | number>, waitSeconds?: number): Promise<string> {
  return sendPacket(radius, attributes, waitSeconds);
}

function packet(session: string, status: string, more: Record<string, string | number> = {}) {
  return {
    'Acct-Status-Type': status,
    'Acct-Session-Id': session,
    'User-Name': 'änn@example.net',
    'NAS-Identifier': 'bras-1',
    'NAS-IP-Address': '10.0.0.1',
    ...more,
  };
}

/** What workers read of a session, or of a NAS, in the order of the log. */
async function events(id: string): Promise<UsageEvent[]> {
  const found: UsageEvent[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const input of decoded(partition, await log.read(partition, 0, 10_000), PARTITIONS)) {
      if (input.kind !== 'usage') throw new Error(`in the log: ${JSON.stringify(input)}`);
      if (input.event.sessionId === id || input.event.nasId === id) found.push(input.event);
    }
  }
  return found;
}

describe('FreeRADIUS with the documented configuration', () => {
  it('brings a session into the log, with its gigawords, times and subscriber', async () => {
    const session = randomUUID();
    const packets = [
      packet(session, 'Start', { 'Event-Timestamp': T, 'Framed-IP-Address': '100.64.0.9' }),
      packet(session, 'Interim-Update', {
        'Event-Timestamp': T + 600,
        'Acct-Session-Time': 600,
        'Acct-Input-Octets': 4_294_967_295,
        'Acct-Output-Octets': 7,
        'Acct-Output-Gigawords': 3,
        'Acct-Delay-Time': 2,
      }),
      packet(session, 'Stop', {
        'Event-Timestamp': T + 900,
        'Acct-Session-Time': 900,
        'Acct-Input-Octets': 5,
        'Acct-Input-Gigawords': 1,
        'Acct-Output-Octets': 8,
        'Acct-Output-Gigawords': 3,
        'Acct-Terminate-Cause': 'Lost-Carrier',
        Class: '0x676f6c64',
      }),
    ];
    for (const one of packets) expect(await send(one)).toContain(ACCEPTED);
    const all = {
      feedId: 'radius-1',
      subscriberId: 'sub-1',
      userName: 'änn@example.net',
      nasId: 'bras-1',
      nasIp: '10.0.0.1',
    };
    expect(await events(session)).toMatchObject([
      { ...all, statusType: 'START', eventTimeMs: T * 1000, inputOctets: null, framedIp: '100.64.0.9' },
      {
        ...all,
        statusType: 'INTERIM_UPDATE',
        eventTimeMs: (T + 600) * 1000,
        acctDelaySeconds: 2,
        sessionTimeSeconds: 600,
        inputOctets: 4_294_967_295,
        outputOctets: 3 * 2 ** 32 + 7,
      },
      {
        ...all,
        statusType: 'STOP',
        eventTimeMs: (T + 900) * 1000,
        inputOctets: 2 ** 32 + 5,
        outputOctets: 3 * 2 ** 32 + 8,
        terminateCause: 'Lost-Carrier',
        radiusClass: 'gold',
      },
    ]);
  });

  it('brings a packet without a time, a stranger, an identity and a NAS', async () => {
    const session = randomUUID();
    const before = Date.now();
    expect(await send(packet(session, 'Start', { 'User-Name': 'stranger' }))).toContain(ACCEPTED);
    const identity = packet(session, 'Start', { 'Chargeable-User-Identity': '0x63756931' });
    expect(await send(identity)).toContain(ACCEPTED);
    const found = await events(session);
    expect(found.map(({ subscriberId }) => subscriberId).sort()).toEqual(['cui1', 'user:stranger']);
    expect(found[0]).toMatchObject({ eventTimeMs: null });
    expect(found[0]?.receivedAtMs).toBeGreaterThanOrEqual(before);
    const on = { 'Acct-Status-Type': 'Accounting-On', 'NAS-Identifier': `nas-${session}` };
    expect(await send(on)).toContain(ACCEPTED);
    expect(await events(`nas-${session}`)).toMatchObject([{ statusType: 'ACCOUNTING_ON', subscriberId: '' }]);
  });

  it('acknowledges what carries no usage', async () => {
    const session = randomUUID();
    expect(await send(packet(session, 'Tunnel-Start'))).toContain(ACCEPTED);
    expect(await events(session)).toEqual([]);
  });

  it('does not acknowledge what can not be metered', async () => {
    const session = randomUUID();
    const nobody = { 'Acct-Status-Type': 'Start', 'Acct-Session-Id': session, 'NAS-Identifier': 'bras-1' };
    expect(await send(nobody, 2)).toContain(NO_ANSWER);
    expect(ended).toEqual(['refused']);
    expect(await events(session)).toEqual([]);
  });

  it('does not acknowledge before the log has it, nor what is answered 429', async () => {
    const [waiting, refused] = [randomUUID(), randomUUID()];
    gated.shut();
    const first = send(packet(waiting, 'Start'), 10);
    await expect.poll(() => gated.waiting, { timeout: 10_000 }).toBe(1);
    expect(await send(packet(refused, 'Start'), 1)).toContain(NO_ANSWER);
    expect(ended).toEqual(['busy']);
    expect(await events(waiting)).toEqual([]);
    gated.open();
    expect(await first).toContain(ACCEPTED);
    expect(await events(waiting)).toHaveLength(1);
    expect(await events(refused)).toEqual([]);
    expect(await send(packet(refused, 'Start'))).toContain(ACCEPTED);
    expect(await events(refused)).toHaveLength(1);
  });

  it('does not acknowledge while Weir is down, and goes on when it is back', async () => {
    const session = randomUUID();
    await api.close();
    expect(await send(packet(session, 'Start'), 2)).toContain(NO_ANSWER);
    await startApi();
    // After a failed connection FreeRADIUS makes no new one for a second (retry_delay).
    await expect.poll(() => send(packet(session, 'Start'), 1), { timeout: 20_000 }).toContain(ACCEPTED);
    expect((await events(session)).length).toBeGreaterThan(0);
  });
});
