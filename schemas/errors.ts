/** The closed list of operating errors. Adapters translate their driver's errors to these once; nobody matches messages. */
export const ERROR_CODES = [
  'config-invalid',
  'data-folder-in-use',
  'port-in-use',
  'unreachable',
  'timeout',
  'store-rejected',
  'store-unknown-outcome',
  'store-unsafe',
  'store-corrupt',
  'state-version-unknown',
  'position-out-of-range',
  'partition-count-changed',
  'append-time-missing',
  'tail-lost',
  'registry-unavailable',
  'schema-unknown',
  'log-append-failed',
  'analytics-failed',
  'snapshot-failed',
  'migration-failed',
  'conflict',
  'not-found',
  /** what the caller knows of a resource is not what it is now */
  'precondition-failed',
  /** a key of a request that was made with another content */
  'idempotency-mismatch',
  'invalid-input',
  'unauthorised',
  'forbidden',
  'stopped',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * An operating error: something outside went wrong.
 * `retriable` says whether the same call may succeed later without anybody changing anything.
 * The message is one line that says what to do; it never holds a secret.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly retriable: boolean;

  constructor(code: ErrorCode, message: string, options: { retriable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.retriable = options.retriable ?? false;
  }
}

/** True for an AppError of one of the codes (of any code if none is given). */
export function isAppError(error: unknown, ...codes: ErrorCode[]): error is AppError {
  return error instanceof AppError && (codes.length === 0 || codes.includes(error.code));
}
