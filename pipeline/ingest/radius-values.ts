/*
 * How FreeRADIUS 3 writes attribute values into JSON (tried with 3.2.1): integers as numbers, or as the dictionary's name
 * of the value; text with every octet from 0x80 on as one escape (\u00C3\u00BC for one ü); octets as 0x and hex; dates as
 * `Nov 14 2023 22:13:20 UTC` in the zone of the server.
 */

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** Longest text that decoding takes: `toUsageEvent`. UTF-16 units. */
const MAX_TEXT_LENGTH = 256;

/**
 * Undoes the escape of single octets: where all units are below 256 and, as octets, are UTF-8 with at least one
 * character beyond ASCII, that is the text. Everything else is text already.
 */
export function radiusText(text: string): string {
  if (!/[\u0080-\u00ff]/.test(text) || /[^\0-\u00ff]/.test(text)) return text;
  return decodeUtf8(Buffer.from(text, 'latin1')) ?? text;
}

/**
 * Octets as text where they are printable UTF-8, else as they were written (0x and hex digits, lower case). Null for
 * nothing at all, which a single NUL is too (RFC 4372 2.1), and for what would be longer than a record may hold.
 */
export function radiusOctets(text: string): string | null {
  if (!/^0x(?:[0-9a-f]{2})*$/i.test(text)) return text === '' ? null : radiusText(text);
  const octets = Buffer.from(text.slice(2), 'hex');
  if (octets.length === 0 || (octets.length === 1 && octets[0] === 0)) return null;
  const decoded = decodeUtf8(octets);
  if (decoded !== null && !/\p{C}/u.test(decoded)) return decoded;
  return text.length > MAX_TEXT_LENGTH ? null : text.toLowerCase();
}

/** A whole number, also as decimal digits (json_encode with always_string); null for anything else. */
export function radiusCount(value: unknown): number | null {
  const count = typeof value === 'string' && /^[0-9]{1,16}$/.test(value) ? Number(value) : value;
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : null;
}

/**
 * Time of an Event-Timestamp (RFC 2869 5.3), ms since 1970 UTC: seconds since 1970, `Nov 14 2023 22:13:20 UTC`, or ISO
 * 8601 with an offset. Null for anything else: names of other zones say several offsets (IST, CST), so they are not read.
 */
export function radiusDate(value: unknown): number | null {
  const seconds = radiusCount(value);
  if (seconds !== null) return seconds * 1000;
  if (typeof value !== 'string') return null;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(value)) {
    const parsed = Date.parse(value);
    return Number.isNaN(parsed) ? null : parsed;
  }
  const match = /^([A-Z][a-z]{2}) +(\d{1,2}) (\d{4}) (\d\d):(\d\d):(\d\d) UTC$/.exec(value);
  if (match === null) return null;
  const [day, year, hour, minute, second] = match.slice(2).map(Number) as [
    ...[number, number, number, number, number],
  ];
  const month = MONTHS.indexOf(match[1] ?? '');
  const ms = Date.UTC(year, month, day, hour, minute, second);
  // Date.UTC rolls over what no calendar has (Feb 30).
  const isReal = month >= 0 && new Date(ms).getUTCDate() === day && hour < 24 && minute < 60 && second < 61;
  return isReal ? ms : null;
}

function decodeUtf8(octets: Uint8Array): string | null {
  try {
    return utf8.decode(octets);
  } catch {
    // Not UTF-8: that is the answer, TextDecoder has no other way to say it.
    return null;
  }
}
