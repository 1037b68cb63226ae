import { createHash } from 'node:crypto';
import { AppError } from '../../schemas/errors.ts';
import type { ImportKind, StagedRecord } from '../../storage/import-ports.ts';
import { CsvError, CsvReader } from './csv.ts';
import { headerFault, objectReader, readRecord } from './records.ts';
import { Seen } from './seen.ts';

export const IMPORT_FORMATS = ['csv', 'ndjson'] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

/** What bounds a file. */
export interface FileLimits {
  maxBytes: number;
  maxRecords: number;
}

/** What one file may be. */
export interface FileBounds extends FileLimits {
  /** whoever sends it may give plans */
  mayGivePlans: boolean;
}

/** Characters of one line of NDJSON. */
const MAX_LINE = 65_536;

/** What a file said once it was read to its end. */
export interface FileEnd {
  /** sha256, hex */
  contentHash: string;
  records: number;
  faults: number;
}

/**
 * Reads a file of records as it comes, checks each, and gives them in chunks. A fault is a record's own and names its line; a text
 * that is no CSV, or not UTF-8, ends the reading with one.
 *
 * @returns when the file is at its end
 * @throws AppError 'invalid-input' beyond the limits
 */
export async function* readFile(
  kind: ImportKind,
  format: ImportFormat,
  bytes: AsyncIterable<Uint8Array>,
  chunkRows: number,
  limits: FileBounds,
): AsyncGenerator<StagedRecord[], FileEnd> {
  const hash = createHash('sha256');
  const collector = new Collector(kind, chunkRows, limits);
  const parser = format === 'csv' ? new CsvLines(collector, kind) : new JsonLines(collector);
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  let size = 0;
  let isReadable = true;
  for await (const piece of bytes) {
    size += piece.byteLength;
    if (size > limits.maxBytes)
      throw new AppError('invalid-input', `a file of more than ${limits.maxBytes} bytes: split it`);
    hash.update(piece);
    // To its end even so: whoever sends it reads the answer only then.
    if (isReadable) isReadable = fed(collector, () => parser.push(utf8.decode(piece, { stream: true })));
    yield* collector.full();
  }
  if (isReadable && fed(collector, () => parser.push(utf8.decode()))) fed(collector, () => parser.end());
  yield* collector.full();
  yield collector.rest();
  return { contentHash: hash.digest('hex'), records: collector.records, faults: collector.faults };
}

/** False where the text cannot be read on; why stands among the faults. */
function fed(collector: Collector, feed: () => void): boolean {
  try {
    feed();
    return true;
  } catch (error) {
    if (error instanceof CsvError) collector.fault(error.line, error.message);
    else if (error instanceof TypeError) collector.fault(null, 'the file is not UTF-8');
    else throw error;
    return false;
  }
}

interface LineParser {
  push(text: string): void;
  end(): void;
}

class CsvLines implements LineParser {
  readonly #reader = new CsvReader();
  readonly #collector: Collector;
  readonly #kind: ImportKind;
  #cells = 0;
  #objectOf: ReturnType<typeof objectReader> | null = null;

  constructor(collector: Collector, kind: ImportKind) {
    this.#collector = collector;
    this.#kind = kind;
  }

  push(text: string): void {
    for (const { line, cells } of this.#reader.push(text)) this.#record(line, cells);
  }

  end(): void {
    for (const { line, cells } of this.#reader.end()) this.#record(line, cells);
    if (this.#objectOf === null) throw new CsvError(1, 'there is no header line');
  }

  #record(line: number, cells: string[]): void {
    if (this.#objectOf === null) {
      const header = cells.map((cell) => cell.trim());
      const fault = headerFault(this.#kind, header);
      if (fault !== null) throw new CsvError(line, fault);
      this.#cells = header.length;
      this.#objectOf = objectReader(header);
    } else if (cells.length !== this.#cells)
      this.#collector.fault(line, `has ${cells.length} cells, and the header ${this.#cells}`);
    else this.#collector.take(line, this.#objectOf(cells));
  }
}

class JsonLines implements LineParser {
  readonly #collector: Collector;
  #rest = '';
  #line = 0;

  constructor(collector: Collector) {
    this.#collector = collector;
  }

  push(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#take(line);
    if (this.#rest.length > MAX_LINE) throw this.#tooLong();
  }

  end(): void {
    if (this.#rest !== '') this.#take(this.#rest);
  }

  #take(line: string): void {
    this.#line += 1;
    if (line.length > MAX_LINE) throw this.#tooLong();
    if (line.trim() === '') return;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      this.#collector.fault(this.#line, 'is not JSON');
      return;
    }
    this.#collector.take(this.#line, value);
  }

  #tooLong(): CsvError {
    return new CsvError(this.#line, `a line of more than ${MAX_LINE} characters`);
  }
}

/** Numbers records, checks them and gathers chunks. */
class Collector {
  records = 0;
  faults = 0;
  #chunk: StagedRecord[] = [];
  readonly #seen = new Seen();
  readonly #kind: ImportKind;
  readonly #chunkRows: number;
  readonly #bounds: FileBounds;

  constructor(kind: ImportKind, chunkRows: number, bounds: FileBounds) {
    this.#kind = kind;
    this.#chunkRows = chunkRows;
    this.#bounds = bounds;
  }

  take(line: number, value: unknown): void {
    const { content, fault } = readRecord(this.#kind, value);
    if (fault !== null) {
      this.fault(line, fault);
      return;
    }
    if (!this.#bounds.mayGivePlans && ('planId' in content || content.plan !== undefined)) {
      this.fault(line, 'plans are brought in by keys of the role billing');
      return;
    }
    const repeated = this.#seen.fault(content);
    if (repeated !== null) {
      this.fault(line, repeated);
      return;
    }
    this.#add({ content, fault: null });
  }

  /** @param line null = nobody knows */
  fault(line: number | null, message: string): void {
    this.faults += 1;
    this.#add({ content: null, fault: line === null ? message : `line ${line}: ${message}` });
  }

  *full(): Generator<StagedRecord[]> {
    while (this.#chunk.length >= this.#chunkRows) yield this.#chunk.splice(0, this.#chunkRows);
  }

  rest(): StagedRecord[] {
    return this.#chunk.splice(0);
  }

  #add(read: Omit<StagedRecord, 'record'>): void {
    this.records += 1;
    if (this.records > this.#bounds.maxRecords)
      throw new AppError('invalid-input', `a file of more than ${this.#bounds.maxRecords} records: split it`);
    this.#chunk.push({ record: this.records, ...read });
  }
}
