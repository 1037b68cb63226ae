import type pg from 'pg';
import type { ShadowDecision } from '../../schemas/action.ts';
import { storable } from './storable.ts';

/** $1 ids, $2 subscribers, $3 policies, $4 versions, $5 rules, $6 began, $7 events, $8 times in ms, $9 contents, in order of the log. */
const INSERT = `
  insert into shadow_decision (id, subscriber_id, policy_id, version, rule, began, event, decided_at, content)
  select id, subscriber_id, policy_id, version, rule, began, event, to_timestamp(decided_ms / 1000), content::json
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[], $8::float8[], $9::text[])
    with ordinality as t(id, subscriber_id, policy_id, version, rule, began, event, decided_ms, content, place)
  order by place
  on conflict (id) do nothing`;

/** Adds decisions within a transaction; what is there already stays as it is. */
export async function insertShadowDecisions(
  client: pg.PoolClient,
  decisions: readonly ShadowDecision[],
): Promise<void> {
  if (decisions.length === 0) return;
  await client.query(INSERT, [
    decisions.map(({ id }) => storable(id)),
    decisions.map(({ subscriberId }) => storable(subscriberId)),
    decisions.map(({ policyId }) => storable(policyId)),
    decisions.map(({ policyVersion }) => storable(policyVersion)),
    decisions.map(({ rule }) => storable(rule)),
    decisions.map(({ began }) => began),
    decisions.map(({ event }) => event),
    decisions.map(({ decidedAtMs }) => decidedAtMs),
    decisions.map((decision) => JSON.stringify(decision)),
  ]);
}
