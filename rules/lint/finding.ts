export type Severity = 'error' | 'warning';

/** One thing that is wrong or doubtful in a file. Lines and columns count from 1, columns in UTF-16 units. */
export interface LintFinding {
  /** stable, of FINDING_CODES */
  code: FindingCode;
  severity: Severity;
  message: string;
  /** name as it was given */
  file: string;
  line: number;
  column: number;
  endLine: number;
  /** first column after it */
  endColumn: number;
  /** JSON path, `$` = the file as a whole */
  path: string;
  /** what to write instead, as JSON source; null where nobody can know */
  suggestion: string | null;
}

/** All findings of one text or folder: at most 100, errors before warnings, then in the order of the text. */
export interface LintResult {
  findings: LintFinding[];
  /** found but not listed */
  more: number;
  errors: number;
  warnings: number;
}

/** Every finding there is: the table that docs/facts.md shows. Codes are never reused. */
export const FINDING_CODES = {
  P001: ['error', 'too-large', 'The file is larger than 256 KiB'],
  P002: ['error', 'not-utf8', 'The file is not UTF-8'],
  P003: [
    'warning',
    'byte-order-mark',
    'The file begins with a byte order mark, which other tools may refuse',
  ],
  P004: ['error', 'syntax', 'The text is not JSON (no comments, no trailing commas)'],
  P005: ['error', 'duplicate-key', 'An object has one key twice: only the last would count'],
  P006: ['error', 'forbidden-key', 'A key that JavaScript treats specially'],
  P007: ['error', 'too-deep', 'Objects and lists are nested too deep'],
  P008: ['error', 'number-range', 'A number that cannot be kept exactly (beyond 9007199254740991)'],
  P009: [
    'error',
    'took-too-long',
    'Checking took too long or too much memory, so nothing is known of the file',
  ],
  P010: ['error', 'cannot-compile', 'The policy cannot be compiled'],
  P100: ['error', 'wrong-shape', 'A value is of another type than the format has there'],
  P101: ['error', 'unknown-fact', 'No fact has this name'],
  P102: ['error', 'unknown-operator', 'No operator or decorator has this name'],
  P103: ['error', 'unknown-key', 'The format has no such key there'],
  P104: ['error', 'unknown-event', 'No event type has this name'],
  P105: ['error', 'unknown-mode', 'No mode has this name'],
  P106: ['error', 'unknown-subject', 'The subject is neither subscriber nor pool'],
  P107: ['error', 'missing-key', 'A key that the format requires is missing'],
  P108: ['error', 'bad-name', 'An id or name is not of the allowed form'],
  P109: ['error', 'duplicate-rule', 'Two rules of a policy have one name'],
  P110: ['error', 'bad-priority', 'A priority is not a whole number from 1 on'],
  P111: ['error', 'bad-percent', 'Mode percent needs percent, a number from 0 to 100'],
  P112: ['warning', 'percent-ignored', 'percent counts in mode percent only'],
  P113: ['error', 'too-many', 'More rules, conditions or names than a policy may have'],
  P201: ['error', 'wrong-value', 'A value is of another type than the fact'],
  P202: ['error', 'wrong-unit', 'A text with a unit, or a number in quotes, where a plain number is meant'],
  P203: ['error', 'in-text', 'in and notIn with a text look for a part of it, not for one of several names'],
  P204: ['error', 'empty-group', 'all or any without conditions always holds'],
  P205: ['error', 'unsafe-path', 'A path is neither $.<class>.<name> nor a quoted class in brackets'],
  P206: ['error', 'path-misplaced', 'Only byClass takes a path, and it needs one'],
  P207: ['error', 'facts-differ', 'Two facts of different types or units are compared'],
  P208: ['error', 'unknown-condition', 'No condition of the policy has this name'],
  P209: ['error', 'circular-condition', 'A named condition refers to itself, directly or through others'],
  P210: ['warning', 'unused-condition', 'No rule refers to a named condition'],
  P211: ['error', 'operator-misfit', 'An operator does not work on facts of this type'],
  P212: ['warning', 'negated-null', 'A negation holds for subscribers who have no value at all'],
  P213: ['warning', 'null-as-zero', 'A missing value on the right side of a comparison counts as 0'],
  P214: ['warning', 'constant-condition', 'A condition is the same for every subscriber'],
  P215: ['warning', 'doubtful-unit', 'A number is so small that another unit may be meant'],
  P216: ['error', 'not-of-a-pool', 'A policy for pools asks about a fact of single subscribers'],
  P217: ['error', 'unknown-value', 'The fact never has this value'],
  P301: ['error', 'never-holds', 'No subscriber can ever meet the conditions of a rule'],
  P302: ['warning', 'always-holds', 'Every subscriber meets the conditions of a rule at all times'],
  P303: ['warning', 'subsumed', 'A rule holds only when another one with the same effect holds as well'],
  P304: [
    'warning',
    'throttles-disagree',
    'Two throttles of one priority can hold together with different speeds',
  ],
  P305: ['warning', 'too-complex', 'The conditions are too many to tell whether they can hold'],
  P401: ['error', 'bad-parameter', 'A parameter of an event has a value that it cannot have'],
  P402: ['error', 'speeds-and-profile', 'A throttle has either downBps and upBps, or profile'],
  P403: ['warning', 'hold-ignored', 'minHoldSeconds counts with "until": "while" only'],
  P404: ['error', 'top-up-unlimited', 'A top-up without maxPerCycle could be bought without end'],
  P405: ['error', 'unknown-throttle-profile', 'provider.json has no throttle profile of this name'],
  P406: ['error', 'unknown-redirect-profile', 'provider.json has no redirect profile of this name'],
  P407: ['error', 'unknown-product', 'provider.json has no top-up of this name'],
  P408: ['warning', 'faster-than-plan', 'A throttle is not slower than the plan'],
  P409: ['error', 'overage-currency', "Overage in another currency than the plan's"],
  P410: [
    'warning',
    'overage-without-terms',
    'Neither the plan nor the policy says what a block is and costs',
  ],
  P411: ['error', 'pool-top-up', 'A policy for pools buys top-ups, which only subscribers have'],
  P501: ['error', 'duplicate-id', 'Two files have one policy id'],
  P502: [
    'error',
    'two-overage-sources',
    'Two policies, or two rules of one, can sell overage to one subscriber',
  ],
  P503: ['warning', 'unknown-plan', 'No plan has this name'],
  P504: [
    'error',
    'neutrality-factor',
    'A plan counts service classes differently, which net neutrality forbids',
  ],
  P505: [
    'error',
    'neutrality-condition',
    'A rule treats service classes differently, which net neutrality forbids',
  ],
  P506: [
    'warning',
    'overlapping-throttles',
    'Throttles of two policies, of one priority, can hold together with different speeds',
  ],
  P601: ['error', 'bad-setting', 'A setting of the provider has a value that it cannot have'],
  P602: ['error', 'bad-time', 'Not a time of the form HH:MM'],
  P603: ['error', 'bad-day', 'Not a day of the week, 1 = Monday to 7 = Sunday'],
  P604: ['error', 'bad-date', 'Not a date that exists, of the form YYYY-MM-DD'],
  P605: ['error', 'bad-currency', 'Not a currency code of ISO 4217'],
} as const satisfies Record<`P${number}`, readonly [Severity, string, string]>;

export type FindingCode = keyof typeof FINDING_CODES;

/** Keys and indexes from the root of a JSON value. */
export type At = readonly (string | number)[];

/** A finding before its place in the text is known. */
export interface RawFinding {
  code: FindingCode;
  at: At;
  /** it is about the key, not about its value */
  onKey: boolean;
  message: string;
  suggestion: string | null;
}

/** JSON path of a place, as people write it: `$.rules[0].name`. */
export function pathText(at: At): string {
  return at.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return /^[A-Za-z_$][\w$]*$/.test(part)
      ? `${text}.${part}`
      : `${text}[${JSON.stringify(part).slice(0, 80)}]`;
  }, '$');
}
