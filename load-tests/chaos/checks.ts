/** What must hold after a run, in the order of a report. */
export const CHECKS = [
  'every fault was injected',
  'weir verify is clean',
  'windows in ClickHouse are what the log says',
  'late rows in ClickHouse are what the log says',
  'analysts see the sum of both',
  'cycles in the slots are what the log says',
  'every record has its one outcome',
  'the ledger has every action once',
  'every action ended as delivered or superseded',
  'every action was once in effect at the NAS',
  'the NAS understood every request',
  'every change of the directory is in the slots',
  'the slots have every profile and pool as it is stored',
  'every top-up was charged once',
  'every lost tail raised its alarm',
  'nothing left while it was held',
  'no partition was halted',
  'no defect was logged',
  'records deleted below the position: nothing happens',
  'records deleted beyond the position, running: halted, with an alarm',
  'records deleted beyond the position, stopped: halted, with an alarm',
  'a partition added: refused',
  'one of two workers killed: every record has one outcome',
] as const;

/** Something that must hold, and where it does not; empty = it holds. */
export interface Check {
  name: (typeof CHECKS)[number];
  faults: string[];
}
