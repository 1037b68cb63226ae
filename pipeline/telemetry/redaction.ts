/** Fields of log objects that are never written, at the top and one level down. */
const SECRET_FIELDS = ['password', 'secret', 'key', 'apiKey', 'token', 'authorization', 'cookie'];

/** Paths for pino's redact. */
export const REDACTED_PATHS: readonly string[] = [
  ...SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]),
  '*.headers.authorization',
];

/** Credentials in a URL: `scheme://user:password@`. */
const URL_CREDENTIALS = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"'\\]+@/gi;
/** An API key: 256 bits in base64url or hex after the prefix. */
const API_KEY = /\bweir_[A-Za-z0-9_-]{40,}/g;

/** The line without credentials in URLs and without API keys: a driver's message may hold what no field name tells. */
export function scrub(line: string): string {
  return line.replace(URL_CREDENTIALS, '$1[redacted]@').replace(API_KEY, 'weir_[redacted]');
}
