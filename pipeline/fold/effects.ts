import type { OutboxRecord } from '../../schemas/outbox.ts';
import type { DeadLetterReason } from '../../schemas/outcome.ts';
import type { FeedQualityRow } from '../../storage/analytics-ports.ts';
import type { NasFeed } from '../feed/nas-feed.ts';
import type { Subscriber, WindowTotal } from './slot-state.ts';

/** A record that no metering could be done of; its letter leaves through the outbox. */
export interface DeadInput {
  offset: number;
  appendTimeMs: number;
  reason: DeadLetterReason;
  detail: string;
  key: Uint8Array | null;
  value: Uint8Array | null;
  /** null where it could not be read */
  nasId: string | null;
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

/** What a NAS's feed was like in an hour that is over. */
export interface FeedHour {
  kind: 'feed';
  row: FeedQualityRow;
}

/** Rows that are written once: late parts, ended sessions, hours of feeds that are over. */
export type OneShotRow = LatePart | SessionEnd | FeedHour;

/** What folding one batch changed: everything that its commit has to write. */
export interface BatchEffects {
  /** subscribers whose hot value changed, in order of first change */
  hot: Set<Subscriber>;
  /** subscribers whose cold value changed too */
  cold: Set<Subscriber>;
  windows: Set<WindowTotal>;
  /** subscribers that may hold more window rows in memory than the next record needs */
  crowded: Set<Subscriber>;
  /** key = offset and running number within it */
  oneShots: { key: string; row: OneShotRow }[];
  /** what is to be delivered, in order; dead letters are beside, as their bytes are the owner's to add */
  outbox: OutboxRecord[];
  due: Map<string, number | null>;
  /** catalogue fields that changed: `plan:<id>`, `policy:<id>`, `candidate:<id>`, `provider`, `nas:<id>`, `feed-profile:<id>`, `pool:<id>`, `nas-events`, `pool-sweep` */
  catalogue: Set<string>;
  /** feeds of NAS that were heard */
  feeds: Set<NasFeed>;
  dead: DeadInput[];
  /** subscribers looked at by draining and sweeping: bounds what one commit holds */
  drained: number;
  /** something stored held an input of this batch already: a commit was torn */
  sawAhead: boolean;
}

export function noEffects(): BatchEffects {
  return {
    hot: new Set(),
    cold: new Set(),
    windows: new Set(),
    crowded: new Set(),
    oneShots: [],
    outbox: [],
    due: new Map(),
    catalogue: new Set(),
    feeds: new Set(),
    dead: [],
    drained: 0,
    sawAhead: false,
  };
}
