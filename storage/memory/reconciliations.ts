import type {
  Reconciliation,
  ReconciliationDifference,
  ReconciliationKind,
  ReconciliationSummary,
} from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { Reconciliations } from '../billing-ports.ts';
import type { Page } from '../tariff-ports.ts';

interface Row extends Reconciliation {
  found: ReconciliationDifference[];
}

/** Comparisons in memory, for unit tests. Same contract as in Postgres; nothing survives. */
export class MemoryReconciliations implements Reconciliations {
  readonly #rows: Row[] = [];
  readonly #now: () => number;

  /** @param now ms since 1970 UTC; default the system's clock */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  begin(kind: ReconciliationKind, fromMs: number, toMs: number): Promise<string> {
    const id = String(this.#rows.length + 1);
    const startedMs = this.#now();
    this.#rows.push({ id, kind, fromMs, toMs, startedMs, endedMs: null, summary: null, found: [] });
    return Promise.resolve(id);
  }

  async add(id: string, differences: readonly ReconciliationDifference[]): Promise<void> {
    (await this.#open(id)).found.push(...structuredClone([...differences]));
  }

  async end(id: string, summary: ReconciliationSummary): Promise<void> {
    const row = await this.#open(id);
    row.summary = structuredClone(summary);
    row.endedMs = this.#now();
  }

  find(id: string): Promise<Reconciliation | null> {
    const row = this.#row(id);
    return Promise.resolve(row === undefined ? null : viewOf(row));
  }

  list(kind: ReconciliationKind | null, limit: number, after: string | null): Promise<Page<Reconciliation>> {
    const before = after === null ? Number.POSITIVE_INFINITY : placeOf(after);
    const found = this.#rows
      .filter((row) => (kind === null || row.kind === kind) && Number(row.id) < before)
      .reverse();
    const last = found.length > limit ? found[limit - 1] : undefined;
    return Promise.resolve({ items: found.slice(0, limit).map(viewOf), next: last?.id ?? null });
  }

  differences(id: string, limit: number, after: string | null): Promise<Page<ReconciliationDifference>> {
    const from = after === null ? 0 : placeOf(after);
    const found = this.#row(id)?.found ?? [];
    const items = structuredClone(found.slice(from, from + limit));
    return Promise.resolve({ items, next: from + limit < found.length ? String(from + limit) : null });
  }

  #row(id: string): Row | undefined {
    return this.#rows.find((row) => row.id === id);
  }

  #open(id: string): Promise<Row> {
    const row = this.#row(id);
    if (row === undefined) return Promise.reject(new AppError('not-found', `no reconciliation ${id}`));
    if (row.endedMs !== null)
      return Promise.reject(new AppError('conflict', `reconciliation ${id} has ended`));
    return Promise.resolve(row);
  }
}

function placeOf(after: string): number {
  if (!/^\d{1,18}$/.test(after)) throw new AppError('invalid-input', 'a list goes on after a number');
  return Number(after);
}

function viewOf({ id, kind, fromMs, toMs, startedMs, endedMs, summary }: Row): Reconciliation {
  return { id, kind, fromMs, toMs, startedMs, endedMs, summary: structuredClone(summary) };
}
