import type { Page } from '../storage/tariff-ports.ts';
import { Problem } from './problem.ts';

const MAX_LIMIT = 500;
const DEFAULT_LIMIT = 100;
/** Ids are at most 256 characters of at most 4 bytes, and a cursor has a few of them. */
const MAX_CURSOR = 4_096;

/** Part of a list's query: how much of it, and after what. Numbers of a query are text: nothing is coerced. */
export const PAGE_QUERY = {
  limit: {
    type: 'string',
    pattern: '^([1-9][0-9]?|[1-4][0-9]{2}|500)$',
    description: `at most ${MAX_LIMIT}; ${DEFAULT_LIMIT} if not given`,
  },
  after: {
    type: 'string',
    pattern: '^[A-Za-z0-9_-]{1,4096}$',
    description: '`next` of the page before, with the same filters',
  },
} as const;

/** What of PAGE_QUERY was given. */
export interface AskedPage {
  limit?: string;
  after?: string;
}

/** Which part of a list a store is asked for. */
export interface PagePart {
  limit: number;
  after: string | null;
}

/**
 * Reads PAGE_QUERY. A cursor is the last key as base64url and nothing secret: the store takes it as the data of
 * whoever asks.
 *
 * @throws Problem 400 for a cursor that was not given out
 */
export function pagePart({ limit, after }: AskedPage): PagePart {
  return {
    limit: limit === undefined ? DEFAULT_LIMIT : Number(limit),
    after: after === undefined ? null : keyOf(after),
  };
}

/** A page as it is answered. */
export function pageView<T, View>(
  { items, next }: Page<T>,
  view: (item: T) => View,
): { items: View[]; next: string | null } {
  return {
    items: items.map(view),
    next: next === null ? null : Buffer.from(next, 'utf8').toString('base64url'),
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function keyOf(cursor: string): string {
  const bytes = Buffer.from(cursor, 'base64url');
  // One key has one cursor: what Buffer passes over was never given out.
  if (cursor.length <= MAX_CURSOR && bytes.toString('base64url') === cursor) {
    const key = textOf(bytes);
    if (key !== null && !key.includes('\u0000')) return key;
  }
  throw new Problem(400, 'invalid-input', 'after is no cursor of a list: take it from `next`');
}

function textOf(bytes: Buffer): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null; // TypeError: the only way of TextDecoder to say that it is no UTF-8
  }
}
