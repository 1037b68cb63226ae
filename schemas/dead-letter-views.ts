import type { DeadLetterReason } from './outcome.ts';

/** A record that could not be metered, as the network team sees it. Times are ISO 8601 UTC. */
export interface DeadLetterView {
  /** `<partition>:<offset>` */
  id: string;
  /** when the log took it */
  appendedAt: string;
  reason: DeadLetterReason;
  /** what exactly was wrong then */
  detail: string;
  nasId: string | null;
  /** when its replay was asked for; null = never */
  replayedAt: string | null;
  /** what could be read of it: field -> text, null = absent; null = nothing */
  record: Record<string, string | null> | null;
  /** what is wrong with it by today's schemas and rules; empty = it decodes */
  problem: string;
}

/** One page of letters, the newest first. */
export interface DeadLetterListView {
  letters: DeadLetterView[];
  /** ask for what is before this; null = that was all */
  next: string | null;
}

/** A letter with its bytes. */
export interface DeadLetterDetailView extends DeadLetterView {
  topic: string;
  /** hex; null = there was none */
  key: string | null;
  /** hex of the first bytes; null = there was none */
  value: string | null;
  /** bytes that are kept of the value; hex of more than is shown is not given */
  valueBytes: number;
}

/** Letters by reason. */
export interface DeadLetterSummaryView {
  reasons: { reason: DeadLetterReason; letters: number }[];
}

/** What became of a replay. */
export interface DeadLetterReplayView {
  /** letters whose records go to the meter; in a dry run those that would */
  replayed: number;
  ids: string[];
  refused: { id: string; why: string }[];
  /** the selection goes on before this letter: ask again; null = it was looked at to its end */
  next: string | null;
  dryRun: boolean;
}
