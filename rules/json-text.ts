import { findNodeAtLocation } from 'jsonc-parser';
import type { Node } from 'jsonc-parser';
import { readJsonText } from './lint/json-text.ts';

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

/**
 * A JSON text whose values know where they stand, read as lint reads it: strict, bounded in size and depth, no key twice,
 * none that JavaScript treats specially, no number that cannot be kept. A byte order mark is skipped.
 */
export class JsonText {
  readonly text: string;
  /** null where there are problems */
  readonly root: JsonNode | null;
  /** the first fault of syntax, or all of the others */
  readonly problems: readonly JsonProblem[];
  #lineStarts: number[] | null = null;

  constructor(source: string) {
    const { text, findings, parsed } = readJsonText(source);
    this.text = text;
    this.problems = findings
      .filter(({ code }) => code !== 'P003')
      .map(({ start, message }) => ({ at: this.placeAt(start), message }));
    this.root = this.problems.length > 0 || parsed === null ? null : parsed.tree;
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
