import type pg from 'pg';
import { ownAccount } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { SubscriberRows } from '../../schemas/tariff.ts';
import { deriveProfile } from '../derive-profile.ts';
import { asGiven } from '../tariff-changes/rows.ts';
import { newAccount, newRows } from '../tariff-changes/subscribers.ts';
import type { SubscriberOfFile } from '../tariff-ports.ts';
import { int8Array } from './binary-array.ts';

/*
 * Subscribers of whom nothing is stored, nor of their accounts: nearly all that a first file brings. What their profiles are derived
 * from is at hand, so each row is written once, as it stays. As rows whose profiles are read back from them and written after, one
 * takes half as long again.
 */

/** $1 ids. */
const KNOWN_ACCOUNTS = 'select account_id as id from account where account_id = any ($1::text[])';
const KNOWN_PLANS = 'select plan_id as id from plan where plan_id = any ($1::text[])';

/** $1 `NewLine`s as json, $2 their accounts, each once, $3 currency, $4 the log's clock (ms), null = it is not told. */
const ADD_SUBSCRIBERS = `
  with given as materialized (select i -> 'profile' as profile, i from jsonb_array_elements($1::jsonb) i),
  billed as (
    insert into account (account_id, currency, currency_assumed, anchor_day) select id, $3, true, 1 from unnest($2::text[]) id
    on conflict do nothing),
  told as (
    insert into control_outbox (control) select json_build_object('kind', 'subscriber-profile', 'profile', profile) from given)
  insert into subscriber (subscriber_id, profile, account_id, external_id, segment, tags, zone, overage_consent, as_of)
  select profile ->> 'subscriberId', profile, i ->> 'accountId', i ->> 'externalId', profile ->> 'segment',
    array(select jsonb_array_elements_text(profile -> 'tags')), profile ->> 'zone', (profile ->> 'overageConsent')::boolean,
    to_timestamp($4::float8 / 1000)
  from given
  returning subscriber_id as id, subscriber_no::float8 as no`;

/** $1 numbers, $2 user names, $3 and $4 from and to (ms). */
const ADD_CREDENTIALS = `
  insert into credential (subscriber_no, user_name, from_at, to_at, exclusive)
  select no, user_name, to_timestamp(from_ms / 1000), to_timestamp(to_ms / 1000), true
  from unnest($1::bigint[], $2::text[], $3::float8[], $4::float8[]) as t (no, user_name, from_ms, to_ms)`;

/** $1 numbers, $2 plans, $3 and $4 from and to (ms). */
const ADD_ASSIGNMENTS = `
  insert into assignment (subscriber_no, plan_id, from_at, to_at, source)
  select no, plan_id, to_timestamp(from_ms / 1000), to_timestamp(to_ms / 1000), 'import'
  from unnest($1::bigint[], $2::text[], $3::float8[], $4::float8[]) as t (no, plan_id, from_ms, to_ms)`;

/** Those of the accounts that are there. */
export async function knownAccounts(
  client: pg.ClientBase,
  accountIds: readonly string[],
): Promise<ReadonlySet<string>> {
  return idsOf(client, KNOWN_ACCOUNTS, accountIds);
}

/** The account that a line comes to whose subscriber is not there. */
export function accountOfNew({ accountId, subscriberId }: SubscriberOfFile): string {
  return accountId ?? ownAccount(subscriberId);
}

/**
 * Stores subscribers and accounts of whom nothing is stored, and a control for each.
 *
 * @param asOfMs the log's clock, null = it is not told
 * @throws AppError 'not-found' for a plan that is not there
 */
export async function addSubscribers(
  client: pg.ClientBase,
  lines: readonly SubscriberOfFile[],
  asOfMs: number | null,
  currency: string,
): Promise<void> {
  await refuseUnknownPlan(client, lines);
  const all = lines.map((line) => newOf(line, asOfMs, currency));
  const added = await client.query<{ id: string; no: number }>(ADD_SUBSCRIBERS, [
    JSON.stringify(
      all.map((rows) => ({
        profile: deriveProfile(rows, () => []),
        accountId: rows.account.accountId,
        externalId: rows.externalId,
      })),
    ),
    [...new Set(all.map(({ account }) => account.accountId))],
    currency,
    asOfMs,
  ]);
  const numbers = new Map(added.rows.map(({ id, no }) => [id, no]));
  const numbered = all.map((rows) => ({ no: numbers.get(rows.subscriberId) ?? 0, rows }));
  const credentials = numbered.flatMap(({ no, rows }) =>
    rows.credentials.map(({ userName, ...span }) => ({ no, name: userName, span })),
  );
  const assignments = numbered.flatMap(({ no, rows }) =>
    rows.assignments.map(({ planId, ...span }) => ({ no, name: planId, span })),
  );
  // The connection has the second at hand when it is through with the first.
  await Promise.all([
    credentials.length > 0 && client.query(ADD_CREDENTIALS, columns(credentials)),
    assignments.length > 0 && client.query(ADD_ASSIGNMENTS, columns(assignments)),
  ]);
}

function newOf(line: SubscriberOfFile, asOfMs: number | null, currency: string): SubscriberRows {
  const { subscriberId, plan } = line;
  const accountId = accountOfNew(line);
  const rows = asGiven(newRows(subscriberId, newAccount(accountId, currency)), {
    subscriberId,
    accountId,
    externalId: line.externalId ?? null,
    segment: line.segment ?? '',
    tags: line.tags ?? [],
    zone: line.zone,
    overageConsent: line.overageConsent ?? false,
    credentials: line.credentials ?? [],
  });
  rows.asOfMs = asOfMs;
  if (plan !== undefined) rows.assignments = [{ ...plan, id: '', source: 'import' }];
  return rows;
}

interface Held {
  no: number;
  name: string;
  span: { fromMs: number; toMs: number | null };
}

function columns(rows: readonly Held[]): unknown[] {
  return [
    int8Array(rows.map(({ no }) => no)),
    rows.map(({ name }) => name),
    rows.map(({ span }) => span.fromMs),
    rows.map(({ span }) => span.toMs),
  ];
}

async function refuseUnknownPlan(client: pg.ClientBase, lines: readonly SubscriberOfFile[]): Promise<void> {
  const asked = new Set(lines.flatMap(({ plan }) => (plan === undefined ? [] : [plan.planId])));
  const known = await idsOf(client, KNOWN_PLANS, [...asked]);
  for (const planId of asked)
    if (!known.has(planId)) throw new AppError('not-found', `no plan is called ${planId}`);
}

async function idsOf(
  client: pg.ClientBase,
  text: string,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await client.query<{ id: string }>(text, [ids]);
  return new Set(rows.map(({ id }) => id));
}
