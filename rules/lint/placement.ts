import { findNodeAtLocation } from 'jsonc-parser';
import type { Node } from 'jsonc-parser';
import type { LintFinding, LintResult, RawFinding, Severity } from './finding.ts';
import { FINDING_CODES, pathText } from './finding.ts';
import type { JsonText, TextFinding } from './json-text.ts';
import type { Report } from './report.ts';
import { MAX_FINDINGS } from './report.ts';

/** Findings of one file with their places in its text. */
export function placed(file: string, json: JsonText, report: Report): LintResult {
  const lineStarts = startsOfLines(json.text);
  const tree = json.parsed?.tree;
  // Forbidden keys are found in the text and in the value: once is enough.
  const raw = [...report.kept.error, ...report.kept.warning].filter(({ code }) => code !== 'P006');
  const fromText = json.findings.map((finding) => toFinding(file, finding, lineStarts));
  const fromValue = raw.map((finding) =>
    toFinding(file, { ...finding, ...spanOf(finding, tree), path: pathText(finding.at) }, lineStarts),
  );
  const twice = [...report.kept.error].filter(({ code }) => code === 'P006').length;
  const all = [...fromText, ...fromValue];
  const count = (severity: Severity): number =>
    report.total[severity] + fromText.filter((finding) => finding.severity === severity).length;
  return listed(all, count('error') - twice, count('warning'));
}

/**
 * The first 100 findings: errors before warnings, then as they stand in files and texts.
 *
 * @param errors how many there are, also those that were not kept
 */
export function listed(findings: readonly LintFinding[], errors: number, warnings: number): LintResult {
  const most = [...findings].sort(bySeverity).slice(0, MAX_FINDINGS);
  most.sort(byPlace);
  return { findings: most, more: errors + warnings - most.length, errors, warnings };
}

function bySeverity(a: LintFinding, b: LintFinding): number {
  return a.severity === b.severity ? byPlace(a, b) : a.severity === 'error' ? -1 : 1;
}

function byPlace(a: LintFinding, b: LintFinding): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column || (a.code < b.code ? -1 : 1);
}

function toFinding(
  file: string,
  { code, message, start, end, path, suggestion }: TextFinding,
  lineStarts: readonly number[],
): LintFinding {
  const from = positionOf(start, lineStarts);
  const to = positionOf(Math.max(end, start), lineStarts);
  return {
    code,
    severity: FINDING_CODES[code][0],
    message,
    file,
    line: from.line,
    column: from.column,
    endLine: to.line,
    endColumn: to.column,
    path,
    suggestion,
  };
}

/** Where in the text a place of the value stands; the nearest one around it that exists. */
function spanOf({ at, onKey }: RawFinding, tree: Node | undefined): { start: number; end: number } {
  if (tree === undefined) return { start: 0, end: 0 };
  for (let depth = at.length; depth >= 0; depth -= 1) {
    const node = findNodeAtLocation(tree, [...at.slice(0, depth)]);
    if (node === undefined) continue;
    const key = node.parent?.type === 'property' ? node.parent.children?.[0] : undefined;
    const { offset, length } = onKey && depth === at.length && key !== undefined ? key : node;
    // What is missing in an object or list is shown at its opening bracket.
    const isWhole = node.type === 'object' || node.type === 'array';
    return { start: offset, end: offset + (isWhole && !(onKey && key !== undefined) ? 1 : length) };
  }
  return { start: 0, end: 0 };
}

function startsOfLines(text: string): number[] {
  const starts = [0];
  for (let i = 0; i < text.length; i += 1) {
    const sign = text.charCodeAt(i);
    if (sign === 0x0a || (sign === 0x0d && text.charCodeAt(i + 1) !== 0x0a)) starts.push(i + 1);
  }
  return starts;
}

function positionOf(offset: number, starts: readonly number[]): { line: number; column: number } {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
}
