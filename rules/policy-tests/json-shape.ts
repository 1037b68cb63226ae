import { hint, shown } from '../lint/did-you-mean.ts';
import type { JsonNode, JsonText } from '../json-text.ts';
import { membersOf } from '../json-text.ts';
import { MAX_FINDINGS } from './format.ts';
import type { TestFinding } from './format.ts';

/** Members of an object, by name. */
export type Members = ReadonlyMap<string, { name: JsonNode; value: JsonNode }>;

/** Reads parts of a test file and collects what is wrong with them, each with its place. */
export class ShapeReader {
  readonly findings: TestFinding[] = [];
  readonly #json: JsonText;

  constructor(json: JsonText) {
    this.#json = json;
  }

  fault(code: TestFinding['code'], node: JsonNode, message: string): void {
    if (this.findings.length >= MAX_FINDINGS) return;
    this.findings.push({ code, ...this.#json.placeAt(node.offset), message });
  }

  /** Members of an object; undefined where it is none. Keys that are not known are faults. */
  object(
    node: JsonNode,
    what: string,
    known: readonly string[],
    required: readonly string[],
  ): Members | undefined {
    const members = this.anyObject(node, what);
    if (members === undefined) return undefined;
    for (const [key, { name }] of members)
      if (!known.includes(key))
        this.fault('T103', name, `${what} has no key ${shown(key)}.${hint(key, known)}`);
    for (const key of required)
      if (!members.has(key)) this.fault('T104', node, `${what} needs the key "${key}"`);
    return members;
  }

  anyObject(node: JsonNode, what: string): Members | undefined {
    if (node.type === 'object') return membersOf(node);
    this.fault('T100', node, `${what} is an object in braces`);
    return undefined;
  }

  /** Items of a list; none where it is no list. */
  list(node: JsonNode | undefined, what: string): readonly JsonNode[] {
    if (node === undefined) return [];
    if (node.type === 'array') return node.children ?? [];
    this.fault('T100', node, `${what} is a list in brackets`);
    return [];
  }

  text(node: JsonNode | undefined, what: string): string | undefined {
    if (node === undefined) return undefined;
    if (
      node.type === 'string' &&
      typeof node.value === 'string' &&
      /\S/.test(node.value) &&
      node.value.length <= 200
    )
      return node.value;
    this.fault('T100', node, `${what} is a text of 1 to 200 characters in double quotes`);
    return undefined;
  }
}
