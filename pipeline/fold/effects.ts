import type { ActionIntent } from '../../schemas/action.ts';
import type { DeadLetterReason } from '../../schemas/outcome.ts';
import type { Subscriber, WindowTotal } from './slot-state.ts';

/** A record that no metering could be done of; the owner puts it aside before the commit. */
export interface DeadInput {
  offset: number;
  appendTimeMs: number;
  reason: DeadLetterReason;
  detail: string;
  key: Uint8Array | null;
  value: Uint8Array | null;
}

/** Bytes of one record that are older than allowed lateness; stored once, flushed, forgotten. */
export interface LatePart {
  kind: 'late';
  offset: number;
  subscriberId: string;
  fromMs: number;
  toMs: number;
  serviceClass: string;
  nasId: string;
  planId: string;
  down: number;
  up: number;
}

/** A session that ended, with its totals as of `version` (offset + 1). */
export interface SessionEnd {
  kind: 'session';
  subscriberId: string;
  nasId: string;
  sessionId: string;
  service: string;
  startMs: number;
  endMs: number;
  down: number;
  up: number;
  cause: string;
  version: number;
}

/** Rows that are written once: late parts and ended sessions. */
export type OneShotRow = LatePart | SessionEnd;

/** What folding one batch changed: everything that its commit has to write. */
export interface BatchEffects {
  /** subscribers whose hot value changed, in order of first change */
  hot: Set<Subscriber>;
  /** subscribers whose cold value changed too */
  cold: Set<Subscriber>;
  windows: Set<WindowTotal>;
  /** key = offset and running number within it */
  oneShots: { key: string; row: OneShotRow }[];
  intents: { n: number; intent: ActionIntent }[];
  due: Map<string, number | null>;
  /** catalogue fields that changed: `plan:<id>`, `policy:<id>`, `nas:<id>` */
  catalogue: Set<string>;
  dead: DeadInput[];
}

export function noEffects(): BatchEffects {
  return {
    hot: new Set(),
    cold: new Set(),
    windows: new Set(),
    oneShots: [],
    intents: [],
    due: new Map(),
    catalogue: new Set(),
    dead: [],
  };
}
