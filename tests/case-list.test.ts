import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Cases of accounting. */
const CASES = Array.from({ length: 23 }, (_, i) => i + 1);
/** Those that the meter alone can not decide: time, totals and other records have a part in them. */
const CASES_OF_THE_FOLD = [2, 10, 13, 14, 15, 19, 20, 21, 22];

const ROOT = join(import.meta.dirname, '..');
const FOLDERS = ['pipeline', 'tests', 'verify'];

/** Test files, but this one. */
function testFiles(): string[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter(
        (path) =>
          path.endsWith('.test.ts') && !path.includes('node_modules') && !path.endsWith('case-list.test.ts'),
      )
      .map((path) => join(folder, path)),
  );
}

/** Cases that the titles of a file's tests name. Comments are no titles. */
function namedIn(path: string): Set<number> {
  const source = readFileSync(join(ROOT, path), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const titles = source.match(/(['"`])(?:(?!\1)[^\\\n]|\\.)*\1/g) ?? [];
  const named = titles.flatMap((title) => [...title.matchAll(/case (\d+):|\(case (\d+)\)/g)]);
  return new Set(named.map(([, before, after]) => Number(before ?? after)));
}

const named = new Map(testFiles().map((path) => [path, namedIn(path)]));

function filesOf(accountingCase: number): string[] {
  return [...named].filter(([, cases]) => cases.has(accountingCase)).map(([path]) => path);
}

describe('the cases of accounting', () => {
  it.each(CASES)('case %i has a test that names it', (accountingCase) => {
    expect(filesOf(accountingCase)).not.toEqual([]);
  });

  it.each(CASES_OF_THE_FOLD)('case %i has one outside the meter', (accountingCase) => {
    expect(filesOf(accountingCase).filter((path) => !path.startsWith(join('pipeline', 'meter')))).not.toEqual(
      [],
    );
  });

  it('no test names a case that there is not', () => {
    const all = new Set([...named.values()].flatMap((cases) => [...cases]));
    expect([...all].filter((one) => !CASES.includes(one))).toEqual([]);
  });
});
