import type { SpreadPart } from '../window/spread.ts';
import { sharesOf } from '../window/parts.ts';
import type { CycleTotal, SlotState } from './slot-state.ts';
import { TARIFF_VERSION } from './tariff-state.ts';

/** What of late usage becomes one adjustment. */
export interface Beyond {
  serviceClass: string;
  down: number;
  up: number;
  /** null = the cycle has no parts */
  partFromMs: number | null;
  offPeak: boolean;
}

/** What a piece of usage of a closed cycle is told as: by its parts and time of day, since either may count otherwise. */
export function adjustmentsOf(state: SlotState, { parts }: CycleTotal, piece: SpreadPart): Beyond[] {
  const { serviceClass, down, up, fromMs, toMs } = piece;
  const offPeak = state.blobVersion >= TARIFF_VERSION && piece.offPeak;
  if (parts.length === 0) return [{ serviceClass, down, up, partFromMs: null, offPeak }];
  return sharesOf(parts, fromMs, toMs, { down, up })
    .filter((share) => share.down + share.up > 0)
    .map((share) => ({
      ...{ serviceClass, down: share.down, up: share.up },
      ...{ partFromMs: share.part.fromMs, offPeak },
    }));
}

/** Pieces behind one another of one part and time of day are told as one. */
export function joinAdjustments(told: Beyond[], more: readonly Beyond[]): void {
  for (const next of more) {
    const last = told.at(-1);
    if (last !== undefined && last.partFromMs === next.partFromMs && last.offPeak === next.offPeak) {
      last.down += next.down;
      last.up += next.up;
    } else told.push(next);
  }
}
