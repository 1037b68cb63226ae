import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { profilePagesContract } from '../profile-pages.contract.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresDirectory } from './directory.ts';
import { PostgresProfilePages } from './profile-pages.ts';
import { SecretBox } from './secret-box.ts';

describe.each([
  ['Postgres by URL', () => realDatabase('profile_pages')],
  ['embedded', embeddedDatabase],
])('%s', (name, open) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());

  profilePagesContract(name, async (profiles, plans) => {
    const { pool } = database;
    const directory = new PostgresDirectory(pool, new SecretBox(randomBytes(32)));
    await directory.putPlans(plans);
    await directory.putSubscribers(profiles);
    const close = async (): Promise<void> => {
      await pool.query('truncate subscriber, plan_version, control_outbox cascade');
    };
    return { pages: new PostgresProfilePages(pool), close };
  });
});
