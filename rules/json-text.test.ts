import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonText, membersOf } from './json-text.ts';

describe('JsonText', () => {
  it('says where values stand, by path and by offset', () => {
    const json = new JsonText('\uFEFF{\n  "a": [1,\r\n    {"b": true}]\n}\n');
    expect(json.problems).toEqual([]);
    expect(json.placeOf(['a', 1, 'b'])).toEqual({ line: 3, column: 11 });
    expect(json.placeOf(['a', 1, 'missing'])).toEqual({ line: 3, column: 5 });
    expect(json.placeOf(['nothing'])).toEqual({ line: 1, column: 1 });
    expect(json.placeAt(0)).toEqual({ line: 1, column: 1 });
  });

  it.each([
    ['nothing', '', '1:1'],
    ['a trailing comma', '{"a": 1,}', '1:9'],
    ['a comment', '{"a": 1, // why\n"b": 2}', '1:10'],
    ['a missing comma', '{\n"a": 1\n"b": 2}', '3:1'],
    ['a number with a unit', '{"a": 10GB}', '1:9'],
    ['an open string', '{"a": "x', '1:7'],
    ['the wrong bracket', '{"a": [1, 2}', '1:12'],
    ['more after the end', '{"a": 1} {', '1:10'],
    ['a name twice', '{"a": 1, "b": 2,\n "a": 3}', '2:2'],
    ['a number beyond all', '{"a": 1e999}', '1:7'],
    ['a prototype', '{"__proto__": {}}', '1:2'],
    ['100,000 open lists', '['.repeat(100_000), '1:49'],
    ['50,000 open objects', '{"a":'.repeat(50_000), '1:241'],
  ])('refuses %s', (_, text, where) => {
    const { problems, root } = new JsonText(text);
    expect(problems.map(({ at }) => `${String(at.line)}:${String(at.column)}`)).toEqual([where]);
    expect(root).toBeNull();
  });

  it('takes brackets in strings for what they are', () => {
    const text = JSON.stringify({ a: `\\"${'['.repeat(200)}` });
    expect(new JsonText(text).problems).toEqual([]);
  });

  it('gives members by name', () => {
    const { root } = new JsonText('{"toString": 1, "a": [2]}');
    if (root === null) throw new Error('no JSON');
    expect([...membersOf(root).keys()]).toEqual(['toString', 'a']);
    expect(membersOf(root).get('a')?.value.type).toBe('array');
  });

  it('takes every JSON value, and never throws on anything else', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 10 }), (text) => new JsonText(text).text === text));
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:1e-\\u \n/*ab') }), (text) => {
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        const { problems } = new JsonText(text);
        return isJson ? true : problems.length > 0;
      }),
    );
  });
});
