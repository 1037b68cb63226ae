import { AppError } from '../../schemas/errors.ts';

/** How a dispatcher works. All have defaults that fit CoA. */
export interface DispatchSettings {
  /** most actions of one claim */
  readonly claimBatch: number;
  /** most actions being sent at once; high, since the dead NAS of many must not keep the others waiting */
  readonly maxInFlight: number;
  /** how long a claim holds; longer than a send and its settling take */
  readonly leaseMs: number;
  /** an attempt that takes longer counts as unknown; longer than a CoA with all retransmissions (30 s) */
  readonly sendTimeoutMs: number;
  /** asks the ledger at least so often: pushes may be lost, retries and expired leases push nobody */
  readonly pollMs: number;
  /** attempts before an action is dead */
  readonly maxAttempts: number;
  /** attempts before an action without an answer rests as unknown */
  readonly unknownAttempts: number;
  /** wait after the first attempt without an answer; doubles */
  readonly unknownDelayMs: number;
  /** first wait before a retry; doubles up to longestBackoffMs, each with jitter */
  readonly firstBackoffMs: number;
  readonly longestBackoffMs: number;
}

export const DISPATCH_DEFAULTS: DispatchSettings = {
  claimBatch: 64,
  maxInFlight: 512,
  leaseMs: 60_000,
  sendTimeoutMs: 45_000,
  pollMs: 1_000,
  maxAttempts: 8,
  unknownAttempts: 3,
  unknownDelayMs: 15_000,
  firstBackoffMs: 1_000,
  longestBackoffMs: 60_000,
};

/** Defaults with what is given put over them. Throws AppError 'config-invalid' for settings that contradict each other. */
export function dispatchSettings(given: Partial<DispatchSettings> = {}): DispatchSettings {
  const settings = { ...DISPATCH_DEFAULTS, ...given };
  for (const [name, value] of Object.entries(settings)) {
    if (!Number.isInteger(value) || value < 1)
      throw new AppError('config-invalid', `dispatch ${name} must be a whole number above 0`);
  }
  if (settings.leaseMs <= settings.sendTimeoutMs)
    throw new AppError('config-invalid', 'dispatch leaseMs must be longer than sendTimeoutMs');
  return settings;
}
