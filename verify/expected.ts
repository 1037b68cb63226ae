import type { Flag, Outcome } from '../schemas/outcome.ts';
import type { PoolContribution, PoolEffect } from '../schemas/pool.ts';
import type { OverageTerms } from '../schemas/profile.ts';
import { FLAGS, OUTCOMES } from '../schemas/outcome.ts';
import type { Amount } from './amount.ts';
import type { ExpectedAction, ExpectedShadow } from './actions.ts';
import type { BandedTotal } from './totals.ts';

/** Total of one window of (subscriber, service class, NAS). */
export interface ExpectedWindow extends Amount {
  /** offset + 1 of the last entry that changed it */
  version: number;
}

/** A session that ended, as analysts see it. */
export interface ExpectedSession extends Amount {
  endMs: number;
  cause: string;
  version: number;
}

/** Signed change of a cycle outside of its windows. */
export interface ExpectedAdjustment extends Amount {
  subscriberId: string;
  cycleStartMs: number;
  serviceClass: string;
  reason: 'late-usage' | 'operator' | 'replay';
  offset: number;
  /** of a replay: the letter's place in the log, `<partition>:<offset>`; else null */
  letter: string | null;
  /** the part of the cycle that it is about, by its start; null = it has none */
  partFromMs: number | null;
  /** of a cycle with parts: the octets were carried off-peak */
  offPeak: boolean;
}

/** A cycle that went to billing. */
export interface ExpectedClosing {
  subscriberId: string;
  cycleStartMs: number;
  cycleEndMs: number;
  classes: Map<string, Amount>;
  adjusted: Amount;
  offset: number;
  /** what it is to be billed by; null = slots of the layout do not tell */
  account: ClosedAccount | null;
}

/** What a cycle comes to besides its octets. */
export interface ClosedAccount {
  planId: string;
  parts: {
    fromMs: number;
    toMs: number;
    planId: string;
    /** 0 = nobody knows the plan */
    version: number;
    unlimited: boolean;
    counted: bigint;
    total: BandedTotal;
  }[];
  /** null = no cap */
  base: bigint | null;
  carryIn: bigint;
  carryOut: bigint;
  /** top-up -> what was used of it in this cycle */
  topUps: Map<string, bigint>;
  blocks: number;
  soldBytes: number;
  /** counted less what was free; below 0 = not all of it was used */
  over: bigint;
  corrected: bigint;
  /** by which blocks are sold to the line, null = by none */
  terms: OverageTerms | null;
}

/** What one partition's log means, besides the state of its subscribers. Text keys are JSON arrays. */
export interface Expected {
  /** [subscriber, window start, service class, NAS] */
  windows: Map<string, ExpectedWindow>;
  /** every version of the windows that changed since somebody began to watch, oldest first; null = nobody does */
  versions: Map<string, ExpectedWindow[]> | null;
  /** [offset, subscriber, from, to, service class, NAS] */
  late: Map<string, Amount>;
  /** [subscriber, NAS, session id, start]: the newest end of each session */
  sessionEnds: Map<string, ExpectedSession>;
  actions: ExpectedAction[];
  /** what policies in shadow would have done */
  shadows: ExpectedShadow[];
  adjustments: ExpectedAdjustment[];
  closings: ExpectedClosing[];
  /** by offset */
  deadLetters: Map<number, { reason: string; appendTimeMs: number }>;
  /** NAS events that this partition's records tell to all partitions: number of the control -> NAS */
  toldEvents: Map<number, string>;
  /** NAS events that came back: source and number of the control */
  receivedEvents: Set<string>;
  /** totals that members told their pools, by the partition's own entries */
  contributions: { contribution: PoolContribution; offset: number }[];
  /** those that came, as JSON */
  receivedContributions: Set<string>;
  /** what members of pools were to hear: JSON of pool and number -> JSON of content, and who */
  poolEffects: Map<string, string>;
  /** those that came */
  receivedEffects: { effect: PoolEffect; offset: number }[];
  outcomes: Record<Outcome, number>;
  flags: Record<Flag, number>;
  recordsIn: number;
}

export function nothingExpected(): Expected {
  return {
    windows: new Map(),
    versions: null,
    late: new Map(),
    sessionEnds: new Map(),
    actions: [],
    shadows: [],
    adjustments: [],
    closings: [],
    deadLetters: new Map(),
    toldEvents: new Map(),
    receivedEvents: new Set(),
    contributions: [],
    receivedContributions: new Set(),
    poolEffects: new Map(),
    receivedEffects: [],
    outcomes: Object.fromEntries(OUTCOMES.map((name) => [name, 0])) as Record<Outcome, number>,
    flags: Object.fromEntries(FLAGS.map((name) => [name, 0])) as Record<Flag, number>,
    recordsIn: 0,
  };
}
