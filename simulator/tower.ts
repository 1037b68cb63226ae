import { simulatedNas, type SimNas } from './profiles.ts';
import type { Random } from './random.ts';
import type { SimSession } from './session.ts';

/** A NAS in the model with what it serves. */
export interface Tower {
  readonly nas: SimNas;
  /** open sessions by Acct-Session-Id */
  readonly sessions: Map<string, SimSession>;
  /** session ids given so far */
  ids: number;
  /** out of service before this, ms since 1970 UTC */
  downUntilMs: number;
}

/** NAS number `index` without sessions. */
export function tower(index: number): Tower {
  return { nas: simulatedNas(index), sessions: new Map(), ids: 0, downUntilMs: 0 };
}

/** Below this distance of two starts the which-session rule could not tell a reused id from the same session. */
const MIN_REUSE_MS = 300_000;

/**
 * Id of a device's next session: a new one, or the one of its last session where `reuses` and nothing of that session
 * is still under way (which of the two a late copy meant would be anybody's guess, and there would be no truth).
 */
export function nextSessionId(
  at: Tower,
  generation: number,
  last: SimSession | null,
  reuses: boolean,
  atMs: number,
): string {
  at.ids += 1;
  if (reuses && last !== null && last.nas === at.nas) {
    const over = atMs > last.lastArrivalMs && atMs - last.truth.startMs > MIN_REUSE_MS;
    if (over) return last.truth.sessionId;
  }
  return `${generation.toString(16).padStart(2, '0')}${at.ids.toString(16).padStart(6, '0')}`;
}

/** Why an ordinary session ends (RFC 2866 5.10, by name). */
export function drawCause(random: Random): string {
  return random.weighted([
    ['User-Request', 50],
    ['Lost-Carrier', 20],
    ['Session-Timeout', 15],
    ['Idle-Timeout', 10],
    ['Port-Error', 5],
  ]);
}
