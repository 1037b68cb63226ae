import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** One place of the product's source, and what stands there instead. */
export interface Change {
  /** from the repository's root */
  file: string;
  /** must occur exactly once: else the source has changed, and the proof must too */
  find: string;
  replace: string;
}

/**
 * The TypeScript that one module needs, as plain JavaScript in a folder of its own. Threads load that at once, where a loader
 * would compile for each of them anew; and one place of it can be changed without touching the source.
 */
export class JavaScriptTree {
  readonly #files = new Map<string, string>();
  readonly #assets = new Set<string>();
  readonly #folders: string[] = [];

  /** @param entry from the repository's root */
  static async of(entry: string): Promise<JavaScriptTree> {
    const tree = new JavaScriptTree();
    await tree.#read(entry);
    return tree;
  }

  get size(): number {
    return this.#files.size;
  }

  /**
   * Writes the tree, with a change or without. Returns the folder: modules lie there as in the repository, as `.js`.
   * Throws where the text to be changed is not there exactly once.
   */
  async write(change: Change | null = null): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'weir-simulation-'));
    this.#folders.push(folder);
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    for (const [file, source] of this.#files) {
      const text = file === change?.file ? changed(source, change) : source;
      await put(join(folder, file.replace(/\.ts$/, '.js')), toJavaScript(text));
    }
    if (change !== null && !this.#files.has(change.file)) throw new Error(`${change.file} is not simulated`);
    for (const asset of this.#assets) await cp(join(ROOT, asset), join(folder, asset));
    return folder;
  }

  /** Deletes what was written. */
  async close(): Promise<void> {
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
  }

  async #read(file: string): Promise<void> {
    if (this.#files.has(file)) return;
    const source = await readFile(join(ROOT, file), 'utf8');
    this.#files.set(file, source);
    const beside = (path: string): string => relative(ROOT, resolve(ROOT, dirname(file), path));
    for (const [, path = ''] of source.matchAll(/new URL\('([^']+\.avsc)', import\.meta\.url\)/g)) {
      this.#assets.add(beside(path));
    }
    for (const { fileName } of ts.preProcessFile(source).importedFiles) {
      if (fileName.startsWith('.')) await this.#read(beside(fileName));
    }
  }
}

/** Of equal texts only one is compiled. */
const compiled = new Map<string, string>();

function toJavaScript(source: string): string {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
      allowImportingTsExtensions: true,
    },
  });
  compiled.set(source, outputText);
  return outputText;
}

function changed(source: string, { file, find, replace }: Change): string {
  const places = source.split(find).length - 1;
  if (places !== 1) throw new Error(`${file} has this ${places} times, not once: ${find}`);
  return source.replace(find, () => replace);
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
