/* Imports as the API shows them; instants are ISO 8601, UTC. */

export interface ImportView {
  importId: string;
  kind: 'subscribers' | 'assignments';
  state: 'checking' | 'refused' | 'applying' | 'done' | 'stopped';
  dryRun: boolean;
  /** null = the file was not read to its end */
  records: number | null;
  applied: number;
  by: string;
  created: string;
  ended: string | null;
}

/** The last first. */
export interface ImportsView {
  items: ImportView[];
}

/** In the order of the file; `next` is the record that the next page begins after, null = there is no more. */
export interface ImportFaultsView {
  items: { record: number; fault: string }[];
  next: string | null;
}
