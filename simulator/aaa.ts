import type { Speed } from '../schemas/action.ts';

/**
 * The provider's AAA as far as speeds go: the last limit set per user, which every later login gets, as it would from
 * the tables of a RADIUS server. Without it a throttled subscriber would be fast again after a reconnect.
 */
export class Aaa {
  readonly #limits = new Map<string, Speed>();

  /** Remembers a limit; the plan's own speed means none. */
  set(userName: string, speed: Speed, planSpeed: Speed): void {
    if (speed.downBps === planSpeed.downBps && speed.upBps === planSpeed.upBps) this.#limits.delete(userName);
    else this.#limits.set(userName, { downBps: speed.downBps, upBps: speed.upBps });
  }

  /** The limit, or undefined where the plan's speed holds. */
  limit(userName: string): Speed | undefined {
    return this.#limits.get(userName);
  }

  /** All limits, for the state file. */
  entries(): [string, Speed][] {
    return [...this.#limits];
  }

  /** Puts back what entries() gave. */
  restore(entries: readonly (readonly [string, Speed])[]): void {
    for (const [userName, speed] of entries) this.#limits.set(userName, speed);
  }
}
