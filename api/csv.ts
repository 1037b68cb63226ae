import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Page } from '../storage/tariff-ports.ts';

const PAGE = 500;

/** A value of a CSV field. */
export type CsvValue = string | number | null;

/** Any text may be somebody else's (ids, what a billing system answers): a spreadsheet must not take it for a formula. */
function plainText(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

/** One line of CSV (RFC 4180). Text that a spreadsheet would reckon with gets an apostrophe before it; numbers are as they are. */
export function csvLine(values: readonly CsvValue[]): string {
  const fields = values.map((value) => {
    const text = typeof value === 'string' ? plainText(value) : String(value ?? '');
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${fields.join(',')}\r\n`;
}

/**
 * Answers a whole list as CSV, a page of it in memory. A store that goes away in the middle cuts the answer off: it has no
 * length, so whoever reads it sees that.
 */
export function sendCsv<T>(
  reply: FastifyReply,
  file: string,
  head: readonly string[],
  pages: (limit: number, after: string | null) => Promise<Page<T>>,
  fields: (item: T) => CsvValue[],
): FastifyReply {
  async function* lines(): AsyncGenerator<string> {
    let page = await pages(PAGE, null);
    yield csvLine(head);
    for (;;) {
      if (page.items.length > 0) yield page.items.map((item) => csvLine(fields(item))).join('');
      if (page.next === null) return;
      page = await pages(PAGE, page.next);
    }
  }
  return reply
    .type('text/csv; charset=utf-8')
    .header('content-disposition', `attachment; filename="${file}"`)
    .send(Readable.from(lines()));
}

/** An answer that is CSV too, where it is asked for. */
export function orCsv<T extends object>(response: T): T {
  const ok = (response as Record<string, { content: Record<string, unknown> }>)['200'];
  const content = { ...ok?.content, 'text/csv': { schema: { type: 'string' } } };
  return { ...response, 200: { ...ok, content } };
}

/** Part of a query: in which form the answer is to be. */
export const FORMAT = {
  type: 'string',
  enum: ['json', 'csv'],
  description: 'csv = all of it, as a file; json if not given',
} as const;
