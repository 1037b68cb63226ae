import type { RecordSource } from '../../storage/ports.ts';

/** How long a probe waits for the log before it takes what was known last. */
const PATIENCE_MS = 1_000;

/**
 * Ends of the partitions as they were last told: a log that does not answer must not make a process look dead whose
 * restart would mend nothing. Whether the log answers is for readiness to say.
 */
export class KnownEnds implements Pick<RecordSource, 'highWatermarks'> {
  private readonly source: Pick<RecordSource, 'highWatermarks'>;
  private readonly patienceMs: number;
  private last = new Map<number, number>();
  private asking: Promise<boolean> | null = null;

  constructor(source: Pick<RecordSource, 'highWatermarks'>, patienceMs = PATIENCE_MS) {
    this.source = source;
    this.patienceMs = patienceMs;
  }

  async highWatermarks(): Promise<Map<number, number>> {
    await this.answers();
    return this.last;
  }

  /** Asks the log; false where it fails or takes too long. One question at a time, however many wait for it. */
  async answers(): Promise<boolean> {
    this.asking ??= this.ask();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, this.patienceMs, false);
    });
    const answered = await Promise.race([this.asking, late]);
    clearTimeout(timer);
    return answered;
  }

  private async ask(): Promise<boolean> {
    try {
      this.last = await this.source.highWatermarks();
      return true;
    } catch {
      // The source says so in the log; here it only means that nothing newer is known.
      return false;
    } finally {
      this.asking = null;
    }
  }
}
