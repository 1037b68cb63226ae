import type pg from 'pg';
import { AppError } from '../../schemas/errors.ts';
import { STAYS_WORDS } from '../import-ports.ts';
import type { AssignmentOfFile, ImportLine, SubscriberOfFile } from '../tariff-ports.ts';
import { stays } from './import-check.ts';
import { accountOfNew, addSubscribers, knownAccounts } from './import-new.ts';

/** Every row is asked for by its key, whatever the planner believes of tables that grow while it is not looking. */
const BY_KEY = `
  select set_config('weir.derived', 'on', true), set_config('enable_seqscan', 'off', true),
    set_config('enable_mergejoin', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('jit', 'off', true)`;

/** $1 import, $2 number of its last line. */
const APPLIED = 'select rows_applied::float8 as applied from import_job where import_id = $1 for update';
const NOTE_APPLIED = 'update import_job set rows_applied = $2 where import_id = $1';

/** Lines of subscribers (`SubscriberOfFile`, $1) as `i`, each with what is stored of it and the account that it comes to. */
const GIVEN = `
  select i, s.*, coalesce(i ->> 'accountId', s.account, 'acct-' || (i ->> 'subscriberId')) as account_id
  from jsonb_array_elements($1::jsonb) i left join lateral (
    select x.account_id as account, x.external_id, x.segment, x.tags, x.overage_consent
    from subscriber x where x.subscriber_id = i ->> 'subscriberId' offset 0) s on true`;

/** $2 currency of accounts that are not there. */
const ADD_ACCOUNTS = `
  insert into account (account_id, currency, currency_assumed, anchor_day)
  select distinct account_id, $2, true, 1 from (${GIVEN}) g
  where (select count(*) from account a where a.account_id = g.account_id) = 0
  on conflict do nothing`;

/** $1 ids. */
const LOCK = `
  select subscriber_id as id, account_id is null as "isWhole" from subscriber where subscriber_id = any ($1::text[])
  order by subscriber_no for no key update`;

/** Of the subscribers (locked): those whose rows are in the profile alone. $1 ids, $2 currency of accounts whose plans say none. */
const ABSORB = `
  select weir_absorb_profiles(jsonb_agg(profile || jsonb_build_object('subscriberId', subscriber_id)), $2) from subscriber
  where account_id is null and subscriber_id = any ($1::text[])`;

/** Lines that would take a subscriber to an account of another currency. */
const FOREIGN = `
  select i ->> 'subscriberId' as id from jsonb_array_elements($1::jsonb) i
  where i ? 'accountId' and (select a.currency from subscriber s join account a using (account_id) where s.subscriber_id = i ->> 'subscriberId')
    <> (select currency from account where account_id = i ->> 'accountId') limit 1`;

/** Lines that would take to another account who is moved by a change of its own alone. $2 the log's clock (ms). */
const MOVED = `
  select id from (
    select i ->> 'subscriberId' as id, s.subscriber_no, s.account_id as old_id, i ->> 'accountId' as new_id
    from jsonb_array_elements($1::jsonb) i cross join lateral (
      select subscriber_no, account_id from subscriber where subscriber_id = i ->> 'subscriberId' offset 0) s offset 0) g
  where old_id <> new_id and ${stays('g.subscriber_no', 'to_timestamp($2::float8 / 1000)')} limit 1`;

/** External ids that go from one of the lines' subscribers to another: each is one's at a time. */
const GIVE_UP_IDS = `
  update subscriber x set external_id = null from (
    select i ->> 'subscriberId' as id, i ->> 'externalId' as external_id from jsonb_array_elements($1::jsonb) i
    where i ? 'externalId' offset 0) g
  where x.subscriber_id = g.id and x.external_id is distinct from g.external_id
    and x.external_id = any (array(select i ->> 'externalId' from jsonb_array_elements($1::jsonb) i))`;

/** $2 the log's clock (ms), null = it is not told. */
const PUT_SUBSCRIBERS = `
  insert into subscriber as x (subscriber_id, profile, account_id, external_id, segment, tags, zone, overage_consent, as_of)
  select i ->> 'subscriberId', '{}', account_id, case when i ? 'externalId' then i ->> 'externalId' else external_id end,
    coalesce(i ->> 'segment', segment, ''),
    case when i ? 'tags' then array(select jsonb_array_elements_text(i -> 'tags')) else coalesce(tags, '{}') end, i ->> 'zone',
    coalesce((i ->> 'overageConsent')::boolean, overage_consent, false), to_timestamp($2::float8 / 1000)
  from (${GIVEN}) g
  on conflict (subscriber_id) do update set account_id = excluded.account_id, external_id = excluded.external_id,
    segment = excluded.segment, tags = excluded.tags, zone = excluded.zone, overage_consent = excluded.overage_consent,
    as_of = greatest(x.as_of, excluded.as_of), revision = x.revision + 1`;

/** Credentials of the given that are not as they are given. */
const REMOVE_CREDENTIALS = `
  delete from credential c using (
    select (select subscriber_no from subscriber s where s.subscriber_id = i ->> 'subscriberId') as no, i
    from jsonb_array_elements($1::jsonb) i where i ? 'credentials' offset 0) g
  where c.subscriber_no = g.no and not (c.exclusive and exists (
    select from jsonb_array_elements(g.i -> 'credentials') n
    where n ->> 'userName' = c.user_name and weir_time(n -> 'fromMs') = c.from_at
      and weir_time(n -> 'toMs') is not distinct from c.to_at))`;
const ADD_CREDENTIALS = `
  insert into credential (subscriber_no, user_name, from_at, to_at, exclusive)
  select no, n ->> 'userName', weir_time(n -> 'fromMs'), weir_time(n -> 'toMs'), true
  from (select (select subscriber_no from subscriber s where s.subscriber_id = i ->> 'subscriberId') as no, i
    from jsonb_array_elements($1::jsonb) i offset 0) g cross join lateral jsonb_array_elements(g.i -> 'credentials') n
  where (select count(*) from credential c where c.subscriber_no = no and c.user_name = n ->> 'userName'
    and c.from_at = weir_time(n -> 'fromMs')) = 0`;

/** $1 lines of assignments. What they name that is not there. */
const UNKNOWN = `
  select case when no is null then 'no subscriber is called ' || id else 'no plan is called ' || plan_id end as what
  from (select i ->> 'subscriberId' as id, i ->> 'planId' as plan_id,
      (select subscriber_no from subscriber s where s.subscriber_id = i ->> 'subscriberId' and s.account_id is not null) as no,
      (select count(*) from plan p where p.plan_id = i ->> 'planId') as plans
    from jsonb_array_elements($1::jsonb) i) g
  where no is null or plans = 0 limit 1`;

const ADD_ASSIGNMENTS = `
  insert into assignment (subscriber_no, plan_id, from_at, to_at, source)
  select no, plan_id, from_at, to_at, 'import' from (
    select (select subscriber_no from subscriber s where s.subscriber_id = i ->> 'subscriberId') as no, i ->> 'planId' as plan_id,
      weir_time(i -> 'fromMs') as from_at, weir_time(i -> 'toMs') as to_at
    from jsonb_array_elements($1::jsonb) i) g
  where (select count(*) from assignment a where a.subscriber_no = no and a.plan_id = g.plan_id and a.from_at = g.from_at
    and a.to_at is not distinct from g.to_at) = 0
  returning subscriber_no`;

/** $1 numbers, $2 the log's clock (ms), null = it is not told. */
const RAISE = `
  update subscriber set as_of = greatest(as_of, to_timestamp($2::float8 / 1000)), revision = revision + 1
  where subscriber_no = any($1::bigint[])`;

/**
 * The rows of one chunk of an import, set by set.
 *
 * @returns who is to be told of, each once: who is new was told of with the rows; null where the chunk was applied before
 * @throws AppError 'not-found' for what is named and not there, 'conflict' for an account that somebody cannot go to; of the database
 *   'conflict' for what overlaps
 */
export async function importLines(
  client: pg.ClientBase,
  importId: string,
  lines: readonly ImportLine[],
  asOfMs: number | null,
  defaultCurrency: string,
): Promise<string[] | null> {
  const last = lines.at(-1);
  if (last === undefined || !(await noteApplied(client, importId, last.line))) return null;
  const contents = lines.map(({ content }) => content);
  const subscribers = contents.flatMap((content) => ('planId' in content ? [] : [content]));
  const assignments = contents.filter((content) => 'planId' in content);
  await client.query(BY_KEY);
  const changed = await putSubscribers(client, subscribers, asOfMs, defaultCurrency);
  if (assignments.length > 0) await putAssignments(client, assignments, asOfMs, defaultCurrency);
  return [...new Set([...changed, ...assignments.map(({ subscriberId }) => subscriberId)])];
}

/** False where it was applied before. An import that is not kept anywhere is applied as it comes. */
async function noteApplied(client: pg.ClientBase, importId: string, lastLine: number): Promise<boolean> {
  const found = await client.query<{ applied: number }>(APPLIED, [importId]);
  const [job] = found.rows;
  if (job === undefined) return true;
  if (job.applied >= lastLine) return false;
  await client.query(NOTE_APPLIED, [importId, lastLine]);
  return true;
}

/**
 * Locks those of the lines' subscribers that are there. What the program before wrote of one is taken apart first: the profile is
 * the only copy, and is derived from rows from here on. Returns who they are.
 */
async function lockWhom(
  client: pg.ClientBase,
  lines: readonly { subscriberId: string }[],
  defaultCurrency: string,
): Promise<ReadonlySet<string>> {
  const ids = lines.map(({ subscriberId }) => subscriberId);
  const { rows } = await client.query<{ id: string; isWhole: boolean }>(LOCK, [ids]);
  if (rows.some(({ isWhole }) => isWhole)) await client.query(ABSORB, [ids, defaultCurrency]);
  return new Set(rows.map(({ id }) => id));
}

/** @returns who is to be told of */
async function putSubscribers(
  client: pg.ClientBase,
  lines: readonly SubscriberOfFile[],
  asOfMs: number | null,
  defaultCurrency: string,
): Promise<string[]> {
  if (lines.length === 0) return [];
  const known = await lockWhom(client, lines, defaultCurrency);
  const added = lines.filter(({ subscriberId }) => !known.has(subscriberId));
  const accounts = await knownAccounts(client, added.map(accountOfNew));
  const isNew = (line: SubscriberOfFile): boolean =>
    !known.has(line.subscriberId) && !accounts.has(accountOfNew(line));
  const others = lines.filter((line) => !isNew(line));
  if (others.length > 0) {
    const text = JSON.stringify(others);
    await client.query(ADD_ACCOUNTS, [text, defaultCurrency]);
    // Names that go from one who is there to one who is not are given up before they are taken.
    if (known.size > 0) await fitKnown(client, JSON.stringify(lines), asOfMs);
    await client.query(PUT_SUBSCRIBERS, [text, asOfMs]);
    await client.query(ADD_CREDENTIALS, [text]);
    const own = others.flatMap(({ subscriberId, plan }) =>
      plan === undefined ? [] : [{ subscriberId, ...plan }],
    );
    // Their rows are locked and raised as they are.
    if (own.length > 0) await addAssignments(client, own);
  }
  // The change lock keeps them new.
  await addSubscribers(client, lines.filter(isNew), asOfMs, defaultCurrency);
  return others.map(({ subscriberId }) => subscriberId);
}

/** Of those that are there: refuses accounts that they cannot go to, and takes what names are not given. */
async function fitKnown(client: pg.ClientBase, lines: string, asOfMs: number | null): Promise<void> {
  const foreign = await client.query<{ id: string }>(FOREIGN, [lines]);
  const [first] = foreign.rows;
  if (first !== undefined)
    throw new AppError('conflict', `currency: the new account of ${first.id} is charged in another currency`);
  const moved = await client.query<{ id: string }>(MOVED, [lines, asOfMs ?? Date.now()]);
  const [other] = moved.rows;
  if (other !== undefined) throw new AppError('conflict', `${other.id}: ${STAYS_WORDS}`);
  await client.query(GIVE_UP_IDS, [lines]);
  await client.query(REMOVE_CREDENTIALS, [lines]);
}

async function putAssignments(
  client: pg.ClientBase,
  lines: readonly AssignmentOfFile[],
  asOfMs: number | null,
  defaultCurrency: string,
): Promise<void> {
  await lockWhom(client, lines, defaultCurrency);
  const numbers = await addAssignments(client, lines);
  if (numbers.length > 0) await client.query(RAISE, [numbers, asOfMs]);
}

/** @returns numbers of the subscribers that were not given it before */
async function addAssignments(client: pg.ClientBase, lines: readonly AssignmentOfFile[]): Promise<number[]> {
  const text = JSON.stringify(lines);
  const unknown = await client.query<{ what: string }>(UNKNOWN, [text]);
  const [first] = unknown.rows;
  if (first !== undefined) throw new AppError('not-found', first.what);
  const added = await client.query<{ subscriber_no: number }>(ADD_ASSIGNMENTS, [text]);
  return [...new Set(added.rows.map((row) => row.subscriber_no))];
}
