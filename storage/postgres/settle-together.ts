interface Waiting<T, R> {
  given: T;
  resolve: (answer: R) => void;
  reject: (error: unknown) => void;
}

/**
 * Calls that come while one is under way share the next statement: 1,500 answers/s need few commits. Each caller gets its
 * own answer, or the error of the statement that it was in.
 */
export class SettleTogether<T, R> {
  readonly #run: (batch: readonly T[]) => Promise<R[]>;
  readonly #most: number;
  #waiting: Waiting<T, R>[] = [];
  #busy = false;

  /**
   * @param run one statement for a batch; answers in its order
   * @param most calls in one batch
   */
  constructor(run: (batch: readonly T[]) => Promise<R[]>, most = 500) {
    this.#run = run;
    this.#most = most;
  }

  settle(given: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ given, resolve, reject });
      if (!this.#busy) void this.#runAll();
    });
  }

  /** Never rejects. */
  async #runAll(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#most);
      try {
        const answers = await this.#run(batch.map(({ given }) => given));
        batch.forEach((each, index) => {
          each.resolve(answers[index] as R);
        });
      } catch (error) {
        for (const each of batch) each.reject(error);
      }
    }
    this.#busy = false;
  }
}
