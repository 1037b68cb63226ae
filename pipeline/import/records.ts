import { isZone } from '../../rules/cycle.ts';
import type { ImportKind } from '../../storage/import-ports.ts';
import type { ImportLine, SubscriberOfFile } from '../../storage/tariff-ports.ts';
import type { Check } from '../decode/shape.ts';
import { boolean, isObject, list, nullable, object, optional, text, where } from '../decode/shape.ts';

/* What a record of an import may be. JSON and CSV come to the same object, which is checked once. */

type Content = ImportLine['content'];

/** A record as it was read: a content, or what is wrong with it in one line. */
export type Read = { content: Content; fault: null } | { content: null; fault: string };

interface GivenSubscriber {
  subscriberId: string;
  accountId?: string;
  externalId?: string | null;
  segment?: string;
  tags?: string[];
  zone: string;
  overageConsent?: boolean;
  credentials?: GivenCredential[];
  plan?: string;
  planFrom?: string;
  planTo?: string | null;
}

interface GivenCredential {
  userName: string;
  from?: string;
  to?: string | null;
}

interface GivenAssignment {
  subscriberId: string;
  planId: string;
  from: string;
  to?: string | null;
}

/** Neither NUL nor half of a character: no database stores these. */
const storable = (min: number, max: number): Check<string> =>
  where(text(min, max), (value) =>
    /[\0\p{Cs}]/u.test(value) ? 'has a character that cannot be stored' : null,
  );
const id = storable(1, 256);
const name = storable(0, 256);

const zones = new Map<string, boolean>();
/** Names that were looked up: whatever a file says, so many at most. */
const MOST_ZONES = 2000;
const zone = where(text(1, 64), (value) => {
  let known = zones.get(value);
  if (known === undefined) {
    if (zones.size >= MOST_ZONES) zones.clear();
    zones.set(value, (known = isZone(value)));
  }
  return known ? null : 'is not a known time zone';
});

const instant = where(text(10, 40), (value) =>
  /^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})$/.test(value) && !Number.isNaN(Date.parse(value))
    ? null
    : 'is not an instant with its offset, such as 2026-01-31T00:00:00Z',
);

const CHECKS = {
  subscribers: object<GivenSubscriber>({
    subscriberId: id,
    accountId: optional(id),
    externalId: optional(nullable(id)),
    segment: optional(name),
    tags: optional(list(name, 100)),
    zone,
    overageConsent: optional(boolean),
    credentials: optional(
      list(
        object<GivenCredential>({ userName: id, from: optional(instant), to: optional(nullable(instant)) }),
        100,
      ),
    ),
    plan: optional(id),
    planFrom: optional(instant),
    planTo: optional(nullable(instant)),
  }),
  assignments: object<GivenAssignment>({
    subscriberId: id,
    planId: id,
    from: instant,
    to: optional(nullable(instant)),
  }),
} satisfies Record<ImportKind, Check<object>>;

/** Columns of a CSV file by kind; those with a star are needed. Several values of one cell are parted by `;`. */
export const COLUMNS: Record<ImportKind, readonly string[]> = {
  subscribers: [
    'subscriber_id*',
    'account_id',
    'external_id',
    'segment',
    'tags',
    'zone*',
    'overage_consent',
    'user_names',
    'plan',
    'plan_from',
    'plan_to',
  ],
  assignments: ['subscriber_id*', 'plan_id*', 'from*', 'to'],
};

/** What is wrong with the header line of a CSV file; null = nothing. */
export function headerFault(kind: ImportKind, header: readonly string[]): string | null {
  const known = COLUMNS[kind].map((column) => column.replace('*', ''));
  const unknown = header.find((column) => !known.includes(column));
  if (header.length === 1 && unknown !== undefined && /[;\t|]/.test(unknown))
    return 'the header has one column: columns are parted by commas; are these by semicolons?';
  if (unknown !== undefined)
    return `the column ${JSON.stringify(unknown.slice(0, 64))} is not known; those that are: ${known.join(', ')}`;
  const twice = header.find((column, index) => header.indexOf(column) < index);
  if (twice !== undefined) return `the column ${twice} is there twice`;
  const missing = COLUMNS[kind].filter(
    (column) => column.endsWith('*') && !header.includes(column.slice(0, -1)),
  );
  return missing.length === 0 ? null : `the column ${(missing[0] ?? '').slice(0, -1)} is missing`;
}

/**
 * How a record of a CSV file becomes the object that JSON would say. An empty cell says that there is none; of what a service always
 * has (who pays, whether it may go over, when something begins) it says nothing.
 *
 * @param header of the file, as headerFault takes it
 * @returns for as many cells as the header has
 */
export function objectReader(
  header: readonly string[],
): (cells: readonly string[]) => Record<string, unknown> {
  const columns = header.map((column) => ({ column, field: fieldOf(column), empty: EMPTY[column] }));
  return (cells) => {
    const given: Record<string, unknown> = {};
    for (const [index, { column, field, empty }] of columns.entries()) {
      const cell = cells[index] ?? '';
      const value = cell === '' ? empty : valueOf(column, cell);
      if (value !== undefined) given[field] = value;
    }
    return given;
  };
}

const EMPTY: Readonly<Record<string, unknown>> = { external_id: null, segment: '', tags: [], user_names: [] };

function fieldOf(column: string): string {
  if (column === 'user_names') return 'credentials';
  return column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function valueOf(column: string, cell: string): unknown {
  switch (column) {
    case 'tags':
      return cell.split(';');
    case 'user_names':
      return cell.split(';').map((userName) => ({ userName }));
    case 'overage_consent':
      // Any other word is refused by the check.
      return cell === 'true' ? true : cell === 'false' ? false : cell;
    default:
      return cell;
  }
}

/**
 * Checks one record and says it as the store takes it. What a subscriber does not say is not in it; of a credential without a time:
 * it is the subscriber's since 1970; without an end: it is open. None of it depends on when the file is read: the same file again
 * says the same.
 */
export function readRecord(kind: ImportKind, value: unknown): Read {
  const fault = CHECKS[kind](value, '');
  if (fault !== null) return { content: null, fault: isObject(value) ? fault.trim() : 'is not an object' };
  const halfPlan = kind === 'subscribers' ? planFault(value as GivenSubscriber) : null;
  if (halfPlan !== null) return { content: null, fault: halfPlan };
  const content =
    kind === 'subscribers' ? subscriberOf(value as GivenSubscriber) : assignmentOf(value as GivenAssignment);
  const wrong = datesFault(content);
  return wrong === null ? { content, fault: null } : { content: null, fault: wrong };
}

/** Field by field: with the rest of a destructuring it takes three times as long. */
function subscriberOf(given: GivenSubscriber): Content {
  const { subscriberId, zone, accountId, externalId, segment, tags, overageConsent } = given;
  const content: SubscriberOfFile = { subscriberId, zone };
  if (accountId !== undefined) content.accountId = accountId;
  if (externalId !== undefined) content.externalId = externalId;
  if (segment !== undefined) content.segment = segment;
  if (tags !== undefined) content.tags = tags;
  if (overageConsent !== undefined) content.overageConsent = overageConsent;
  const { credentials, plan, planFrom, planTo } = given;
  if (credentials !== undefined)
    content.credentials = credentials.map(({ userName, from, to }) => ({
      userName,
      fromMs: from === undefined ? 0 : Date.parse(from),
      toMs: msOf(to),
    }));
  if (plan !== undefined && planFrom !== undefined)
    content.plan = { planId: plan, fromMs: Date.parse(planFrom), toMs: msOf(planTo) };
  return content;
}

function planFault({ plan, planFrom, planTo }: GivenSubscriber): string | null {
  if (plan === undefined)
    return planFrom === undefined && (planTo ?? null) === null
      ? null
      : 'the plan is missing, its time is there';
  return planFrom === undefined ? 'the plan has no time from which on it holds' : null;
}

function assignmentOf({ subscriberId, planId, from, to }: GivenAssignment): Content {
  return { subscriberId, planId, fromMs: Date.parse(from), toMs: msOf(to) };
}

function msOf(instantText: string | null | undefined): number | null {
  return instantText === null || instantText === undefined ? null : Date.parse(instantText);
}

function datesFault(content: Content): string | null {
  if ('planId' in content)
    return content.toMs !== null && content.toMs <= content.fromMs ? 'to is not after from' : null;
  const { plan } = content;
  if (plan !== undefined && plan.toMs !== null && plan.toMs <= plan.fromMs)
    return 'the end of the plan is not after its beginning';
  const { credentials = [] } = content;
  for (const [at, { userName, fromMs, toMs }] of credentials.entries()) {
    if (toMs !== null && toMs <= fromMs) return `credentials: to of ${userName} is not after from`;
    // A hundred at most.
    if (credentials.findIndex((one) => one.userName === userName) < at)
      return `credentials: ${userName} is there twice`;
  }
  return null;
}
