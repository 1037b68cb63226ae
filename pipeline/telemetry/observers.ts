import type { Logger } from 'pino';
import type { WorkerEvents } from '../commit/worker.ts';
import type { DispatchObserver } from '../dispatch/dispatcher.ts';
import type { FlushHooks } from '../flush/flusher.ts';
import type { PipelineObservers } from '../pipeline.ts';
import type { Metrics } from './metrics.ts';
import { SlotCounters } from './slot-counters.ts';
import type { SlotTotals } from './slot-counters.ts';

export interface ObserverOptions {
  /** slots in memory, `worker.states`; asked after the worker exists only */
  states: () => readonly ObservedSlot[];
  /** append times are simulated: the time to delivery cannot be told from them */
  simulatedTime: boolean;
}

/** What of a slot is told. */
export interface ObservedSlot extends SlotTotals {
  /** policies that are left out: why, by id; another object each time they are compiled */
  uncompiled: ReadonlyMap<string, string>;
}

/** Metrics and log lines of the flow. No line a record; actions one line each at debug. */
export function createObservers(
  telemetry: { log: Logger; metrics: Metrics },
  options: ObserverOptions,
): PipelineObservers {
  const { log, metrics } = telemetry;
  return {
    worker: workerEvents(log, metrics, options.states),
    flush: flushHooks(log, metrics),
    dispatch: dispatchObserver(log, metrics, options.simulatedTime),
    diverged: (rule) => {
      metrics.policyDivergence.inc();
      log.error({ rule }, 'the compiled policy and json-rules-engine disagree; the engine decides');
    },
  };
}

function workerEvents(log: Logger, metrics: Metrics, states: () => readonly ObservedSlot[]): WorkerEvents {
  const counters = new SlotCounters(metrics);
  const slot = (partition: number): ObservedSlot | undefined =>
    states().find((state) => state.partition === partition);
  const told = new WeakSet<object>();
  const tellUncompiled = ({ partition, uncompiled }: ObservedSlot): void => {
    if (uncompiled.size === 0 || told.has(uncompiled)) return;
    told.add(uncompiled);
    for (const [policy, reason] of uncompiled)
      log.error({ partition, policy, reason }, 'a stored policy can not be compiled: it is left out');
  };
  return {
    opened: (partition, position) => {
      const totals = slot(partition);
      if (totals !== undefined) {
        counters.opened(totals);
        tellUncompiled(totals);
      }
      metrics.slotsOpened.inc();
      log.info({ partition, position }, 'slot loaded');
    },
    committed: (partition, effects, batch, durationMs) => {
      const totals = slot(partition);
      if (totals !== undefined) {
        counters.committed(totals);
        tellUncompiled(totals);
      }
      metrics.batches.inc();
      metrics.batchEntries.observe(batch.entries.length);
      metrics.batchDuration.observe(durationMs / 1000);
      for (const { reason } of effects.dead) metrics.deadLetters.inc({ reason });
      for (const record of effects.outbox)
        if (record.kind === 'action') metrics.intents.inc({ kind: record.intent.kind });
    },
    dropped: (partition, error) => {
      metrics.slotDrops.inc();
      log.warn({ partition, err: error }, 'slot dropped; it is loaded again with its next batch');
    },
    halted: (partition, error) => {
      metrics.halts.inc();
      log.error({ partition, err: error }, 'partition halted: nothing of it is read until this is settled');
    },
    tailLost: (partition, position, mark) => {
      metrics.tailLost.inc();
      log.error(
        { partition, position, mark },
        'the state lost its tail: actions are held until it has caught up with its mark',
      );
    },
    intentsStored: (intents, fresh) => {
      metrics.intentsStored.inc(intents);
      metrics.intentsFresh.inc(fresh);
    },
    egressFailed: (error) => {
      metrics.egressErrors.inc();
      log.warn({ err: error }, 'the ledger or the state store does not answer; trying again');
    },
  };
}

function flushHooks(log: Logger, metrics: Metrics): FlushHooks {
  return {
    stored: (rows, durationMs) => {
      metrics.flushRows.inc(rows);
      metrics.flushDuration.observe(durationMs / 1000);
    },
    failed: (error, failures, retryInMs) => {
      metrics.flushErrors.inc();
      log.warn({ err: error, failures, retryInMs }, 'analytics did not take the rows; trying again');
    },
    pressed: (pressed) => {
      metrics.flushPressed.set(pressed ? 1 : 0);
      log.warn(
        pressed ? 'analytics is far behind: reading pauses' : 'analytics has caught up: reading goes on',
      );
    },
  };
}

function dispatchObserver(log: Logger, metrics: Metrics, simulatedTime: boolean): DispatchObserver {
  return {
    settled: (action, state, latencyMs) => {
      metrics.actionAttempts.inc({ state });
      if (state === 'delivered' && !simulatedTime && latencyMs >= 0) {
        metrics.actionLatency.observe(latencyMs / 1000);
      }
      const { id, kind, subscriberId, rule } = action.intent;
      const line = { action: id, kind, subscriber: subscriberId, rule, attempts: action.attempts };
      if (state === 'delivered') log.info(line, `${kind} delivered`);
      else if (state === 'pending') log.debug(line, `${kind} to be tried again`);
      else log.warn(line, `${kind} ${state}`);
    },
    stale: (action) => {
      metrics.staleClaims.inc();
      log.warn({ action: action.intent.id }, 'an attempt outlived its lease; somebody else has the action');
    },
    failed: (during, error) => {
      metrics.dispatchErrors.inc({ during });
      log.warn({ during, err: error }, 'dispatch failed; trying again');
    },
  };
}
