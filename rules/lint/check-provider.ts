import type { ProviderSettings } from '../../schemas/provider.ts';
import type { TopUpKind } from '../../schemas/tariff.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { isRealDate, isTime } from './calendar-values.ts';
import { BLOCK_BYTES, MAX_NAME, PRICE, SECONDS, SPEED, isCurrency } from './check-event.ts';
import { closest, shown } from './did-you-mean.ts';
import type { At } from './finding.ts';
import type { Report } from './report.ts';
import { FORBIDDEN_KEYS, checkWhole, isObject, onlyKeys } from './shape.ts';
import type { JsonObject, Whole } from './shape.ts';

const KEYS = [
  '$schema',
  'offPeak',
  'throttleProfiles',
  'redirectProfiles',
  'topUps',
  'neutrality',
] as const satisfies (keyof ProviderSettings | '$schema')[];
export const MOST_HOURS = 50;
export const MOST_DATES = 1000;
/** Names of one sort. */
export const MOST_PROFILES = 1000;

/** Checks a JSON value against the format of provider.json; what it leaves out is nothing. Bounded, never throws. */
export function checkProvider(value: unknown, report: Report): void {
  if (!isObject(value)) {
    report.add('P100', [], 'provider.json is a JSON object');
    return;
  }
  onlyKeys(value, KEYS, [], report);
  if (value['offPeak'] !== undefined) checkOffPeak(value['offPeak'], ['offPeak'], report);
  checkEntries(value, 'throttleProfiles', report, (profile, at) => {
    onlyKeys(profile, ['downBps', 'upBps'], at, report);
    for (const key of ['downBps', 'upBps']) checkWhole(profile, key, SPEED, at, report, { wrong: 'P601' });
  });
  checkEntries(value, 'topUps', report, (product, at) => checkProduct(product, at, report));
  checkRedirects(value['redirectProfiles'], report);
  if (value['neutrality'] !== undefined && typeof value['neutrality'] !== 'boolean')
    report.add('P601', ['neutrality'], 'neutrality is true or false');
}

/** A checked file without what is only for editors, and with what it leaves out. */
export function settingsOf(value: unknown): ProviderSettings {
  const { $schema: _editorHint, ...settings } = value as Partial<ProviderSettings> & { $schema?: string };
  const whole = { ...NO_PROVIDER_SETTINGS, ...settings };
  return { ...whole, offPeak: { ...NO_PROVIDER_SETTINGS.offPeak, ...whole.offPeak } };
}

function checkOffPeak(value: unknown, at: At, report: Report): void {
  if (!isObject(value)) {
    report.add('P601', at, 'offPeak is an object with hours and dates');
    return;
  }
  onlyKeys(value, ['hours', 'dates'], at, report);
  const hours = listOf(value, 'hours', MOST_HOURS, at, report);
  hours.forEach((entry, i) => checkHours(entry, [...at, 'hours', i], report));
  const seen = new Set<unknown>();
  listOf(value, 'dates', MOST_DATES, at, report).forEach((date, i) => {
    const place = [...at, 'dates', i];
    if (typeof date !== 'string' || !isRealDate(date))
      report.add('P604', place, `${shown(date)} is no date that exists: write YYYY-MM-DD`);
    else if (seen.has(date)) report.add('P604', place, `${date} is there twice`);
    seen.add(date);
  });
}

function listOf(value: JsonObject, key: string, most: number, at: At, report: Report): unknown[] {
  const list = value[key];
  if (Array.isArray(list) && list.length <= most) return list;
  if (list !== undefined) report.add('P601', [...at, key], `${key} is a list of at most ${most}`);
  return [];
}

function checkHours(entry: unknown, at: At, report: Report): void {
  if (!isObject(entry)) {
    report.add('P601', at, 'off-peak hours are an object with days, from and to');
    return;
  }
  onlyKeys(entry, ['days', 'from', 'to'], at, report);
  if (entry['days'] === undefined)
    report.add('P107', at, 'days is missing: a list of 1 = Monday to 7 = Sunday');
  const days = listOf(entry, 'days', 7, at, report);
  if (Array.isArray(entry['days']) && entry['days'].length === 0)
    report.add('P603', [...at, 'days'], 'at least one day is needed');
  days.forEach((day, i) => {
    if (!Number.isInteger(day) || Number(day) < 1 || Number(day) > 7)
      report.add('P603', [...at, 'days', i], `${shown(day)} is no day: 1 = Monday to 7 = Sunday`);
    else if (days.indexOf(day) < i)
      report.add('P603', [...at, 'days', i], `day ${shown(day)} is there twice`);
  });
  for (const key of ['from', 'to'] as const) {
    const time = entry[key];
    if (time === undefined) report.add('P107', at, `${key} is missing: a time HH:MM`);
    else if (typeof time !== 'string' || !isTime(time, key === 'to'))
      report.add(
        'P602',
        [...at, key],
        `${shown(time)} is no time of the form HH:MM${key === 'to' ? ', up to 24:00' : ''}`,
      );
  }
}

/** Checks an object of named entries, each an object. */
function checkEntries(
  value: JsonObject,
  key: string,
  report: Report,
  check: (entry: JsonObject, at: At) => void,
): void {
  const entries = value[key];
  if (entries === undefined) return;
  if (!isObject(entries) || Object.keys(entries).length > MOST_PROFILES) {
    report.add('P601', [key], `${key} is an object of at most ${MOST_PROFILES} names`);
    return;
  }
  for (const [name, entry] of Object.entries(entries)) {
    const at = [key, name];
    if (FORBIDDEN_KEYS.includes(name)) report.add('P006', at, `${name} may not be a key`, { onKey: true });
    else if (!isName(name))
      report.add('P108', at, `a name is a text of 1 to ${MAX_NAME} characters`, { onKey: true });
    if (isObject(entry)) check(entry, at);
    else report.add('P601', at, `an entry of ${key} is an object`);
  }
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && name.trim() !== '' && name.length <= MAX_NAME;
}

function checkRedirects(value: unknown, report: Report): void {
  if (value === undefined) return;
  if (!Array.isArray(value) || value.length > MOST_PROFILES) {
    report.add('P601', ['redirectProfiles'], `redirectProfiles is a list of at most ${MOST_PROFILES} names`);
    return;
  }
  value.forEach((name: unknown, i) => {
    const at = ['redirectProfiles', i];
    if (!isName(name)) report.add('P601', at, `a name is a text of 1 to ${MAX_NAME} characters`);
    else if (value.indexOf(name) < i) report.add('P601', at, `${shown(name)} is there twice`);
  });
}

/** A product of bytes, of a boost with its speeds, or of a time in which nothing counts: these have no bytes. */
function checkProduct(product: JsonObject, at: At, report: Report): void {
  const { kind = 'bytes' } = product;
  const speeds = kind === 'boost' ? ['downBps', 'upBps'] : [];
  onlyKeys(product, ['kind', 'bytes', ...speeds, 'priceMinor', 'currency', 'validSeconds'], at, report);
  if (!TOP_UP_KINDS.some((known) => known === kind))
    report.add('P601', [...at, 'kind'], `kind is one of ${TOP_UP_KINDS.join(', ')}, not ${shown(kind)}`);
  const bytes = kind === 'boost' || kind === 'unlimited' ? NO_BYTES : BLOCK_BYTES;
  checkWhole(product, 'bytes', bytes, at, report, { wrong: 'P601' });
  for (const key of speeds) checkWhole(product, key, SPEED, at, report, { wrong: 'P601' });
  checkWhole(product, 'priceMinor', PRICE, at, report, { wrong: 'P601' });
  if (product['validSeconds'] !== null)
    checkWhole(product, 'validSeconds', SECONDS, at, report, { wrong: 'P601' });
  checkCurrency(product['currency'], [...at, 'currency'], report);
}

const TOP_UP_KINDS = ['bytes', 'boost', 'unlimited'] as const satisfies TopUpKind[];
const NO_BYTES: Whole = { unit: 'bytes', min: 0, max: 0 };

function checkCurrency(currency: unknown, at: At, report: Report): void {
  if (isCurrency(currency) && CURRENCIES.has(currency)) return;
  const near =
    typeof currency === 'string' && isCurrency(currency.toUpperCase()) ? closest(currency, CURRENCIES) : null;
  const code = currency === undefined ? 'P107' : 'P605';
  report.add(
    code,
    currency === undefined ? at.slice(0, -1) : at,
    `currency must be a code of ISO 4217, such as EUR, not ${shown(currency)}`,
    {
      suggestion: near === null ? null : JSON.stringify(near),
    },
  );
}

/** Codes of ISO 4217 that the runtime knows. */
export const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));
