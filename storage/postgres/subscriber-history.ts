import type pg from 'pg';
import type { ShadowDecision } from '../../schemas/action.ts';
import type { PolicyInForce, PolicyVersion } from '../../schemas/policy.ts';
import type { UsageAdjustment } from '../../schemas/usage-record.ts';
import type { AuditEntry, HistorySpan, SubscriberHistory } from '../history-ports.ts';
import type { PolicyChange } from '../policy-ports.ts';
import type { LedgerAction } from '../ports.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

/** Whole ms, as programs keep instants: a microsecond above a bound is within it. */
const milliseconds = (column: string): string => `floor(extract(epoch from ${column}) * 1000)::float8`;

/**
 * Event time of an action's decision. Read from the text: json's own operators refuse a document that holds \u0000 anywhere.
 * Within a string the quotes would be escaped, so only the key itself matches.
 */
const DECIDED_MS = `substring(intent::text from '"decidedAtMs":([0-9]+)')::float8`;

/** Of all: $1 whose, $2 from, $3 through in ms, $4 limit. */
const ACTIONS = `
  select intent, state, detail, attempts,
    ${milliseconds('created_at')} as created_ms, ${milliseconds('updated_at')} as updated_ms
  from action where subscriber_id = $1 and ${DECIDED_MS} between $2 and $3
  order by ${DECIDED_MS} desc, seq desc limit $4`;

const SHADOW_DECISIONS = `
  select content from shadow_decision
  where subscriber_id = $1 and ${milliseconds('decided_at')} between $2 and $3
  order by decided_at desc, seq desc limit $4`;

const ADJUSTMENTS = `
  select content, ${milliseconds('created_at')} as at_ms from usage_adjustment
  where subscriber_id = $1 and ${milliseconds('created_at')} between $2 and $3
  order by at_ms desc, seq desc limit $4`;

/** $5 actions. */
const AUDIT = `
  select ${milliseconds('at')} as at_ms, who, action, subject, content from audit
  where subject = $1 and action = any($5::text[]) and ${milliseconds('at')} between $2 and $3
  order by at_ms desc, id desc limit $4`;

const POLICY_CHANGES = `
  select policy_id, kind, base, candidate, ${milliseconds('at')} as at_ms, author, source, comment
  from policy_change
  where policy_id = any($1::text[]) and ${milliseconds('at')} between $2 and $3
  order by at_ms desc, seq desc limit $4`;

/** $1 ms. */
const POLICIES_AT = `
  select c.policy_id, b.content as base, k.content as candidate
  from (
    select distinct on (policy_id) policy_id, base, candidate
    from policy_change where ${milliseconds('at')} <= $1
    order by policy_id, seq desc
  ) c
  left join policy_version b on b.policy_id = c.policy_id and b.version = c.base
  left join policy_version k on k.policy_id = c.policy_id and k.version = c.candidate
  where b.version is not null or k.version is not null
  order by c.policy_id`;

interface ActionRow extends Pick<LedgerAction, 'intent' | 'state' | 'detail' | 'attempts'> {
  created_ms: number;
  updated_ms: number;
}

interface ChangeRow extends Pick<PolicyChange, 'kind' | 'base' | 'candidate' | 'source' | 'comment'> {
  policy_id: string;
  at_ms: number;
  author: string | null;
}

/** The history of subscribers in Postgres: ledger, shadow decisions, adjustments, audit, policy changes. Reads only. */
export class PostgresSubscriberHistory implements SubscriberHistory {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async actions(subscriberId: string, span: HistorySpan): Promise<LedgerAction[]> {
    const rows = await this.#read<ActionRow>(ACTIONS, valuesOf(subscriberId, span));
    return rows.map(({ created_ms: createdAtMs, updated_ms: updatedAtMs, ...action }) => ({
      ...action,
      createdAtMs,
      updatedAtMs,
    }));
  }

  async shadowDecisions(subscriberId: string, span: HistorySpan): Promise<ShadowDecision[]> {
    const values = valuesOf(subscriberId, span);
    const rows = await this.#read<{ content: ShadowDecision }>(SHADOW_DECISIONS, values);
    return rows.map(({ content }) => content);
  }

  async adjustments(
    subscriberId: string,
    span: HistorySpan,
  ): Promise<{ atMs: number; adjustment: UsageAdjustment }[]> {
    const values = valuesOf(subscriberId, span);
    const rows = await this.#read<{ content: UsageAdjustment; at_ms: number }>(ADJUSTMENTS, values);
    return rows.map(({ content, at_ms: atMs }) => ({ atMs, adjustment: content }));
  }

  async of(subject: string, actions: readonly string[], span: HistorySpan): Promise<AuditEntry[]> {
    const values = [...valuesOf(subject, span), actions];
    const rows = await this.#read<Omit<AuditEntry, 'atMs'> & { at_ms: number }>(AUDIT, values);
    return rows.map(({ at_ms: atMs, ...entry }) => ({ atMs, ...entry }));
  }

  async policyChanges(policyIds: readonly string[], span: HistorySpan): Promise<PolicyChange[]> {
    if (policyIds.length === 0) return [];
    const { fromMs, throughMs, limit } = span;
    const values = [policyIds.map(storable), fromMs, throughMs, limit];
    const rows = await this.#read<ChangeRow>(POLICY_CHANGES, values);
    return rows.map(({ policy_id: policyId, at_ms: atMs, author, ...change }) => ({
      policyId,
      atMs,
      by: author,
      ...change,
    }));
  }

  async policiesAt(atMs: number): Promise<Map<string, PolicyInForce>> {
    const rows = await this.#read<
      PolicyInForce & { policy_id: string } & Record<string, PolicyVersion | null | string>
    >(POLICIES_AT, [atMs]);
    return new Map(rows.map(({ policy_id: id, base, candidate }) => [id, { base, candidate }]));
  }

  async #read<Row extends pg.QueryResultRow>(statement: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>(statement, values)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}

function valuesOf(whose: string, { fromMs, throughMs, limit }: HistorySpan): unknown[] {
  return [storable(whose), fromMs, throughMs, limit];
}
