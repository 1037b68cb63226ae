import type {
  ImportAct,
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
  /** another of its kind began to go in after it */
  isOvertaken: boolean;
}

const ENDS: readonly ImportState[] = ['refused', 'done', 'stopped', 'expired'];

/** Imports in memory, for unit tests. Same contract as in Postgres; nothing survives. */
export class MemoryImports implements Imports {
  readonly #kept = new Map<string, Kept>();
  /** who had what done, as the audit log would say it */
  readonly audited: { who: string; act: ImportAct; importId: string }[] = [];
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
      reason: null,
      createdMs: this.#nowMs(),
      movedMs: this.#nowMs(),
      endedMs: null,
      staged: [],
      isOvertaken: false,
    });
    return Promise.resolve();
  }

  stage(importId: string, records: readonly StagedRecord[]): Promise<void> {
    const job = this.#of(importId);
    job?.staged.push(...structuredClone([...records]));
    if (job !== undefined) job.movedMs = this.#nowMs();
    return Promise.resolve();
  }

  check(importId: string, _nowMs: number, after: number, last: number): Promise<number> {
    let against = 0;
    for (const staged of this.#of(importId)?.staged ?? []) {
      const { record, content } = staged;
      if (content === null || record <= after || record > last) continue;
      staged.fault = this.#isKnown(content) ? null : whatIsMissing(content);
      if (staged.fault !== null) against += 1;
    }
    return Promise.resolve(against);
  }

  read(importId: string, contentHash: string, rowsTotal: number): Promise<void> {
    const job = this.#of(importId);
    if (job !== undefined) Object.assign(job, { contentHash, rowsTotal });
    return Promise.resolve();
  }

  become(
    importId: string,
    from: readonly ImportState[],
    state: ImportState,
    { reason, audit }: Parameters<Imports['become']>[3] = {},
  ): Promise<boolean> {
    const job = this.#of(importId);
    if (job === undefined || !from.includes(job.state)) return Promise.resolve(false);
    const others = this.#latest().filter((one) => one.kind === job.kind && one !== job);
    if (state === 'applying' && others.some((one) => one.state === 'applying')) return Promise.resolve(false);
    if (state === 'applying' && from.includes('checking')) for (const one of others) overtake(one);
    const endedMs = ENDS.includes(state) ? this.#nowMs() : null;
    Object.assign(job, { state, reason: reason ?? null, movedMs: this.#nowMs(), endedMs });
    if (audit !== undefined) this.audited.push({ ...audit, importId });
    return Promise.resolve(true);
  }

  find(importId: string): Promise<ImportJob | null> {
    const job = this.#of(importId);
    return Promise.resolve(job === undefined ? null : jobOf(job));
  }

  ofContent(kind: ImportKind, contentHash: string): Promise<ImportJob | null> {
    const others: readonly ImportState[] = ['checking', 'refused', 'expired'];
    const same = this.#latest().find(
      (job) =>
        job.kind === kind &&
        job.contentHash === contentHash &&
        !job.dryRun &&
        !job.isOvertaken &&
        !others.includes(job.state),
    );
    return Promise.resolve(same === undefined ? null : jobOf(same));
  }

  stale(forMs: number): Promise<ImportJob[]> {
    const before = this.#nowMs() - forMs;
    const stale = this.#latest().filter(({ state, movedMs }) => state === 'applying' && movedMs <= before);
    return Promise.resolve(stale.map(jobOf));
  }

  list(limit: number, after: string | null): Promise<ImportJob[]> {
    const all = this.#latest();
    const from = after === null ? 0 : all.findIndex(({ importId }) => importId === after) + 1;
    if (after !== null && from === 0) return Promise.resolve([]);
    return Promise.resolve(all.slice(from, from + limit).map(jobOf));
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
    if (job !== undefined)
      Object.assign(job, { rowsApplied: Math.max(job.rowsApplied, record), movedMs: this.#nowMs() });
    return Promise.resolve();
  }

  absolve(importId: string): Promise<void> {
    for (const staged of this.#of(importId)?.staged ?? []) if (staged.content !== null) staged.fault = null;
    return Promise.resolve();
  }

  faults(importId: string, after: number, limit: number): Promise<ImportFault[]> {
    const faults: ImportFault[] = [];
    for (const { record, fault } of this.#of(importId)?.staged ?? [])
      if (record > after && fault !== null && faults.length < limit) faults.push({ record, fault });
    return Promise.resolve(faults);
  }

  givesPlans(importId: string): Promise<boolean> {
    const { staged = [], rowsApplied = 0 } = this.#of(importId) ?? {};
    return Promise.resolve(
      staged.some(({ record, content }) => record > rowsApplied && content !== null && 'plan' in content),
    );
  }

  discard(importId: string): Promise<void> {
    if (this.#of(importId)?.state === 'checking') this.#kept.delete(importId);
    return Promise.resolve();
  }

  remove(importId: string, who: string): Promise<boolean> {
    const job = this.#of(importId);
    if (job === undefined || job.state === 'applying') return Promise.resolve(false);
    if (job.state === 'checking' && this.#nowMs() - job.movedMs <= 3_600_000) return Promise.resolve(false);
    this.audited.push({ who, act: 'import-forget', importId });
    return Promise.resolve(this.#kept.delete(importId));
  }

  #of(importId: string): Kept | undefined {
    return this.#kept.get(importId);
  }

  #latest(): Kept[] {
    return [...this.#kept.values()].reverse();
  }
}

function whatIsMissing(content: ImportLine['content']): string {
  const { subscriberId } = content;
  return 'planId' in content
    ? `subscriber ${subscriberId} or plan ${content.planId} is not there`
    : `subscriber ${subscriberId} is not there`;
}

/** Another of its kind begins to go in. */
function overtake(job: Kept): void {
  if (job.state === 'checking') return;
  job.isOvertaken = true;
  if (job.state !== 'stopped') return;
  job.state = 'expired';
  job.reason = 'another file of its kind came in after it: send this one again';
}

function jobOf({ staged: _, isOvertaken: _of, ...job }: Kept): ImportJob {
  return { ...job };
}
