import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Control, OperatorCommand } from '../../schemas/control.ts';
import { defaultNasProfile } from '../../schemas/profile.ts';
import type { NasProfile, PlanVersion } from '../../schemas/profile.ts';
import type { NasAccess } from '../ports.ts';
import { aProfile } from '../profile-factory.contract.ts';
import { apiKeysContract } from '../api-keys.contract.ts';
import { PostgresApiKeys } from './api-keys.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresDirectory } from './directory.ts';
import { PostgresNasInventory } from './nas-inventory.ts';
import { PostgresPolicyReports } from './policy-reports.ts';
import { SecretBox } from './secret-box.ts';

const box = new SecretBox(randomBytes(32));
let database: TestDatabase;
let directory: PostgresDirectory;

const plan: PlanVersion = {
  planId: 'home',
  version: 1,
  family: 'home',
  capBytes: 100_000_000_000,
  counted: 'both',
  downBps: 100_000_000,
  upBps: 20_000_000,
  overage: null,
  classFactors: {},
};

function nas(
  nasId: string,
  more: Partial<NasProfile> = {},
  secret: string | null = 's3cret',
): {
  profile: NasProfile;
  access: NasAccess | null;
} {
  const access =
    secret === null ? null : { nasId, address: '192.0.2.1', coaPort: 3799, secret, vendor: 'mikrotik' };
  return { profile: { ...defaultNasProfile(nasId), ...more }, access };
}

/** Controls that wait, in the order of the outbox; emptied. */
async function controls(): Promise<Control[]> {
  const result = await database.pool.query<{ control: Control }>(
    'with gone as (delete from control_outbox returning xid, id, control) select control from gone order by xid, id',
  );
  return result.rows.map((row) => row.control);
}

interface AuditRow {
  who: string | null;
  action: string;
  subject: string;
  content: Record<string, unknown>;
}

async function audit(): Promise<AuditRow[]> {
  const found = await database.pool.query<AuditRow>(
    'select who, action, subject, content from audit order by id',
  );
  return found.rows;
}

function directoryTests(): void {
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.pool.query(
      `truncate control_outbox, subscriber, plan_version, nas, api_key, feed, fold_version, audit, pool,
       policy_report cascade`,
    );
    directory = new PostgresDirectory(database.pool, box);
  });

  it('stores subscribers and makes one control for each that changed', async () => {
    await directory.putSubscribers([aProfile('b'), aProfile('a')]);
    expect(await controls()).toEqual([
      { kind: 'subscriber-profile', profile: aProfile('b') },
      { kind: 'subscriber-profile', profile: aProfile('a') },
    ]);
    await directory.putSubscribers([aProfile('a'), aProfile('b', { segment: 'business' })]);
    expect(await controls()).toEqual([
      { kind: 'subscriber-profile', profile: aProfile('b', { segment: 'business' }) },
    ]);
    expect(await directory.subscriber('b')).toEqual(aProfile('b', { segment: 'business' }));
    expect(await directory.subscriber('c')).toBeNull();
    const boosts = [{ id: 'x', downBps: 3e8, upBps: 1e8, fromMs: 0, expiresMs: 1 }];
    await directory.putSubscribers([aProfile('a', { boosts })]);
    expect(await controls()).toEqual([{ kind: 'subscriber-profile', profile: aProfile('a', { boosts }) }]);
    expect(await directory.subscriber('a')).toEqual(aProfile('a', { boosts }));
  });

  it('takes the last of one subscriber named twice, and nothing at all', async () => {
    await directory.putSubscribers([]);
    await directory.putSubscribers([aProfile('a'), aProfile('a', { anchorDay: 5 })]);
    expect(await controls()).toEqual([
      { kind: 'subscriber-profile', profile: aProfile('a', { anchorDay: 5 }) },
    ]);
  });

  it('writes nothing of a call that fails', async () => {
    const bad = aProfile('z', { segment: 'not\u0000storable' });
    const many = Array.from({ length: 2_500 }, (_, i) => aProfile(`s-${i}`));
    await expect(directory.putSubscribers([...many, bad])).rejects.toMatchObject({ code: 'store-rejected' });
    expect((await directory.counts()).subscribers).toBe(0);
    expect(await controls()).toEqual([]);
  });

  it('stores 20,000 subscribers in one call', async () => {
    const startedAt = performance.now();
    await directory.putSubscribers(Array.from({ length: 20_000 }, (_, i) => aProfile(`s-${i}`)));
    console.log(`20,000 subscribers: ${Math.round(performance.now() - startedAt)} ms`);
    expect((await directory.counts()).subscribers).toBe(20_000);
    expect(await controls()).toHaveLength(20_000);
  });

  it('keeps plan versions as they are', async () => {
    await directory.putPlans([plan, { ...plan, version: 2, capBytes: null }]);
    await directory.putPlans([plan]);
    expect((await controls()).map((control) => control.kind)).toEqual(['plan-version', 'plan-version']);
    await expect(directory.putPlans([{ ...plan, capBytes: 1 }])).rejects.toMatchObject({ code: 'conflict' });
    expect(await directory.plan('home')).toEqual({ ...plan, version: 2, capBytes: null });
    expect(await directory.plan('other')).toBeNull();
    expect(await directory.plans()).toEqual([{ ...plan, version: 2, capBytes: null }]);
  });

  it('seals NAS secrets, tells the fold only of profiles, and answers the inventory', async () => {
    let now = 0;
    const inventory = new PostgresNasInventory(database.pool, box, () => now);
    await directory.putNas([nas('n-1'), nas('n-2', { reversed: true }, null)]);
    expect(await controls()).toHaveLength(2);
    await directory.putNas([nas('n-1', {}, 'changed')]);
    expect(await controls()).toEqual([]);
    const stored = await database.pool.query<{ sealed: string }>(
      `select string_agg(encode(secret_sealed, 'escape'), '') as sealed from nas`,
    );
    expect(stored.rows[0]?.sealed).not.toContain('changed');
    expect(await inventory.access('n-1')).toEqual(nas('n-1', {}, 'changed').access);
    expect(await inventory.access('n-2')).toBeNull();
    expect(await inventory.access('n-3')).toBeNull();
    await directory.putNas([nas('n-1', {}, 'newer')]);
    expect((await inventory.access('n-1'))?.secret).toBe('changed');
    now += 10_000;
    expect((await inventory.access('n-1'))?.secret).toBe('newer');
    const elsewhere = new PostgresNasInventory(database.pool, new SecretBox(randomBytes(32)));
    await expect(elsewhere.access('n-1')).rejects.toMatchObject({ code: 'store-rejected' });
  });

  it('audits profiles and access of NAS apart, without secrets, and only what changed', async () => {
    await directory.putNas([nas('n-1')]);
    await directory.putNas([nas('n-1')]);
    await directory.putNas([nas('n-1', {}, 'changed')]);
    await directory.putNas([nas('n-1', { reversed: true }, 'changed')]);
    await directory.putNas([nas('n-1', { reversed: true }, null)]);
    const access = { address: '192.0.2.1', coaPort: 3799, vendor: 'mikrotik' };
    const gone = { address: null, coaPort: null, vendor: null };
    expect(await audit()).toEqual([
      { who: null, action: 'nas-profile', subject: 'n-1', content: nas('n-1').profile },
      { who: null, action: 'nas-access', subject: 'n-1', content: { ...access, secretChanged: true } },
      { who: null, action: 'nas-access', subject: 'n-1', content: { ...access, secretChanged: true } },
      { who: null, action: 'nas-profile', subject: 'n-1', content: nas('n-1', { reversed: true }).profile },
      { who: null, action: 'nas-access', subject: 'n-1', content: { ...gone, secretChanged: true } },
    ]);
  });

  it('changes how a NAS is read and leaves its access, also for all NAS that nobody described', async () => {
    const profile = { ...defaultNasProfile('n-1'), gigawords: false };
    await directory.putNas([nas('n-1')]);
    await controls();
    await directory.putNasProfile(profile);
    await directory.putNasProfile(profile);
    await directory.putNasProfile(defaultNasProfile('*'));
    expect(await controls()).toEqual([
      { kind: 'nas-profile', nas: profile },
      { kind: 'nas-profile', nas: defaultNasProfile('*') },
    ]);
    expect(await directory.nasProfiles()).toEqual([defaultNasProfile('*'), profile]);
    expect(await new PostgresNasInventory(database.pool, box).access('n-1')).toEqual(nas('n-1').access);
    expect((await directory.counts()).nas).toBe(1);
    expect((await audit()).map(({ action, subject }) => [action, subject])).toEqual([
      ['nas-profile', 'n-1'],
      ['nas-access', 'n-1'],
      ['nas-profile', 'n-1'],
      ['nas-profile', '*'],
    ]);
  });

  it('reads profiles of an earlier version with the defaults of what they do not say', async () => {
    await database.pool.query(
      `insert into nas (nas_id, profile) values ('old', '{"nasId": "old", "reversed": true}')`,
    );
    expect(await directory.nasProfiles()).toEqual([{ ...defaultNasProfile('old'), reversed: true }]);
  });

  it('keeps pools, and makes a control and an audit row for each that changed', async () => {
    const shared = { zone: 'UTC', anchorDay: 1, segment: 'residential', planId: null, overageConsent: false };
    const family = { ...shared, poolId: 'family', allowanceBytes: 500_000_000_000, billTo: 'anna' };
    const firm = { ...shared, poolId: 'Firm', allowanceBytes: null, billTo: 'ben' };
    await directory.putPools([family, firm]);
    await directory.putPools([family, { ...firm, allowanceBytes: 1 }]);
    expect(await directory.pools()).toEqual([{ ...firm, allowanceBytes: 1 }, family]);
    const changes = [family, firm, { ...firm, allowanceBytes: 1 }];
    expect(await controls()).toEqual(changes.map((pool) => ({ kind: 'pool-profile', pool })));
    expect((await audit()).map(({ action, subject }) => [action, subject])).toEqual(
      changes.map(({ poolId }) => ['pool-profile', poolId]),
    );
  });

  it('keeps feeds, and makes a control and an audit row for each change', async () => {
    await directory.putFeed({ feedId: 'wifi', countFromMs: null });
    await directory.putFeed({ feedId: 'core', countFromMs: 1_736_640_000_123 });
    await directory.putFeed({ feedId: 'core', countFromMs: 1_736_640_000_123 });
    await directory.putFeed({ feedId: 'core', countFromMs: null });
    const changes = [
      { feedId: 'wifi', countFromMs: null },
      { feedId: 'core', countFromMs: 1_736_640_000_123 },
      { feedId: 'core', countFromMs: null },
    ];
    expect(await controls()).toEqual(changes.map((feed) => ({ kind: 'feed-profile', feed })));
    expect(await directory.feeds()).toEqual([changes[2], changes[0]]);
    expect(await audit()).toEqual(
      changes.map((feed) => ({ who: null, action: 'feed-profile', subject: feed.feedId, content: feed })),
    );
  });

  it('brings every command into the log, also the same one again, and notes who gave it', async () => {
    const adjust: OperatorCommand = {
      type: 'adjust',
      subscriberId: 's-1',
      atMs: 1_736_640_000_123,
      downBytes: -5_000_000_000,
      upBytes: 0,
      reason: 'nul\u0000 credit',
      by: 'ann',
    };
    await directory.command(adjust);
    await directory.command(adjust);
    await directory.command({ type: 're-evaluate', subscriberId: 's-2', by: 'ben' });
    expect(await controls()).toEqual([
      { kind: 'operator', command: adjust },
      { kind: 'operator', command: adjust },
      { kind: 'operator', command: { type: 're-evaluate', subscriberId: 's-2', by: 'ben' } },
    ]);
    const { by, ...content } = adjust;
    expect(await audit()).toEqual([
      { who: by, action: 'adjust', subject: 's-1', content },
      { who: by, action: 'adjust', subject: 's-1', content },
      {
        who: 'ben',
        action: 're-evaluate',
        subject: 's-2',
        content: { type: 're-evaluate', subscriberId: 's-2' },
      },
    ]);
  });

  it('raises the version of the fold and never lowers it', async () => {
    for (const version of [2, 2, 1, 3]) await directory.raiseFoldVersion(version);
    for (const version of [0, 1.5, Number.NaN, 2 ** 31]) {
      await expect(directory.raiseFoldVersion(version)).rejects.toMatchObject({ code: 'invalid-input' });
    }
    expect(await controls()).toEqual([
      { kind: 'fold-version', version: 2 },
      { kind: 'fold-version', version: 3 },
    ]);
    expect((await audit()).map(({ subject }) => subject)).toEqual(['2', '3']);
  });

  it('writes row, control and audit together or not at all', async () => {
    await database.pool.query('alter table audit add constraint refuse check (false)');
    try {
      const feed = { feedId: 'core', countFromMs: null };
      for (const change of [
        () => directory.putFeed(feed),
        () => directory.putNasProfile(defaultNasProfile('n-1')),
        () => directory.raiseFoldVersion(2),
        () => directory.command({ type: 're-evaluate', subscriberId: 's-1', by: 'ann' }),
      ]) {
        await expect(change()).rejects.toMatchObject({ code: 'invalid-input' });
      }
    } finally {
      await database.pool.query('alter table audit drop constraint refuse');
    }
    expect(await controls()).toEqual([]);
    expect([await directory.feeds(), await directory.nasProfiles()]).toEqual([[], []]);
  });

  it('keeps audit rows as they are', async () => {
    await directory.raiseFoldVersion(2);
    for (const statement of ['delete from audit', `update audit set who = 'nobody'`]) {
      await expect(database.pool.query(statement)).rejects.toThrow('neither changed nor deleted');
    }
    expect(await audit()).toHaveLength(1);
  });

  it('counts', async () => {
    await directory.putPlans([plan, { ...plan, version: 2 }]);
    await directory.putSubscribers([aProfile('a')]);
    await directory.putNas([nas('n-1')]);
    expect(await directory.counts()).toEqual({ subscribers: 1, plans: 1, nas: 1 });
  });

  it('knows the layout that all slots are written in', async () => {
    const reports = (group: string) => new PostgresPolicyReports(database.pool, group, 'accounting');
    const at = (partition: number, layout: number) => ({ partition, position: 0, layout, policies: {} });
    expect(await directory.foldVersion()).toBeNull();
    await reports('weir').report('a', [at(0, 6), at(1, 7)]);
    await reports('other').report('b', [at(0, 8)]);
    expect(await directory.foldVersion()).toBe(6);
    await database.pool.query('update policy_report set layout = null where layout = 7');
    expect(await directory.foldVersion()).toBe(4);
    await database.pool.query(
      `update policy_report set layout = 9, reported_at = now() - interval '3 minutes'`,
    );
    expect(await directory.foldVersion()).toBe(4);
    await directory.raiseFoldVersion(5);
    expect(await directory.foldVersion()).toBe(5);
  });

  it('keeps no API key', async () => {
    const { key } = await new PostgresApiKeys(database.pool).create('console', ['viewer']);
    const stored = await database.pool.query<{ row: string }>('select api_key::text as row from api_key');
    expect(stored.rows[0]?.row).not.toContain(key.slice(9));
  });

  apiKeysContract('Postgres', () => Promise.resolve(new PostgresApiKeys(database.pool)));
}

describe('PostgresDirectory on a server', () => {
  beforeAll(async () => {
    database = await realDatabase('directory');
  });
  directoryTests();
});

describe('PostgresDirectory on the embedded Postgres', () => {
  beforeAll(async () => {
    database = await embeddedDatabase();
  });
  directoryTests();
});
