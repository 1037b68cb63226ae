// Part of `npm run build`: tsc writes only JavaScript, so what the program reads by path beside its modules
// (SQL migrations, Lua scripts, Avro and JSON schemas, policies, pages) is copied to the same place in dist/.
import { cp, readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['api', 'cli', 'console', 'pipeline', 'policies', 'rules', 'schemas', 'simulator', 'storage'];
const ASSETS = new Set(
  '.avsc .css .csv .html .ico .js .json .lua .mjs .png .sql .svg .woff2 .yaml .yml'.split(' '),
);

let copied = 0;
for (const folder of FOLDERS) {
  for (const path of await filesIn(folder)) {
    // Fixtures of tests stay out, as the tests themselves do.
    if (!ASSETS.has(extname(path)) || path.includes('.test.') || path.includes('__fixtures__')) continue;
    await cp(join(ROOT, path), join(ROOT, 'dist', path));
    copied += 1;
  }
}
console.log(`${String(copied)} assets copied to dist/`);

async function filesIn(folder) {
  try {
    const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}
