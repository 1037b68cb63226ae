import { findNodeAtLocation, parseTree, printParseErrorCode } from 'jsonc-parser';
import type { Node, ParseError } from 'jsonc-parser';

/** A node of a JSON text: `type`, `value` of literals, `children`, `offset`. */
export type JsonNode = Node;

/** Steps from the root: names of members and indexes of items. */
export type JsonPath = readonly (string | number)[];

/** Where something stands in a text; both from 1, the column in UTF-16 units as editors count them. */
export interface Place {
  line: number;
  column: number;
}

/** Why a text is not JSON that can be worked with. */
export interface JsonProblem {
  at: Place;
  message: string;
}

/** The library reads by recursion: 100,000 open brackets end it. */
const MAX_DEPTH = 64;

const MESSAGES: Readonly<Record<string, string>> = {
  InvalidSymbol: 'this is no JSON value: text needs double quotes',
  InvalidNumberFormat: 'this is no JSON number',
  PropertyNameExpected: 'a name in double quotes must follow; is there a comma too many before this?',
  ValueExpected: 'a value must follow; is there a comma too many before this?',
  ColonExpected: 'a colon must follow the name',
  CommaExpected: 'a comma is missing before this',
  CloseBraceExpected: 'a closing } is missing',
  CloseBracketExpected: 'a closing ] is missing',
  EndOfFileExpected: 'the text must end here',
  InvalidCommentToken: 'JSON has no comments',
  UnexpectedEndOfString: 'the closing " is missing',
  InvalidCharacter: 'a control character must be written as an escape',
};

/**
 * A JSON text whose values know where they stand. Strict JSON: no comments, no trailing commas, no name twice, at most
 * 64 levels, no number beyond what a double holds. A byte order mark is skipped. Time is linear in the text.
 */
export class JsonText {
  readonly text: string;
  /** null where there are problems */
  readonly root: JsonNode | null;
  /** the first fault of syntax, or every name that stands twice and number that is too large */
  readonly problems: readonly JsonProblem[];
  #lineStarts: number[] | null = null;

  constructor(text: string) {
    this.text = text.startsWith('\uFEFF') ? text.slice(1) : text;
    const found = this.#read();
    this.problems = found.problems.map(({ offset, message }) => ({ at: this.placeAt(offset), message }));
    this.root = found.problems.length > 0 ? null : found.root;
  }

  /** Where the text's character at `offset` stands. */
  placeAt(offset: number): Place {
    const starts = (this.#lineStarts ??= lineStarts(this.text));
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  }

  /** Where a value stands; of a path that leads nowhere, the last step that is there. */
  placeOf(path: JsonPath): Place {
    for (let length = path.length; length > 0 && this.root !== null; length -= 1) {
      const node = findNodeAtLocation(this.root, path.slice(0, length));
      if (node !== undefined) return this.placeAt(node.offset);
    }
    return this.placeAt(this.root?.offset ?? 0);
  }

  #read(): { root: JsonNode | null; problems: Problem[] } {
    const tooDeep = deeperThan(this.text, MAX_DEPTH);
    if (tooDeep !== null)
      return {
        root: null,
        problems: [{ offset: tooDeep, message: `more than ${String(MAX_DEPTH)} levels deep` }],
      };
    const errors: ParseError[] = [];
    const root = parseTree(this.text, errors, { disallowComments: true }) ?? null;
    const [first] = errors;
    if (first !== undefined) {
      const code = printParseErrorCode(first.error);
      return { root, problems: [{ offset: first.offset, message: MESSAGES[code] ?? code }] };
    }
    const problems: Problem[] = [];
    if (root !== null) findFaults(root, problems);
    return { root, problems };
  }
}

interface Problem {
  offset: number;
  message: string;
}

/** Offset of the bracket that opens one level too many; null where there is none. */
function deeperThan(text: string, levels: number): number | null {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    if (inString) {
      if (c === '\\') i += 1;
      // A raw line end closes it for the parser too.
      else if (c === '"' || c === '\n' || c === '\r') inString = false;
    } else if (c === '"') inString = true;
    else if (c === '{' || c === '[') {
      depth += 1;
      if (depth > levels) return i;
    } else if (c === '}' || c === ']') depth -= 1;
  }
  return null;
}

function findFaults(node: JsonNode, problems: Problem[]): void {
  if (node.type === 'number' && !Number.isFinite(node.value))
    problems.push({ offset: node.offset, message: 'this number is too large' });
  if (node.type === 'object') {
    const seen = new Set<unknown>();
    for (const { children: [name] = [] } of node.children ?? []) {
      if (name !== undefined && seen.has(name.value))
        problems.push({ offset: name.offset, message: `the name ${quoted(name.value)} stands here twice` });
      seen.add(name?.value);
    }
  }
  for (const child of node.children ?? []) findFaults(child, problems);
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let i = text.indexOf('\n'); i !== -1; i = text.indexOf('\n', i + 1)) starts.push(i + 1);
  return starts;
}

/** Members of an object node by name; none where it is no object. */
export function membersOf(node: JsonNode): Map<string, { name: JsonNode; value: JsonNode }> {
  const members = new Map<string, { name: JsonNode; value: JsonNode }>();
  if (node.type !== 'object') return members;
  for (const { children: [name, value] = [] } of node.children ?? [])
    if (name !== undefined && value !== undefined) members.set(String(name.value), { name, value });
  return members;
}

/** A value for a message: JSON, cut where it is long. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
