import { decodeOutbox } from '../../pipeline/commit/outbox-codec.ts';
import { controlKey, formatControlId } from '../../schemas/control.ts';
import type { OutboxRecord } from '../../schemas/outbox.ts';
import { partitionOfText } from '../../schemas/partitioning.ts';
import type { MemoryActionLedger } from '../../storage/memory/ledger.ts';
import { ANY_LETTER } from './reference.ts';
import { slotOf } from './servers.ts';
import type { Servers } from './servers.ts';

/**
 * What stands in a slot's outbox and reached neither ledger nor log. What did may stand there for long: a removal that came
 * before the store lost its tail, or that was never acknowledged; the next owner delivers it once more.
 */
export async function undelivered({ store, ledger, log }: Servers, partition: number): Promise<string[]> {
  const entries = await store.readOutbox(slotOf(partition));
  if (entries.length === 0) return [];
  const known = await namesIn(ledger);
  for (let each = 0; each < log.partitions; each += 1) {
    for (const { control } of log.archive(each)) known.add(`control ${each} ${control}`);
  }
  const missing: string[] = [];
  for (const { bytes } of entries) {
    const record = decodeOutbox(bytes);
    for (const name of namesOf(record, log.partitions)) if (!known.has(name)) missing.push(name);
  }
  return missing;
}

async function namesIn(ledger: MemoryActionLedger): Promise<Set<string>> {
  const records: OutboxRecord[] = [];
  for (const { intent } of await ledger.recent(Infinity)) records.push({ kind: 'action', intent });
  for await (const page of ledger.records.allAdjustments()) {
    for (const adjustment of page) records.push({ kind: 'adjustment', adjustment });
  }
  for await (const page of ledger.records.allClosedCycles()) {
    for (const cycle of page) records.push({ kind: 'closed-cycle', cycle });
  }
  for (const decision of ledger.shadows.values()) records.push({ kind: 'shadow', decision });
  for (const letter of await ledger.deadLetters.list(ANY_LETTER, Infinity, null)) {
    records.push({ kind: 'dead-letter', letter });
  }
  return new Set(records.flatMap((record) => namesOf(record, 0)));
}

function namesOf(record: OutboxRecord, partitions: number): string[] {
  switch (record.kind) {
    case 'action':
      return [`action ${record.intent.id}`];
    case 'adjustment':
      return [`adjustment ${record.adjustment.id}`];
    case 'closed-cycle':
      return [`cycle ${record.cycle.subscriberId} ${record.cycle.cycleStartMs}`];
    case 'dead-letter':
      return [`letter ${record.letter.partition}:${record.letter.offset}`];
    case 'shadow':
      return [`shadow ${record.decision.id}`];
    case 'control': {
      const key = controlKey(record.control);
      const targets = key === null ? [...Array(partitions).keys()] : [partitionOfText(key, partitions)];
      return targets.map((each) => `control ${each} ${formatControlId(record.id)}`);
    }
  }
}
