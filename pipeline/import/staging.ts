import type { Imports, StagedRecord } from '../../storage/import-ports.ts';

/** Records that are checked at once while others are staged; the store takes as many a statement. */
const CHECKED_AT_ONCE = 20_000;

/**
 * Records of one file on their way into the store: staged while those behind them are read, checked while those behind them are
 * staged, in order each. Whole chunks are checked: what a record is checked against are records of its chunk and those before.
 */
export class Staging {
  readonly #imports: Pick<Imports, 'stage' | 'check'>;
  readonly #importId: string;
  readonly #nowMs: () => number;
  #staging: Promise<void> = Promise.resolve();
  #checking: Promise<void> | null = null;
  #staged = 0;
  #checked = 0;
  #against = 0;

  /** @param nowMs the log's clock */
  constructor(imports: Pick<Imports, 'stage' | 'check'>, importId: string, nowMs: () => number) {
    this.#imports = imports;
    this.#importId = importId;
    this.#nowMs = nowMs;
  }

  /**
   * Stages a chunk behind those before.
   *
   * @returns when those before are staged: one chunk is on its way while the next is read
   * @throws what a chunk before was not staged for; of the check `end` tells
   */
  async add(chunk: readonly StagedRecord[]): Promise<void> {
    await this.#staging;
    this.#staging = this.#stage(chunk);
    // Whoever adds or ends next is told.
    this.#staging.catch(() => undefined);
  }

  /** Stages and checks what is left. @returns against how many records something stands */
  async end(): Promise<number> {
    await this.#staging;
    await this.#checking;
    if (this.#staged > this.#checked) await this.#check();
    return this.#against;
  }

  /** Resolves when nothing of it is under way any more, whatever became of it. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#staging]);
    await Promise.allSettled([this.#checking]);
  }

  async #stage(chunk: readonly StagedRecord[]): Promise<void> {
    await this.#imports.stage(this.#importId, chunk);
    this.#staged += chunk.length;
    if (this.#checking !== null || this.#staged - this.#checked < CHECKED_AT_ONCE) return;
    const checking = this.#check().then(() => {
      this.#checking = null;
    });
    // One that failed stays, and whoever ends is told.
    checking.catch(() => undefined);
    this.#checking = checking;
  }

  async #check(): Promise<void> {
    const last = this.#staged;
    this.#against += await this.#imports.check(this.#importId, this.#nowMs(), this.#checked, last);
    this.#checked = last;
  }
}
