import { appendFile, readFile } from 'node:fs/promises';
import type { Entry } from './books.ts';

/** The books as a file, a line of JSON an entry. One writer; what was flushed survives the process. */
export class BooksFile {
  readonly #path: string;
  #waiting: Entry[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** What an earlier process wrote; a last line that is torn is left out. */
  async read(): Promise<Entry[]> {
    const lines = (await this.#text()).split('\n');
    return lines.flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as Entry];
      } catch {
        return []; // torn by the end of its process: whoever sent it has no answer and asks for it
      }
    });
  }

  add(entry: Entry): void {
    this.#waiting.push(entry);
  }

  /** Resolves when everything that was added is written. */
  flush(): Promise<void> {
    const written = this.#writing.then(() => this.#write());
    // Whoever asked for it is told of a failure; the next one tries again.
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #write(): Promise<void> {
    const entries = this.#waiting.splice(0);
    if (entries.length === 0) return;
    try {
      // The line break comes first too: after a torn line a good one must not go on in it.
      await appendFile(this.#path, `\n${entries.map((entry) => JSON.stringify(entry)).join('\n')}\n`);
    } catch (error) {
      this.#waiting.unshift(...entries);
      throw error;
    }
  }

  async #text(): Promise<string> {
    try {
      return await readFile(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    }
  }
}
