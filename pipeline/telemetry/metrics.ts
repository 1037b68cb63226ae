import type { Registry } from 'prom-client';
import { ACTION_KINDS, ACTION_STATES } from '../../schemas/action.ts';
import { DIFFERENCE_CLASSES, ITEM_TYPES } from '../../schemas/billing.ts';
import { DEAD_LETTER_REASONS, FLAGS, OUTCOMES } from '../../schemas/outcome.ts';
import { REQUEST_OUTCOMES } from '../dispatch/billing/client.ts';
import { IMPORT_KINDS } from '../../storage/import-ports.ts';
import { MetricSet } from './metric-set.ts';

/** Seconds; a batch of 1,000 records takes a few ms, one that waits for a server takes seconds. */
const WORK_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Seconds; the aim is one second, a NAS that does not answer takes 30. */
const ACTION_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800];
const ENTRY_BUCKETS = [1, 10, 100, 500, 1000, 2000, 5000, 10_000, 50_000];

/** Every metric of Weir. Counters count since the start of the process; names and labels are those of docs/metrics.md. */
export type Metrics = ReturnType<typeof createMetrics>;

/** Defines all metrics in the registry. Once a registry: a second time throws. */
export function createMetrics(registry: Registry) {
  const set = new MetricSet(registry);
  return {
    descriptions: set.descriptions,
    ...intake(set),
    ...partitions(set),
    ...population(set),
    ...feeds(set),
    ...actions(set),
    ...flush(set),
    ...relay(set),
    ...ingest(set),
    ...jobs(set),
    ...billing(set),
    ...cycles(set),
  };
}

function intake(set: MetricSet) {
  return {
    records: set.counterOf(
      'weir_records_total',
      'Accounting records that were committed, by outcome; each has exactly one.',
      'outcome',
      OUTCOMES,
    ),
    flags: set.counterOf('weir_record_flags_total', 'Marks that stand beside an outcome.', 'flag', FLAGS),
    controls: set.counter('weir_controls_total', 'Controls that were committed, repeats included.'),
    deadLetters: set.counterOf(
      'weir_dead_letters_total',
      'Records put aside because they cannot be metered, by reason.',
      'reason',
      DEAD_LETTER_REASONS,
    ),
    batches: set.counter('weir_batches_total', 'Batches that were committed.'),
    batchEntries: set.histogram('weir_batch_entries', 'Log entries a batch.', ENTRY_BUCKETS),
    batchDuration: set.histogram(
      'weir_batch_duration_seconds',
      'Time from a batch in hand to its commit applied.',
      WORK_BUCKETS,
    ),
    commitDuration: set.histogram(
      'weir_commit_duration_seconds',
      'Time of one commit in the state store, by result.',
      WORK_BUCKETS,
      ['result'],
    ),
    policyDivergence: set.counter(
      'weir_policy_divergence_total',
      'Rules on which the compiled policy and json-rules-engine disagreed; the engine wins. Must stay 0.',
    ),
  };
}

function partitions(set: MetricSet) {
  return {
    partitionPosition: set.gauge(
      'weir_partition_position_offset',
      'Next offset to fold, of a partition that this process owns.',
      ['partition'],
    ),
    partitionLag: set.gauge('weir_partition_lag_entries', 'Log entries not folded yet.', ['partition']),
    watermarkAge: set.gauge(
      'weir_partition_watermark_age_seconds',
      'How far the partition’s event time is behind the clock (simulated time: behind the newest partition).',
      ['partition'],
    ),
    partitionsOwned: set.gauge('weir_partitions_owned', 'Partitions that this process owns.'),
    partitionsHalted: set.gauge('weir_partitions_halted', 'Partitions that wait for a person. Must be 0.'),
    partitionsHeld: set.gauge(
      'weir_partitions_egress_held',
      'Partitions whose actions are held because their state lost its tail. Must be 0.',
    ),
    partitionsPaused: set.gauge('weir_partitions_paused', 'Partitions that back-pressure has paused.'),
    slotsOpened: set.counter('weir_slots_opened_total', 'Slots acquired and loaded.'),
    slotDrops: set.counter('weir_slot_drops_total', 'Slots dropped after a failure, to be loaded again.'),
    halts: set.counter('weir_partition_halts_total', 'Partitions halted, since start.'),
    tailLost: set.counter('weir_tail_lost_total', 'Slots that were found behind their marks.'),
    egressErrors: set.counter(
      'weir_egress_errors_total',
      'Failed tries to bring intents to the ledger or to prove ownership; tried again.',
    ),
  };
}

function population(set: MetricSet) {
  return {
    subscribers: set.gauge('weir_subscribers', 'Subscribers in the slots of this process.'),
    openSessions: set.gauge('weir_open_sessions', 'Sessions open in the slots of this process.'),
    throttledSubscribers: set.gauge(
      'weir_throttled_subscribers',
      'Subscribers that are throttled, in the slots of this process.',
    ),
  };
}

function feeds(set: MetricSet) {
  return {
    feedsHeard: set.gauge(
      'weir_feeds_nas',
      'NAS whose records the slots of this process had within the last hour of event time.',
    ),
    feedsSilent: set.gauge(
      'weir_feeds_silent',
      'NAS with open sessions that were not heard for three interim intervals (15 min at least; 48 h where no interval is known).',
    ),
    feedsSkewed: set.gauge(
      'weir_feeds_skewed',
      'NAS heard within the last hour whose records carry times a minute or more off the log’s clock, in the median.',
    ),
    feedsNotBillable: set.gauge(
      'weir_feeds_not_billable',
      'NAS heard within the last hour whose 32-bit counters may wrap unseen.',
    ),
  };
}

function actions(set: MetricSet) {
  return {
    intents: set.counterOf(
      'weir_intents_total',
      'Actions decided and committed, by kind.',
      'kind',
      ACTION_KINDS,
    ),
    intentsStored: set.counter(
      'weir_intents_stored_total',
      'Intents brought to the ledger, repeats included.',
    ),
    intentsFresh: set.counter('weir_intents_fresh_total', 'Intents that the ledger did not have yet.'),
    actions: set.gauge('weir_actions', 'Actions in the ledger, by state.', ['state']),
    actionAttempts: set.counterOf(
      'weir_action_attempts_total',
      'Attempts to carry out an action, by the state after it; pending = to be tried again.',
      'state',
      ACTION_STATES,
    ),
    actionLatency: set.histogram(
      'weir_action_latency_seconds',
      'Time from the append of the causing record to the delivered action. Not filled in simulated time.',
      ACTION_BUCKETS,
    ),
    staleClaims: set.counter('weir_action_stale_claims_total', 'Attempts that outlived their lease.'),
    dispatchErrors: set.counterOf(
      'weir_dispatch_errors_total',
      'Failures of ledger or sink while dispatching; tried again.',
      'during',
      ['claim', 'send', 'settle'],
    ),
    actionsInFlight: set.gauge('weir_actions_in_flight', 'Actions that this process is sending.'),
    coaPackets: set.counter('weir_coa_packets_total', 'CoA datagrams and answers, by what they were.', [
      'event',
    ]),
  };
}

function flush(set: MetricSet) {
  return {
    flushRows: set.counter('weir_flush_rows_total', 'Rows that analytics acknowledged.'),
    flushDuration: set.histogram('weir_flush_duration_seconds', 'Time of one insert.', WORK_BUCKETS),
    flushErrors: set.counter('weir_flush_errors_total', 'Inserts that failed; tried again.'),
    flushBacklog: set.gauge('weir_flush_backlog_rows', 'Rows that wait for analytics.'),
    flushLag: set.gauge('weir_flush_lag_seconds', 'How long the oldest of them has waited.'),
    flushPressed: set.gauge(
      'weir_flush_back_pressure',
      '1 while analytics is so far behind that reading pauses.',
    ),
  };
}

function relay(set: MetricSet) {
  return {
    relayControls: set.counter('weir_relay_controls_total', 'Controls that the relay brought into the log.'),
    relayErrors: set.counter('weir_relay_errors_total', 'Failures of the relay; tried again.'),
    policyFolderFaults: set.gauge(
      'weir_policy_folder_faults',
      'Files of the policies folder that were refused; what was in force stays. Must be 0.',
    ),
    policiesUncompiled: set.gauge(
      'weir_policies_uncompiled',
      'Policies that slots of this process leave out, as this program can not compile them. Must be 0.',
    ),
    controlsWaiting: set.gauge(
      'weir_control_outbox_rows',
      'Changes that wait for the relay to bring them into the log; counted up to 5,001. Of a process with the role relay.',
    ),
    importRows: set.counterOf(
      'weir_import_rows_total',
      'Records of files that went in, by what the file had.',
      'kind',
      IMPORT_KINDS,
    ),
    relayLeader: set.gauge('weir_relay_leader', '1 while this process is the relay.'),
  };
}

function ingest(set: MetricSet) {
  return {
    ingestRequests: set.counterOf(
      'weir_ingest_requests_total',
      'Requests with accounting records, by what became of them; failed = directory or log did not answer.',
      'result',
      ['stored', 'refused', 'unreadable', 'busy', 'failed'],
    ),
    ingestRecords: set.counterOf(
      'weir_ingest_records_total',
      'Records in those requests: in the log, without usage (ignored), or refused with their request.',
      'result',
      ['stored', 'ignored', 'refused'],
    ),
    ingestWaiting: set.gauge('weir_ingest_waiting_records', 'Records of requests that wait for the log.'),
  };
}

/** Of the process that leads the jobs; another one does not have them. */
function jobs(set: MetricSet) {
  return {
    jobLeader: set.gauge('weir_job_leader', '1 while this process runs the jobs.'),
    jobRuns: set.counter(
      'weir_job_runs_total',
      'Runs of jobs that ended, by outcome; lost = cut short, due again.',
      ['job', 'outcome'],
    ),
    jobLastSuccess: set.gauge(
      'weir_job_last_success_timestamp_seconds',
      'When a job was done last, by whichever process.',
      ['job'],
    ),
    jobNext: set.gauge(
      'weir_job_next_timestamp_seconds',
      'When a job is due next; in the past = it waits for its turn.',
      ['job'],
    ),
    jobDuration: set.gauge('weir_job_duration_seconds', 'How long the last run of a job took.', ['job']),
  };
}

/** Of the delivery of items to the billing system. */
function billing(set: MetricSet) {
  return {
    invoiceDeliveries: set.gauge(
      'weir_invoice_deliveries',
      'Items of invoices that are not delivered, by the state of their delivery; held = there was no billing system.',
      ['state'],
    ),
    invoiceOldestUnknown: set.gauge(
      'weir_invoice_oldest_unknown_seconds',
      'Age of the oldest item that nobody knows the delivery’s outcome of; 0 = there is none.',
    ),
    billingItems: set.counterOf(
      'weir_billing_items_total',
      'Items of invoices that the billing system took from this process, by type.',
      'type',
      ITEM_TYPES,
    ),
    billingAmount: set.counter(
      'weir_billing_amount_minor_total',
      'What these items come to, minor units of the currency; credits apart, as amounts above 0.',
      ['currency', 'type', 'of'],
    ),
    billingRequests: set.counterOf(
      'weir_billing_requests_total',
      'Requests to the billing system, by how they ended.',
      'outcome',
      REQUEST_OUTCOMES,
    ),
    billingRequestDuration: set.histogram(
      'weir_billing_request_seconds',
      'Time of one request to the billing system.',
      ACTION_BUCKETS,
    ),
    billingStopped: set.gauge(
      'weir_billing_stopped',
      '1 while the billing system refuses us (key or address is wrong) and items wait.',
    ),
    reconciliationDifferences: set.counterOf(
      'weir_reconciliation_differences_total',
      'Differences from the billing system that comparisons found, by class.',
      'class',
      DIFFERENCE_CLASSES,
    ),
  };
}

/** Of the billing cycles in Postgres. */
function cycles(set: MetricSet) {
  return {
    cycles: set.gauge(
      'weir_cycles',
      'Billing cycles that are open, that ended and wait for their close, or that could not be itemised (failed).',
      ['status'],
    ),
    cycleCloseDelay: set.gauge(
      'weir_cycle_close_delay_seconds',
      'Since the oldest cycle ended that has not closed; the grace for late records is part of it.',
    ),
    cyclesTermsDiffer: set.gauge(
      'weir_cycles_terms_differ',
      'Closed cycles in which who had what differs from what was metered.',
    ),
    topUps: set.counter(
      'weir_top_ups_total',
      'Top-ups that were bought through this process, by what they hold (bytes, boost, unlimited) and who bought them: the API or a policy.',
      ['kind', 'source'],
    ),
    closeFailures: set.counter(
      'weir_close_failures_total',
      'Times that a cycle’s fees or usage could not be itemised, each try counted; `close-late` tries again.',
    ),
  };
}
