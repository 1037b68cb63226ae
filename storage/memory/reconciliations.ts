import type {
  Reconciliation,
  ReconciliationDifference,
  ReconciliationKind,
  ReconciliationSummary,
} from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { Reconciliations } from '../billing-ports.ts';
import type { Page } from '../tariff-ports.ts';

interface Stored {
  row: Reconciliation;
  differences: ReconciliationDifference[];
}

/** Comparisons with the billing system in memory, for unit tests. Same contract as in Postgres; nothing survives. */
export class MemoryReconciliations implements Reconciliations {
  readonly #now: () => number;
  readonly #all: Stored[] = [];

  /** @param now ms since 1970 UTC */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  begin(kind: ReconciliationKind, fromMs: number, toMs: number): Promise<string> {
    const id = String(this.#all.length + 1);
    const row = { id, kind, fromMs, toMs, startedMs: this.#now(), endedMs: null, summary: null };
    this.#all.push({ row, differences: [] });
    return Promise.resolve(id);
  }

  // Async, so that what is refused is a rejection as in Postgres.
  async add(id: string, differences: readonly ReconciliationDifference[]): Promise<void> {
    const { differences: known } = await this.#running(id);
    known.push(...structuredClone(differences));
  }

  async end(id: string, summary: ReconciliationSummary): Promise<void> {
    const { row } = await this.#running(id);
    row.endedMs = this.#now();
    row.summary = structuredClone(summary);
  }

  find(id: string): Promise<Reconciliation | null> {
    return Promise.resolve(structuredClone(this.#all.find(({ row }) => row.id === id)?.row ?? null));
  }

  // As above.
  async list(
    kind: ReconciliationKind | null,
    limit: number,
    after: string | null,
  ): Promise<Page<Reconciliation>> {
    const below = await placeOf(after);
    const found = this.#all
      .map(({ row }) => row)
      .reverse()
      .filter((row) => (kind === null || row.kind === kind) && (below === null || Number(row.id) < below));
    const last = found.length > limit ? found[limit - 1] : undefined;
    return { items: structuredClone(found.slice(0, limit)), next: last?.id ?? null };
  }

  // As above.
  async differences(
    id: string,
    limit: number,
    after: string | null,
  ): Promise<Page<ReconciliationDifference>> {
    const from = (await placeOf(after)) ?? 0;
    const all = this.#all.find(({ row }) => row.id === id)?.differences ?? [];
    const items = structuredClone(all.slice(from, from + limit));
    return { items, next: all.length > from + limit ? String(from + limit) : null };
  }

  #running(id: string): Promise<Stored> {
    const found = this.#all.find(({ row }) => row.id === id);
    if (found === undefined) return Promise.reject(new AppError('not-found', 'there is no such comparison'));
    if (found.row.endedMs !== null)
      return Promise.reject(new AppError('conflict', 'the comparison has ended'));
    return Promise.resolve(found);
  }
}

function placeOf(after: string | null): Promise<number | null> {
  if (after === null) return Promise.resolve(null);
  if (/^\d{1,18}$/.test(after)) return Promise.resolve(Number(after));
  return Promise.reject(new AppError('invalid-input', 'a list goes on after a number'));
}
