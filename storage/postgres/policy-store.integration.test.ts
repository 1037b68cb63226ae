import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Control } from '../../schemas/control.ts';
import { aPolicy, policyStoreLaws } from '../policy-store.contract.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresControlOutbox } from './control-outbox.ts';
import { PostgresPolicyStore } from './policy-store.ts';

let database: TestDatabase;

async function emptied(): Promise<PostgresPolicyStore> {
  await database.pool.query(
    `truncate control_outbox, policy, policy_version, policy_change, policy_folder_taken,
      provider_settings, provider_settings_version, audit`,
  );
  return new PostgresPolicyStore(database.pool);
}

async function controls(): Promise<Control[]> {
  const result = await database.pool.query<{ control: Control }>(
    'with gone as (delete from control_outbox returning xid, id, control) select control from gone order by xid, id',
  );
  return result.rows.map((row) => row.control);
}

function laws(): void {
  afterAll(() => database.close());
  policyStoreLaws(async () => ({
    store: await emptied(),
    controls,
    audit: async () => {
      const found = await database.pool.query<{ line: string }>(
        `select concat_ws(' ', who, action, subject) as line from audit order by id`,
      );
      return found.rows.map(({ line }) => line);
    },
  }));
}

describe('policies in PostgreSQL', () => {
  beforeAll(async () => {
    database = await realDatabase('policies');
  });
  laws();

  it('ends with the same version in the log and in force, however many publish at once', async () => {
    const store = await emptied();
    const author = { by: 'ann', source: 'api', comment: '' } as const;
    const names = Array.from({ length: 20 }, (_, i) => `v${i}`);
    await Promise.all(names.map((name) => store.publish([aPolicy(name)], author)));
    const leadership = await new PostgresControlOutbox(database.pool).lead();
    const relayed = (await leadership?.next(100)) ?? [];
    await leadership?.release();
    const last = relayed.at(-1)?.control;
    expect(relayed).toHaveLength(20);
    expect(last).toMatchObject({
      policy: { version: (await store.head('fup'))?.base?.version.version },
    });
    expect(await store.changes('fup', 100)).toHaveLength(20);
  });

  it('wakes the relay after a change', async () => {
    await emptied();
    let woken = 0;
    const store = new PostgresPolicyStore(database.pool, () => (woken += 1));
    await store.publish([aPolicy('a')], { by: 'ann', source: 'cli', comment: '' });
    expect(woken).toBe(1);
  });
});

describe('policies in the embedded Postgres', () => {
  beforeAll(async () => {
    database = await embeddedDatabase();
  });
  laws();
});
