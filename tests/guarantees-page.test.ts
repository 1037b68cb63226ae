import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/guarantees.md'), 'utf8');
/** A line that names a test: its file, and a piece of its title. */
const PROOF = /^- `(?<file>[^`]+)` - (?<title>.+)$/gm;

it('names tests that exist', () => {
  const missing = [...PAGE.matchAll(PROOF)].flatMap(({ groups }) => {
    const { file = '', title = '' } = groups ?? {};
    const path = join(ROOT, file);
    if (!existsSync(path)) return [`${file} does not exist`];
    return readFileSync(path, 'utf8').includes(title) ? [] : [`${file} has no test "${title}"`];
  });
  expect(missing).toEqual([]);
});

it('has no promise without a test', () => {
  const promises = PAGE.split('\n\n').filter((paragraph) =>
    /^\*\*(?!Exceptions|Not promised)/.test(paragraph),
  );
  expect(promises.length).toBeGreaterThan(8);
  expect(promises.filter((paragraph) => !paragraph.includes('\n- `'))).toEqual([]);
});
