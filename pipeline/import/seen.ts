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
    if (this.#subscribers.has(subscriberId)) return `${subscriberId} is there twice`;
    this.#subscribers.add(subscriberId);
    const { externalId, credentials = [] } = content;
    if (externalId !== undefined && externalId !== null) {
      if (this.#externalIds.has(externalId)) return `the external id ${externalId} is there twice`;
      this.#externalIds.add(externalId);
    }
    const taken = credentials.find((one) => !isFree(this.#userNames, one.userName, one));
    return taken === undefined ? null : `the user name ${taken.userName} is there twice at a time`;
  }
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
  spans.set(name, { fromMs, toMs, next: first });
  return true;
}
