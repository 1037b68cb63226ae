import type { At, FindingCode, RawFinding, Severity } from './finding.ts';
import { FINDING_CODES, pathText } from './finding.ts';

/** Findings of each severity that are kept; the rest is counted. */
export const MAX_FINDINGS = 100;

/** Collects findings, in bounded memory however many there are. */
export class Report {
  readonly kept: Record<Severity, RawFinding[]> = { error: [], warning: [] };
  readonly total: Record<Severity, number> = { error: 0, warning: 0 };
  private readonly known = new Set<string>();

  /** What is reported twice of one place counts once. `at` = place in the JSON value. */
  add(
    code: FindingCode,
    at: At,
    message: string,
    { suggestion = null, onKey = false }: { suggestion?: string | null; onKey?: boolean } = {},
  ): void {
    const [severity] = FINDING_CODES[code];
    const isFull = this.kept[severity].length >= MAX_FINDINGS;
    const same = isFull ? '' : `${code} ${pathText(at)} ${message}`;
    if (this.known.has(same)) return;
    this.total[severity] += 1;
    if (isFull) return;
    this.known.add(same);
    this.kept[severity].push({ code, at, onKey, message, suggestion });
  }

  get hasErrors(): boolean {
    return this.total.error > 0;
  }
}
