import type { ImportLine } from '../../storage/tariff-ports.ts';

interface Span {
  fromMs: number;
  toMs: number | null;
  next: Span | undefined;
}

/**
 * What records of one file say of each other: a subscriber, an external id and, at a time, a user name or a plan may be there once.
 * Keeps it all as it is, some 100 bytes a name: hashes would be smaller, and one false repeat would refuse a whole file.
 */
export class Seen {
  readonly #subscribers = new Set<string>();
  readonly #externalIds = new Set<string>();
  readonly #userNames = new Map<string, Span>();
  readonly #plans = new Map<string, Span>();

  /** What of a record was there before; null = nothing, and it is kept. */
  fault(content: ImportLine['content']): string | null {
    const { subscriberId } = content;
    if ('planId' in content)
      return isFree(this.#plans, subscriberId, content)
        ? null
        : `${subscriberId} has two plans at a time in this file, or more than ${MOST_SPANS}`;
    if (!isFirst(this.#subscribers, subscriberId)) return `${subscriberId} is there twice`;
    const { externalId, credentials = [] } = content;
    if (externalId !== undefined && externalId !== null && !isFirst(this.#externalIds, externalId))
      return `the external id ${externalId} is there twice`;
    const taken = credentials.find((one) => !isFree(this.#userNames, one.userName, one));
    return taken === undefined ? null : `the user name ${taken.userName} is there twice at a time`;
  }
}

const ALWAYS: Span = { fromMs: 0, toMs: null, next: undefined };

/** Bytes of the longest name, in UTF-8: of 256 characters. */
const scratch = Buffer.alloc(4 * 256);
/** V8 cuts shorter texts out by copying them. */
const SHORT = 12;

/**
 * A name as a text of its own: cut out of the file's text it is a view, and a million of them would keep the whole file.
 * UTF-8 says all of it: no name has half of a character.
 */
function owned(name: string): string {
  return name.length <= SHORT ? name : scratch.toString('utf8', 0, scratch.write(name, 'utf8'));
}

/** Keeps it. */
function isFirst(names: Set<string>, name: string): boolean {
  if (names.has(name)) return false;
  names.add(owned(name));
  return true;
}

/** Of one name; each is compared with those before. */
const MOST_SPANS = 100;

/** Keeps it where it is. */
function isFree(spans: Map<string, Span>, name: string, { fromMs, toMs }: Omit<Span, 'next'>): boolean {
  const first = spans.get(name);
  const end = toMs ?? Number.POSITIVE_INFINITY;
  let count = 0;
  for (let one = first; one !== undefined; one = one.next) {
    count += 1;
    const overlaps = one.fromMs < end && fromMs < (one.toMs ?? Number.POSITIVE_INFINITY);
    if (overlaps || count === MOST_SPANS) return false;
  }
  // Most names are somebody's for all time.
  const isAlways = fromMs === 0 && toMs === null && first === undefined;
  spans.set(first === undefined ? owned(name) : name, isAlways ? ALWAYS : { fromMs, toMs, next: first });
  return true;
}
