import { isIP } from 'node:net';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { isZone } from '../../rules/cycle.ts';
import { exponentOf } from '../../rules/tariff/currencies.ts';
import { cronTimes } from '../schedule/cron.ts';
import { isJobName, JOB_CRONS } from '../schedule/job-table.ts';
import type { JobTimes } from '../schedule/job-table.ts';
import { Secret, secretUrl } from './secret.ts';

/** How the text of one environment variable becomes a value. Issues complete the sentence "NAME must be ...". */
export type Form<T> = z.ZodType<T, string>;

/**
 * A form in one sentence.
 *
 * @param what completes "must be ..."; it says what to write, never what was written (it may be a secret)
 * @param parse null = not of this form
 */
function form<T>(what: string, parse: (text: string) => T | null): Form<T> {
  return z.string().transform((text, context): T => {
    const value = parse(text.trim());
    if (value !== null) return value;
    context.addIssue({ code: 'custom', message: what });
    return z.NEVER;
  });
}

/** 1, true, on, yes or 0, false, off, no; any case. */
export const flag: Form<boolean> = form('on or off (1 and 0, true and false do too)', (text) => {
  const word = text.toLowerCase();
  if (['1', 'true', 'on', 'yes'].includes(word)) return true;
  return ['0', 'false', 'off', 'no'].includes(word) ? false : null;
});

/** A whole decimal number in [min, max], at most 2^53 - 1. */
export function whole(min: number, max: number): Form<number> {
  return form(`a whole number from ${min} to ${max}`, (text) => {
    const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
    return value >= min && value <= max ? value : null;
  });
}

/** A decimal number in [min, max]. */
export function decimal(min: number, max: number): Form<number> {
  return form(`a number from ${min} to ${max}`, (text) => {
    const value = /^[0-9]{1,9}(\.[0-9]{1,6})?$/.test(text) ? Number(text) : NaN;
    return value >= min && value <= max ? value : null;
  });
}

/** Seconds, decimals allowed -> ms. */
export function seconds(min: number, max: number): Form<number> {
  return form(`a number of seconds from ${min} to ${max}`, (text) => {
    const value = /^[0-9]{1,9}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : NaN;
    return value >= min && value <= max ? Math.round(value * 1000) : null;
  });
}

/** A TCP port; 0 = any free one. */
export const port: Form<number> = form('a port from 0 (any free one) to 65535', (text) =>
  /^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : null,
);

/** A name or address to bind to, without port. */
export const host: Form<string> = form('a host name or an address, without port', (text) =>
  isIP(text) !== 0 || /^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?$/.test(text) ? text : null,
);

/** One of a closed list. */
export function oneOf<T extends string>(words: readonly T[]): Form<T> {
  return form(`one of ${words.join(', ')}`, (text) => words.find((word) => word === text) ?? null);
}

/** Some of a closed list, comma between; in the list's order, each once. */
export function someOf<T extends string>(words: readonly T[]): Form<readonly T[]> {
  return form(`some of ${words.join(', ')}, with commas between`, (text) => {
    const given = list(text);
    const known = given.length > 0 && given.every((item) => words.some((word) => word === item));
    return known ? words.filter((word) => given.includes(word)) : null;
  });
}

/** host:port pairs, comma between. */
export const hostPorts: Form<readonly string[]> = form('host:port, with commas between several', (text) => {
  const items = list(text);
  const good = (item: string): boolean => {
    const match = /^(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?):([0-9]{1,5})$/.exec(item);
    const number = Number(match?.[3]);
    return number >= 1 && number <= 65_535;
  };
  return items.length > 0 && items.every(good) ? items : null;
});

/** Addresses or networks (CIDR) of proxies, comma between. */
export const networks: Form<readonly string[]> = form(
  'addresses or networks such as 10.0.0.0/8, with commas between several',
  (text) => {
    const items = list(text);
    return items.length > 0 && items.every(isNetwork) ? items : null;
  },
);

function isNetwork(item: string): boolean {
  const [address = '', bits, ...rest] = item.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  // A prefix of 0 would trust everybody: that is no list of proxies.
  return bits === undefined || (/^[1-9][0-9]{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** A URL of one of the schemes, with a host; held as a secret since it may carry credentials. */
export function url(...schemes: string[]): Form<Secret> {
  const shapes = schemes.map((scheme) => `${scheme}://`).join(' or ');
  return form(`a URL that begins with ${shapes} and names a host`, (text) => {
    if (!URL.canParse(text)) return null;
    const { protocol, hostname } = new URL(text);
    return schemes.includes(protocol.slice(0, -1)) && hostname !== '' ? secretUrl(text) : null;
  });
}

/** Any text, held as a secret. Line breaks at its end go: files that secrets are mounted from have them. */
export const secret: Form<Secret> = z
  .string()
  .transform((value) => new Secret(value.replace(/[\r\n]+$/, '')));

/** 32 bytes as 64 hex digits or as base64 -> secret of 64 lower-case hex digits. */
export const key256: Form<Secret> = form(
  '32 random bytes as 64 hex digits or as base64 (openssl rand -hex 32 makes one)',
  (text) => {
    if (/^[0-9a-fA-F]{64}$/.test(text)) return new Secret(text.toLowerCase());
    const isBase64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(text);
    return isBase64 ? new Secret(Buffer.from(text, 'base64').toString('hex')) : null;
  },
);

/** Kafka's legal names of topics and groups. */
export const kafkaName: Form<string> = form(
  '1 to 249 letters, digits, dots, underscores or hyphens (and not . or ..)',
  (text) => (/^[a-zA-Z0-9._-]{1,249}$/.test(text) && text !== '.' && text !== '..' ? text : null),
);

/** A currency of ISO 4217 that is in use. */
export const currency: Form<string> = form('a currency such as EUR', (text) =>
  exponentOf(text) === null ? null : text,
);

/** An IANA time zone that this Node knows. */
export const zone: Form<string> = form('an IANA time zone such as Europe/Berlin', (text) => {
  if (!/^[A-Za-z]/.test(text) || !isZone(text)) return null;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    return null; // RangeError: the only way Intl has to say that it does not know the zone
  }
});

/** A path of a file or folder, relative to the working folder. */
export const path: Form<string> = form('a path', (text) =>
  text === '' || text.includes('\0') ? null : text,
);

/** A folder: a path, or a file: URL without host. */
export const folder: Form<string> = form(
  'a path of a folder, or a URL such as file:///srv/snapshots',
  (text) => {
    if (text === '' || text.includes('\0')) return null;
    if (!/^[a-z][a-z0-9+.-]+:/i.test(text)) return text;
    // Of its two slashes the host is missing: file:/srv and file://srv/x are slips, or another machine's.
    return /^file:\/\/\/./i.test(text) && URL.canParse(text) ? decodedPath(new URL(text)) : null;
  },
);

function decodedPath(url: URL): string | null {
  try {
    return url.search === '' && url.hash === '' ? fileURLToPath(url) : null;
  } catch {
    return null; // TypeError: an escaped slash is no part of a path
  }
}

/** Times of jobs that differ from the usual: name=cron, semicolon between. */
export const jobTimes: Form<JobTimes> = form(
  `times of jobs such as retention=0 4 * * *;open-cycles=*/2 * * * * (five fields, in UTC; the jobs are ${Object.keys(JOB_CRONS).join(', ')})`,
  (text) => {
    const times = text
      .split(';')
      .map((item) => item.trim())
      .filter((item) => item !== '')
      .map((item) => /^([a-z-]+) *= *(.+)$/.exec(item));
    const given = times.map((match) => ({ name: match?.[1] ?? '', cron: match?.[2] ?? '' }));
    const known = given.every(({ name, cron }) => isJobName(name) && cronTimes(cron) !== null);
    if (!known || given.length === 0 || new Set(given.map(({ name }) => name)).size < given.length)
      return null;
    return Object.fromEntries(given.map(({ name, cron }) => [name, cron]));
  },
);

/** Any text without line breaks. */
export const text: Form<string> = form('text on one line', (value) =>
  value !== '' && !/[\r\n\0]/.test(value) ? value : null,
);

function list(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
