import type pg from 'pg';
import type { ActionIntent, ShadowDecision } from '../../schemas/action.ts';
import type {
  ShadowComparison,
  ShadowCount,
  ShadowDecisions,
  ShadowFilter,
  ShadowPeriod,
  ShadowSample,
} from '../policy-ports.ts';
import { postgresError } from './postgres-error.ts';
import * as sql from './shadow-statements.ts';
import { storable } from './storable.ts';

interface SampleRow {
  seq: string;
  planId: string | null;
}

interface ComparisonRow {
  shadow: ShadowCount[];
  live: ShadowCount[];
  same: number;
  gained: number;
  lost: number;
  gained_held: number;
  by_plan: ShadowComparison['byPlan'];
  gained_samples: SampleRow[];
  lost_samples: SampleRow[];
}

/** What policies in shadow decided, as the ledger stored it. A comparison reads the whole ledger: some seconds a million actions. */
export class PostgresShadowDecisions implements ShadowDecisions {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async list(
    { policyId, versions, subscriberId, fromMs, toMs }: ShadowFilter,
    limit: number,
    before: string | null,
  ): Promise<{ seq: string; decision: ShadowDecision }[]> {
    const rows = await this.#query<{ seq: string; content: ShadowDecision }>(sql.LIST, [
      storable(policyId),
      versions,
      subscriberId === null ? null : storable(subscriberId),
      fromMs,
      toMs,
      before,
      limit,
    ]);
    return rows.map(({ seq, content }) => ({ seq, decision: content }));
  }

  async holding(policyId: string, { beganMs, untilMs }: ShadowPeriod): Promise<number | null> {
    const values = [storable(policyId), beganMs, untilMs];
    const rows = await this.#query<{ subscribers: number; decisions: number }>(sql.HOLDING, values);
    const { subscribers = 0, decisions = 0 } = rows[0] ?? {};
    return decisions === 0 ? null : subscribers;
  }

  async compare(
    policyId: string,
    { beganMs, untilMs }: ShadowPeriod,
    sinceMs: number,
    samples: number,
  ): Promise<ShadowComparison> {
    const values = [storable(policyId), beganMs, untilMs, sinceMs, samples];
    const [row] = await this.#query<ComparisonRow>(sql.COMPARE, values);
    if (row === undefined) throw new Error('a count without a row');
    const decisions = await this.#query<{ seq: string; content: ShadowDecision }>(sql.DECISIONS, [
      storable(policyId),
      row.gained_samples.map(({ seq }) => seq),
    ]);
    const actions = await this.#query<{ seq: string; content: ActionIntent }>(sql.ACTIONS, [
      row.lost_samples.map(({ seq }) => seq),
    ]);
    const { shadow, live, same, gained, lost, by_plan, gained_held } = row;
    return {
      ...{ shadow, live, same, gained, lost },
      gainedHeld: gained_held,
      byPlan: by_plan,
      gainedSamples: samplesOf(row.gained_samples, decisions, ({ event }) => event),
      lostSamples: samplesOf(row.lost_samples, actions, ({ kind }) => kind),
    };
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#pool.query<R>(text, values)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}

type Decided = Pick<ShadowDecision, 'subscriberId' | 'rule' | 'decidedAtMs' | 'explanation'>;

function samplesOf<T extends Decided>(
  wanted: readonly SampleRow[],
  found: readonly { seq: string; content: T }[],
  kindOf: (content: T) => ShadowSample['kind'],
): ShadowSample[] {
  return wanted.flatMap(({ seq, planId }) => {
    const content = found.find((each) => each.seq === seq)?.content;
    if (content === undefined) return [];
    const { subscriberId, rule, decidedAtMs, explanation } = content;
    return [{ subscriberId, planId, rule, kind: kindOf(content), decidedAtMs, explanation }];
  });
}
