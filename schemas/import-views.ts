/* Imports as the API shows them; instants are ISO 8601, UTC. */

export interface ImportView {
  importId: string;
  kind: 'subscribers' | 'assignments';
  state: 'checking' | 'refused' | 'applying' | 'done' | 'stopped' | 'expired';
  dryRun: boolean;
  /** null = the file was not read to its end */
  records: number | null;
  applied: number;
  by: string;
  /** why it stopped, or what it waits for; null = nothing is to be said */
  reason: string | null;
  /** in the answer to a file that is the last one of its kind again: nothing was applied by sending it */
  known: boolean;
  created: string;
  /** when something of it went on last */
  moved: string;
  ended: string | null;
}

/** The last first; `next` is what the next page begins after, null = there is no more. */
export interface ImportsView {
  items: ImportView[];
  next: string | null;
}

/** In the order of the file; `next` is the record that the next page begins after, null = there is no more. */
export interface ImportFaultsView {
  items: { record: number; fault: string }[];
  next: string | null;
}
