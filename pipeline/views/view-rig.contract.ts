import { MemoryAnalytics } from '../../storage/memory/analytics.ts';
import { MemorySubscriberHistory } from '../../storage/memory/subscriber-history.ts';
import type { LedgerAction } from '../../storage/ports.ts';
import { SLOT, WorkerRig } from '../../tests/worker-rig.ts';
import type { Input } from '../decode/input.ts';
import type { ExplainReader } from './explain.ts';

/** Stores in memory that a real worker filled from a log, as views read them. */
export interface ViewRig {
  reader: ExplainReader;
  history: MemorySubscriberHistory;
}

/**
 * Folds a log of one partition and stores what comes of it. Every action that is to be sent was answered by the network.
 *
 * @param nowMs what the clock shows to whoever looks
 */
export async function viewRig(inputs: readonly Input[], nowMs: number): Promise<ViewRig> {
  const rig = new WorkerRig(inputs);
  await rig.run(() => 1000);
  const analytics = new MemoryAnalytics();
  for (const batch of rig.submitted) await analytics.insert(batch);
  const history = new MemorySubscriberHistory();
  const decided = await rig.left();
  for (const record of decided) {
    if (record.kind === 'action') history.stored.actions.push(answered(record.intent));
    if (record.kind === 'shadow') history.stored.shadows.push(record.decision);
    if (record.kind === 'adjustment')
      history.stored.adjustments.push({ atMs: nowMs, adjustment: record.adjustment });
  }
  history.stored.actions.sort((a, b) => a.intent.offset - b.intent.offset);
  const reader: ExplainReader = {
    store: rig.store,
    history,
    analytics,
    records: rig.ledger.records,
    group: SLOT.group,
    topic: SLOT.topic,
    partitionCount: () => Promise.resolve(1),
    nowMs: () => nowMs,
    simulatedTime: false,
  };
  return { reader, history };
}

function answered(intent: LedgerAction['intent']): LedgerAction {
  const updatedAtMs = intent.decidedAtMs + 1_000;
  return {
    intent,
    state: 'delivered',
    detail: `CoA-ACK from ${intent.sessions[0]?.nasId ?? 'nobody'}`,
    attempts: 1,
    createdAtMs: intent.decidedAtMs,
    updatedAtMs,
  };
}
