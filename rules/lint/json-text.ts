import { getNodePath, parseTree, printParseErrorCode, visit } from 'jsonc-parser';
import type { Node } from 'jsonc-parser';
import { shown } from './did-you-mean.ts';
import type { At, FindingCode } from './finding.ts';
import { pathText } from './finding.ts';
import { FORBIDDEN_KEYS } from './shape.ts';

/** Largest file that is looked at. */
export const MAX_FILE_BYTES = 256 * 1024;
/** Objects and lists in each other: more than 16 levels of conditions with a list of lists in them need. */
const MAX_JSON_DEPTH = 48;

/** Something about the text itself, at offsets in UTF-16 units. */
export interface TextFinding {
  code: FindingCode;
  message: string;
  start: number;
  end: number;
  path: string;
  suggestion: string | null;
}

export interface JsonText {
  text: string;
  findings: TextFinding[];
  /** null where the text is no JSON, or not looked at */
  parsed: { value: unknown; tree: Node } | null;
}

/** Reads strict JSON (RFC 8259) with positions: of any bytes, in time that grows with their number only. */
export function readJsonText(input: string | Uint8Array): JsonText {
  const size = typeof input === 'string' ? input.length : input.byteLength;
  if (size > MAX_FILE_BYTES) return refused('', 'P001', `the file is larger than ${MAX_FILE_BYTES} bytes`);
  const decoded = typeof input === 'string' ? input : decode(input);
  if (decoded === null) return refused('', 'P002', 'the file is not UTF-8');
  const findings: TextFinding[] = [];
  const text = decoded.startsWith('\uFEFF') ? decoded.slice(1) : decoded;
  if (text !== decoded)
    findings.push(
      textFinding('P003', 'the file begins with a byte order mark: save it as plain UTF-8', 0, 0),
    );
  const fault = firstFault(text) ?? strictFault(text);
  const tree = fault === null ? parseTree(text, [], STRICT) : undefined;
  if (fault !== null || tree === undefined)
    return { text, findings: [...findings, ...(fault === null ? [] : [fault])], parsed: null };
  const value: unknown = JSON.parse(text);
  findings.push(...nodeFindings(tree));
  return { text, findings, parsed: { value, tree } };
}

function refused(text: string, code: FindingCode, message: string): JsonText {
  return { text, findings: [textFinding(code, message, 0, 0)], parsed: null };
}

function textFinding(
  code: FindingCode,
  message: string,
  start: number,
  end: number,
  at: At = [],
): TextFinding {
  return { code, message, start, end, path: pathText(at), suggestion: null };
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // It says nothing but that it is not UTF-8.
    return null;
  }
}

const STRICT = { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false };

/** Ends a walk through a text at the first thing that is wrong. */
class FirstFault extends Error {
  readonly finding: TextFinding;
  constructor(finding: TextFinding) {
    super(finding.message);
    this.finding = finding;
  }
}

/**
 * The first thing that is wrong with a text. The parser recurses, and behind a fault it goes on by its own rules: which
 * brackets it would count as open there (behind `/*"*\/` or `[},`) nobody can tell from outside. So it is ended at once,
 * by a fault as by a bracket too many.
 */
function firstFault(text: string): TextFinding | null {
  let depth = 0;
  const enter = (offset: number): void => {
    depth += 1;
    const message = `nested deeper than ${MAX_JSON_DEPTH} levels`;
    if (depth > MAX_JSON_DEPTH) throw new FirstFault(textFinding('P007', message, offset, offset + 1));
  };
  const leave = (): void => {
    depth -= 1;
  };
  const onError = (error: number, offset: number, length: number): void => {
    throw new FirstFault(
      textFinding('P004', syntaxMessage(printParseErrorCode(error)), offset, offset + length),
    );
  };
  const visitor = {
    ...{ onObjectBegin: enter, onArrayBegin: enter, onObjectEnd: leave, onArrayEnd: leave },
    onError,
  };
  try {
    visit(text, visitor, STRICT);
    return null;
  } catch (error) {
    if (!(error instanceof FirstFault)) throw error;
    return error.finding;
  }
}

/** Where the two parsers disagree, the stricter one counts. */
function strictFault(text: string): TextFinding | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const at = Number(/position (\d+)/.exec(message)?.[1] ?? 0);
    return textFinding('P004', `not JSON: ${message.slice(0, 200)}`, at, at + 1);
  }
}

const SYNTAX: Readonly<Record<string, string>> = {
  InvalidSymbol:
    'not JSON: only true, false, null, numbers and texts in double quotes stand without brackets',
  InvalidNumberFormat: 'not a number of JSON',
  PropertyNameExpected: 'a key in double quotes is expected: no comma after the last entry',
  ValueExpected: 'a value is expected: no comma after the last entry',
  ColonExpected: 'a colon is expected',
  CommaExpected: 'a comma is expected',
  CloseBraceExpected: 'a } is missing',
  CloseBracketExpected: 'a ] is missing',
  EndOfFileExpected: 'nothing may follow the closing bracket',
  InvalidCommentToken: 'JSON has no comments: use description',
  UnexpectedEndOfComment: 'JSON has no comments: use description',
  UnexpectedEndOfString: 'the closing double quote is missing',
  UnexpectedEndOfNumber: 'not a number of JSON',
  InvalidUnicode: 'not an escape of JSON: \\u needs four hex digits',
  InvalidEscapeCharacter: 'not an escape of JSON: write \\\\ for a backslash',
  InvalidCharacter: 'a sign that JSON texts cannot have: escape it',
};

function syntaxMessage(name: string): string {
  return SYNTAX[name] ?? `not JSON: ${name}`;
}

/** Keys that are there twice or forbidden, and numbers that cannot be kept. */
function nodeFindings(root: Node): TextFinding[] {
  const findings: TextFinding[] = [];
  const open: Node[] = [root];
  for (let node = open.pop(); node !== undefined && findings.length < 1000; node = open.pop()) {
    const { type, children = [] } = node;
    if (type === 'number') findings.push(...numberFinding(node));
    if (type === 'object') findings.push(...keyFindings(children));
    for (let i = children.length - 1; i >= 0; i -= 1) {
      const child = children[i];
      if (child !== undefined) open.push(child);
    }
  }
  return findings;
}

function numberFinding(node: Node): TextFinding[] {
  const { value, offset, length } = node as Node & { value: number };
  if (Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return [];
  const message = `the number cannot be kept exactly: it must be between -${Number.MAX_SAFE_INTEGER} and ${Number.MAX_SAFE_INTEGER}`;
  return [textFinding('P008', message, offset, offset + length, getNodePath(node))];
}

function keyFindings(properties: readonly Node[]): TextFinding[] {
  const findings: TextFinding[] = [];
  const seen = new Set<string>();
  for (const { children = [] } of properties) {
    const [key] = children;
    if (key === undefined) continue;
    const name = String(key.value);
    const end = key.offset + key.length;
    if (seen.has(name))
      findings.push(textFinding('P005', `${shown(name)} is there twice`, key.offset, end, getNodePath(key)));
    // The format's own checks look at the keys they know; this one is for all others.
    else if (FORBIDDEN_KEYS.includes(name))
      findings.push(textFinding('P006', `${name} may not be a key`, key.offset, end, getNodePath(key)));
    seen.add(name);
  }
  return findings;
}
