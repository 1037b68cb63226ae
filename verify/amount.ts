/** Octets by direction, of any size. Signed where corrections are meant. */
export interface Amount {
  down: bigint;
  up: bigint;
}

export const DIRECTIONS = ['down', 'up'] as const;

export function nothing(): Amount {
  return { down: 0n, up: 0n };
}

export function isNothing({ down, up }: Amount): boolean {
  return down === 0n && up === 0n;
}

export function plus(a: Amount, b: Amount): Amount {
  return { down: a.down + b.down, up: a.up + b.up };
}

export function minus(a: Amount, b: Amount): Amount {
  return { down: a.down - b.down, up: a.up - b.up };
}

/** How much `to` exceeds `from`, by direction; 0 where it does not. */
export function rise(from: Amount, to: Amount): Amount {
  return {
    down: to.down > from.down ? to.down - from.down : 0n,
    up: to.up > from.up ? to.up - from.up : 0n,
  };
}

/** The greater of two, by direction. */
export function greatest(a: Amount, b: Amount): Amount {
  return { down: a.down > b.down ? a.down : b.down, up: a.up > b.up ? a.up : b.up };
}

/** Adds to the sum that a map keeps under a key. */
export function addTo<K>(sums: Map<K, Amount>, key: K, amount: Amount): void {
  sums.set(key, plus(sums.get(key) ?? nothing(), amount));
}
