import type { Speed } from '../schemas/action.ts';
import type { Appetite } from './profiles.ts';
import type { Random } from './random.ts';

const HOUR_MS = 3_600_000;

/** Relative demand by local hour, mean near 1. Residential lines peak in the evening, business ones in office hours. */
const SHAPES = {
  residential: [
    0.5, 0.3, 0.2, 0.2, 0.2, 0.3, 0.5, 0.7, 0.8, 0.8, 0.8, 0.9, 1.0, 1.0, 1.0, 1.1, 1.2, 1.5, 1.9, 2.3, 2.5,
    2.3, 1.7, 1.0,
  ],
  business: [
    0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.5, 1.2, 2.2, 2.6, 2.6, 2.4, 1.8, 2.2, 2.4, 2.3, 1.9, 1.2, 0.6, 0.3, 0.2,
    0.2, 0.1, 0.1,
  ],
} as const;

/** Mean demand in bit/s, whatever the line: about 2, 13 and 130 GB a day. A starter wants more than the line gives. */
const MEAN_BPS = { light: 200_000, ordinary: 1_200_000, heavy: 12_000_000 } as const;

/** Factor of the hour for a segment's day; `utcOffsetHours` whole hours. */
export function dayFactor(segment: string, utcOffsetHours: number, atMs: number): number {
  const shape = segment === 'business' ? SHAPES.business : SHAPES.residential;
  const hour = (((Math.floor(atMs / HOUR_MS) + utcOffsetHours) % 24) + 24) % 24;
  return shape[hour] ?? 1;
}

/** What a device would carry until its next interim if nothing limited it, in bit/s. Two draws. */
export function drawDemand(random: Random, appetite: Appetite, line: Speed, factor: number): Speed {
  // Log-uniform bursts over a factor of 16: most intervals are quiet, some are busy.
  const burst = 2 ** (random.next() * 4 - 2.4);
  const upShare = 0.05 + random.next() * 0.15;
  if (appetite === 'starter') return { downBps: line.downBps * 4, upBps: line.upBps * 0.05 };
  const downBps = MEAN_BPS[appetite] * factor * burst;
  return { downBps, upBps: downBps * upShare };
}

/** Whole octets that a demand carries in `ms` under a limit: never more than limit x time. */
export function carriedBytes(demandBps: number, limitBps: number, ms: number): number {
  return Math.floor((Math.min(demandBps, limitBps) * ms) / 8_000);
}
