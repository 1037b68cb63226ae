import type {
  DifferenceClass,
  ReconciliationDifference,
  ReconciliationSummary,
} from '../../schemas/billing.ts';
import { isAppError } from '../../schemas/errors.ts';
import type { Reconciliations } from '../../storage/billing-ports.ts';

/** Most differences of one comparison that are stored one by one; the others are counted. */
const MAX_STORED = 10_000;
const PART = 500;

/** What one comparison has found so far, on its way into the store in parts. */
export class DifferenceBook {
  readonly #store: Reconciliations;
  readonly #id: string;
  readonly #counts: Partial<Record<DifferenceClass, number>> = {};
  #part: ReconciliationDifference[] = [];
  #stored = 0;
  #truncated = false;
  ours = 0;
  theirs = 0;
  leftOut = 0;

  constructor(store: Reconciliations, id: string) {
    this.#store = store;
    this.#id = id;
  }

  get id(): string {
    return this.#id;
  }

  async add(differences: readonly ReconciliationDifference[]): Promise<void> {
    for (const difference of differences) {
      this.#counts[difference.class] = (this.#counts[difference.class] ?? 0) + 1;
      if (this.#stored + this.#part.length >= MAX_STORED) this.#truncated = true;
      else this.#part.push(difference);
    }
    if (this.#part.length >= PART) await this.#flush();
  }

  /**
   * Ends the comparison in the store.
   *
   * @param error what kept it from its end, null = nothing
   */
  async end(error: unknown): Promise<ReconciliationSummary> {
    await this.#flush();
    const summary: ReconciliationSummary = {
      ours: this.ours,
      theirs: this.theirs,
      leftOut: this.leftOut,
      differences: this.#counts,
      truncated: this.#truncated,
      failure: error === null ? null : failureOf(error),
    };
    await this.#store.end(this.#id, summary);
    return summary;
  }

  async #flush(): Promise<void> {
    const part = this.#part.splice(0);
    if (part.length === 0) return;
    await this.#store.add(this.#id, part);
    this.#stored += part.length;
  }
}

/** Messages of errors that are not ours may hold anything. */
function failureOf(error: unknown): string {
  return isAppError(error) ? error.message : 'a defect of Weir: its log tells more';
}
