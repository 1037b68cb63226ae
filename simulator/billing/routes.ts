import type { Books, GivenItem } from './books.ts';
import type { Check } from './contract.ts';

/** A request in the shape that answers need. */
export interface Asked {
  method: string;
  url: URL;
  body: string;
  idempotencyKey: string | string[] | undefined;
}

/** An answer; problems are those of 400 and above. */
export interface Answer {
  status: number;
  body?: unknown;
}

export interface RouteContext {
  books: Books;
  check: Check;
  forgetKeysAfterMs: number;
  pageSize: number;
}

/** Answers by schemas/billing-api.yaml. Throws Error for an answer of ours that breaks it: a defect. */
export function answer(asked: Asked, context: RouteContext): Answer {
  const { method, url } = asked;
  const [, version, resource, id, part] = url.pathname.split('/');
  if (method === 'GET' && url.pathname === '/healthz') return { status: 204 };
  if (version !== 'v1') return problem(404, 'no such path');
  const name = id === undefined ? '' : decoded(id);
  if (resource === 'invoice-items' && id === undefined) {
    if (method === 'POST') return postItem(asked, context);
    if (method === 'GET') return listItems(asked, context);
    return problem(405, 'only GET and POST');
  }
  if (method === 'GET' && resource === 'invoice-items') return getItem(name, context);
  if (method === 'GET' && resource === 'accounts' && part === undefined) return getAccount(name, context);
  if (method === 'PUT' && resource === 'accounts' && part === 'cycle') return putCycle(name, asked, context);
  return problem(404, 'no such path');
}

function postItem(
  { body, idempotencyKey }: Asked,
  { books, check, forgetKeysAfterMs }: RouteContext,
): Answer {
  const given = json(body);
  const fault = check('InvoiceItem', given);
  if (fault !== null) return problem(400, fault);
  const item = given as GivenItem;
  if (idempotencyKey !== item.key) return problem(400, 'Idempotency-Key must be the key of the item');
  const taken = books.take(item, forgetKeysAfterMs);
  if (taken.kind === 'other') return problem(409, 'another item has this key');
  if (taken.kind === 'refused') return problem(422, taken.detail);
  return checked(check, 'Receipt', { status: taken.kind === 'new' ? 201 : 200, body: { id: taken.id } });
}

function getItem(key: string, { books, check }: RouteContext): Answer {
  const item = books.find(key);
  if (item === undefined) return notThere('item');
  return checked(check, 'StoredItem', { status: 200, body: item });
}

function listItems({ url }: Asked, { books, check, pageSize }: RouteContext): Answer {
  const [from, to] = [url.searchParams.get('from'), url.searchParams.get('to')];
  const fault = check('Instant', from) ?? check('Instant', to);
  if (fault !== null) return problem(400, `from and to: ${fault}`);
  const after = Number(url.searchParams.get('cursor') ?? '0');
  const all = books.between(Date.parse(from ?? ''), Date.parse(to ?? ''));
  if (!Number.isInteger(after) || after < 0) return problem(400, 'cursor: not one of ours');
  const items = all.slice(after, after + pageSize);
  const next = after + pageSize < all.length ? String(after + pageSize) : null;
  return checked(check, 'StoredItemPage', { status: 200, body: { items, next } });
}

function getAccount(ref: string, { books, check }: RouteContext): Answer {
  const account = books.account(ref);
  if (account === undefined) return notThere('account');
  return checked(check, 'Account', { status: 200, body: account });
}

function putCycle(ref: string, { body }: Asked, { books, check }: RouteContext): Answer {
  const given = json(body);
  const fault = check('CycleSpan', given);
  if (fault !== null) return problem(400, fault);
  const account = books.account(ref);
  if (account === undefined) return notThere('account');
  books.putAccount({ ...account, cycleStart: (given as { start: string }).start });
  return { status: 204 };
}

function checked(check: Check, name: Parameters<Check>[0], made: Answer): Answer {
  const fault = check(name, made.body);
  if (fault === null) return made;
  throw new Error(`the billing server breaks its contract: ${name} ${fault}`);
}

function notThere(what: string): Answer {
  return { status: 404, body: { status: 404, code: 'not-found', detail: `there is no such ${what}` } };
}

function problem(status: number, detail: string): Answer {
  return { status, body: { status, detail: detail.slice(0, 2_000) } };
}

/** undefined = it is none */
function json(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined; // SyntaxError: the check that follows says so
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a broken escape names nothing that is there
  }
}
