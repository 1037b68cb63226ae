import type pg from 'pg';
import { AppError } from '../../schemas/errors.ts';
import type { PolicyVersion } from '../../schemas/policy.ts';
import type { NasProfile, PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import type { Directory } from '../people-ports.ts';
import type { NasAccess } from '../ports.ts';
import { changeInOrder } from './control-outbox.ts';
import {
  IMMUTABLE_PLANS,
  IMMUTABLE_POLICIES,
  PUT_NAS,
  PUT_PLANS,
  PUT_POLICIES,
  PUT_SUBSCRIBERS,
  WITHDRAW_POLICY,
} from './directory-statements.ts';
import { postgresError } from './postgres-error.ts';
import type { SecretBox } from './secret-box.ts';

/** Rows a statement: one JSON argument of a few MB. */
const CHUNK = 2_000;

/**
 * Subscribers, plans, policies and NAS in Postgres. One transaction a call, whatever its size; 20,000 subscribers take
 * 0.3 s (embedded 0.5 s). NAS secrets are sealed before they reach the database.
 */
export class PostgresDirectory implements Directory {
  readonly #pool: pg.Pool;
  readonly #box: SecretBox;
  readonly #onChange: () => void;

  /** @param onChange called after each committed call, to wake a relay in this process */
  constructor(pool: pg.Pool, box: SecretBox, onChange: () => void = () => undefined) {
    this.#pool = pool;
    this.#box = box;
    this.#onChange = onChange;
  }

  /** @throws AppError 'conflict' when a version is stored with other content: publish a new version instead */
  async putPlans(plans: readonly PlanVersion[]): Promise<void> {
    const rows = lastOfEach(plans, (plan) => `${plan.planId} ${plan.version}`);
    await this.#put(rows, PUT_PLANS, IMMUTABLE_PLANS);
  }

  async putSubscribers(profiles: readonly SubscriberProfile[]): Promise<void> {
    await this.#put(
      lastOfEach(profiles, (profile) => profile.subscriberId),
      PUT_SUBSCRIBERS,
    );
  }

  /** Publishes: each becomes its policy's version in force. @throws AppError 'conflict' as putPlans */
  async putPolicies(policies: readonly PolicyVersion[]): Promise<void> {
    const rows = lastOfEach(policies, (policy) => policy.policyId);
    await this.#put(rows, PUT_POLICIES, IMMUTABLE_POLICIES);
  }

  /** No version stays in force. Unknown or withdrawn already: nothing happens. */
  async withdrawPolicy(policyId: string): Promise<void> {
    await changeInOrder(this.#pool, (client) => client.query(WITHDRAW_POLICY, [policyId]));
    this.#onChange();
  }

  /** Access alone makes no control: the fold does not know addresses. */
  async putNas(nas: readonly { profile: NasProfile; access: NasAccess | null }[]): Promise<void> {
    const rows = lastOfEach(nas, ({ profile }) => profile.nasId).map(({ profile, access }) => ({
      profile,
      address: access?.address ?? null,
      coaPort: access?.coaPort ?? null,
      vendor: access?.vendor ?? null,
      secretSealed: access === null ? null : this.#box.seal(access.secret, profile.nasId).toString('hex'),
    }));
    await this.#put(rows, PUT_NAS);
  }

  async subscriber(subscriberId: string): Promise<SubscriberProfile | null> {
    const rows = await this.#read<{ profile: SubscriberProfile }>(
      'select profile from subscriber where subscriber_id = $1',
      [subscriberId],
    );
    return rows[0]?.profile ?? null;
  }

  /** The newest version. */
  async plan(planId: string): Promise<PlanVersion | null> {
    const rows = await this.#read<{ content: PlanVersion }>(
      'select content from plan_version where plan_id = $1 order by version desc limit 1',
      [planId],
    );
    return rows[0]?.content ?? null;
  }

  /** Those in force, by id. */
  async policies(): Promise<PolicyVersion[]> {
    const rows = await this.#read<{ content: PolicyVersion }>(
      'select v.content from policy p join policy_version v using (policy_id, version) order by policy_id',
      [],
    );
    return rows.map((row) => row.content);
  }

  async counts(): Promise<{ subscribers: number; plans: number; policies: number; nas: number }> {
    const rows = await this.#read<{ subscribers: number; plans: number; policies: number; nas: number }>(
      `select (select count(*) from subscriber) as subscribers,
              (select count(distinct plan_id) from plan_version) as plans,
              (select count(version) from policy) as policies,
              (select count(*) from nas) as nas`,
      [],
    );
    return rows[0] ?? { subscribers: 0, plans: 0, policies: 0, nas: 0 };
  }

  /** @param immutable finds a row of the chunk that is stored with other content */
  async #put(rows: readonly unknown[], statement: string, immutable?: string): Promise<void> {
    if (rows.length === 0) return;
    await changeInOrder(this.#pool, async (client) => {
      for (let at = 0; at < rows.length; at += CHUNK) {
        const chunk = [JSON.stringify(rows.slice(at, at + CHUNK))];
        if (immutable !== undefined) await assertSame(client, immutable, chunk);
        await client.query(statement, chunk);
      }
    });
    this.#onChange();
  }

  async #read<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#pool.query<R>(text, values)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}

async function assertSame(client: pg.PoolClient, statement: string, values: unknown[]): Promise<void> {
  const changed = await client.query<{ name: string }>(statement, values);
  const [first] = changed.rows;
  if (first !== undefined) throw new AppError('conflict', `${first.name} is stored with other content`);
}

/** One statement can touch a row once; a later item of the same call replaces an earlier one. */
function lastOfEach<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}
