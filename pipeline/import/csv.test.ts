import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CsvRecord } from './csv.ts';
import { CsvError, CsvReader } from './csv.ts';

const RUNS = Number(process.env['WEIR_TEST_RUNS'] ?? 1000);

function read(pieces: readonly string[], maxSize?: number): CsvRecord[] {
  const reader = new CsvReader(maxSize);
  return [...pieces.flatMap((piece) => [...reader.push(piece)]), ...reader.end()];
}

describe('CsvReader', () => {
  it.each<[string, string, CsvRecord[]]>([
    ['nothing', '', []],
    ['one cell', 'a', [{ line: 1, cells: ['a'] }]],
    [
      'lines',
      'a,b\nc,d\n',
      [
        { line: 1, cells: ['a', 'b'] },
        { line: 2, cells: ['c', 'd'] },
      ],
    ],
    [
      'CRLF',
      'a,b\r\nc,d\r\n',
      [
        { line: 1, cells: ['a', 'b'] },
        { line: 2, cells: ['c', 'd'] },
      ],
    ],
    ['empty cells', ',\n', [{ line: 1, cells: ['', ''] }]],
    [
      'empty lines',
      '\na\n\n\nb\n',
      [
        { line: 2, cells: ['a'] },
        { line: 5, cells: ['b'] },
      ],
    ],
    ['quotes', '"a,b","c""d",""\n', [{ line: 1, cells: ['a,b', 'c"d', ''] }]],
    [
      'a line break in quotes',
      '"a\nb",c\nd,e',
      [
        { line: 1, cells: ['a\nb', 'c'] },
        { line: 3, cells: ['d', 'e'] },
      ],
    ],
    ['spaces', ' a , b ', [{ line: 1, cells: [' a ', ' b '] }]],
    ['letters of two units', '😀,ä', [{ line: 1, cells: ['😀', 'ä'] }]],
  ])('reads %s', (_name, text, records) => {
    expect(read([text])).toEqual(records);
  });

  it.each<[string, string, number]>([
    ['a quote within a cell', 'a\nb"c', 2],
    ['text after a quote', '"a"b', 1],
    ['a quote that is not closed', 'a\n"b\nc', 2],
    ['a carriage return alone', 'a\rb', 1],
    ['a carriage return at the end', 'a\r', 1],
    ['a record that is too long', `a\n${'b'.repeat(50)}`, 2],
    ['too many cells', `a\n${','.repeat(20)}${','.repeat(60)}`, 2],
  ])('refuses %s', (name, text, line) => {
    try {
      read([text], name.includes('cells') ? undefined : 40);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(CsvError);
      expect((error as CsvError).line).toBe(line);
    }
  });

  const cell = fc.string({
    unit: fc.constantFrom('a', 'ä', ',', '"', '\n', '\r', ' ', ';', '😀'),
    maxLength: 8,
  });
  const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

  it(`reads back what was written, however it is cut (${RUNS} cases)`, () => {
    const tables = fc.array(fc.array(cell, { minLength: 2, maxLength: 5 }), { maxLength: 5 });
    fc.assert(
      fc.property(tables, fc.array(fc.nat(200), { maxLength: 6 }), fc.boolean(), (rows, cuts, isPlain) => {
        const write = (text: string): string => (isPlain && !/[,"\n\r]/.test(text) ? text : quoted(text));
        const text = rows.map((cells) => `${cells.map(write).join(',')}\r\n`).join('');
        const chars = [...text];
        const bounds = [
          0,
          ...cuts.map((cut) => cut % (chars.length + 1)).sort((a, b) => a - b),
          chars.length,
        ];
        const pieces = bounds.slice(1).map((end, i) => chars.slice(bounds[i] ?? 0, end).join(''));
        expect(read(pieces).map(({ cells }) => cells)).toEqual(rows);
      }),
      { numRuns: RUNS },
    );
  });

  it(`never throws anything but CsvError (${RUNS} cases)`, () => {
    fc.assert(
      fc.property(fc.array(cell, { maxLength: 12 }), (pieces) => {
        try {
          read(pieces);
        } catch (error) {
          expect(error).toBeInstanceOf(CsvError);
        }
      }),
      { numRuns: RUNS },
    );
  });
});
