import type {
  ImportFault,
  ImportJob,
  ImportKind,
  Imports,
  ImportState,
  StagedRecord,
} from '../import-ports.ts';
import type { ImportLine } from '../tariff-ports.ts';

interface Kept extends ImportJob {
  staged: StagedRecord[];
}

const ENDS: readonly ImportState[] = ['refused', 'done', 'stopped'];

/** Imports in memory, for unit tests. Same contract as in Postgres; nothing survives. */
export class MemoryImports implements Imports {
  readonly #kept = new Map<string, Kept>();
  readonly #isKnown: (content: ImportLine['content']) => boolean;
  readonly #nowMs: () => number;

  /** @param isKnown false of what names a subscriber or plan that is not there */
  constructor(
    isKnown: (content: ImportLine['content']) => boolean = () => true,
    nowMs: () => number = Date.now,
  ) {
    this.#isKnown = isKnown;
    this.#nowMs = nowMs;
  }

  begin(job: Parameters<Imports['begin']>[0]): Promise<void> {
    this.#kept.set(job.importId, {
      ...job,
      contentHash: '',
      state: 'checking',
      rowsTotal: null,
      rowsApplied: 0,
      createdMs: this.#nowMs(),
      endedMs: null,
      staged: [],
    });
    return Promise.resolve();
  }

  stage(importId: string, records: readonly StagedRecord[]): Promise<void> {
    this.#of(importId)?.staged.push(...structuredClone([...records]));
    return Promise.resolve();
  }

  markUnknown(importId: string): Promise<number> {
    let marked = 0;
    for (const staged of this.#of(importId)?.staged ?? []) {
      if (staged.fault !== null || staged.content === null || this.#isKnown(staged.content)) continue;
      const { content } = staged;
      staged.fault =
        'planId' in content
          ? `subscriber ${content.subscriberId} or plan ${content.planId} is not there`
          : `subscriber ${content.subscriberId} is not there`;
      marked += 1;
    }
    return Promise.resolve(marked);
  }

  read(importId: string, contentHash: string, rowsTotal: number): Promise<void> {
    const job = this.#of(importId);
    if (job !== undefined) Object.assign(job, { contentHash, rowsTotal });
    return Promise.resolve();
  }

  become(importId: string, from: readonly ImportState[], state: ImportState): Promise<boolean> {
    const job = this.#of(importId);
    if (job === undefined || !from.includes(job.state)) return Promise.resolve(false);
    job.state = state;
    job.endedMs = ENDS.includes(state) ? this.#nowMs() : null;
    return Promise.resolve(true);
  }

  find(importId: string): Promise<ImportJob | null> {
    const job = this.#of(importId);
    return Promise.resolve(job === undefined ? null : jobOf(job));
  }

  ofContent(kind: ImportKind, contentHash: string): Promise<ImportJob | null> {
    const found = this.#latest().find(
      (job) =>
        job.kind === kind &&
        job.contentHash === contentHash &&
        !job.dryRun &&
        ['applying', 'done', 'stopped'].includes(job.state),
    );
    return Promise.resolve(found === undefined ? null : jobOf(found));
  }

  list(limit: number): Promise<ImportJob[]> {
    return Promise.resolve(this.#latest().slice(0, limit).map(jobOf));
  }

  records(importId: string, after: number, limit: number): Promise<ImportLine[]> {
    const lines: ImportLine[] = [];
    for (const { record, content } of this.#of(importId)?.staged ?? [])
      if (record > after && content !== null && lines.length < limit)
        lines.push({ line: record, content: structuredClone(content) });
    return Promise.resolve(lines);
  }

  applied(importId: string, record: number): Promise<void> {
    const job = this.#of(importId);
    if (job !== undefined) job.rowsApplied = Math.max(job.rowsApplied, record);
    return Promise.resolve();
  }

  blame(importId: string, record: number, fault: string | null): Promise<void> {
    const staged = this.#of(importId)?.staged.find((one) => one.record === record);
    if (staged !== undefined) staged.fault = fault;
    return Promise.resolve();
  }

  faults(importId: string, after: number, limit: number): Promise<ImportFault[]> {
    const faults: ImportFault[] = [];
    for (const { record, fault } of this.#of(importId)?.staged ?? [])
      if (record > after && fault !== null && faults.length < limit) faults.push({ record, fault });
    return Promise.resolve(faults);
  }

  remove(importId: string): Promise<boolean> {
    const job = this.#of(importId);
    if (job === undefined || job.state === 'applying') return Promise.resolve(false);
    return Promise.resolve(this.#kept.delete(importId));
  }

  #of(importId: string): Kept | undefined {
    return this.#kept.get(importId);
  }

  #latest(): Kept[] {
    return [...this.#kept.values()].reverse();
  }
}

function jobOf({ staged: _, ...job }: Kept): ImportJob {
  return { ...job };
}
