import { expect, it } from 'vitest';
import { anIntent } from '../action-factory.contract.ts';
import { ledgerContract } from '../ledger.contract.ts';
import type { SlotId, SlotMarks } from '../ports.ts';
import { MemoryActionLedger } from './ledger.ts';

/** Marks as far as the contract asks, so that this suite does not hang on another adapter. */
function mapMarks(): SlotMarks {
  const marks = new Map<string, number>();
  const key = (slot: SlotId): string => JSON.stringify([slot.group, slot.topic, slot.partition]);
  return {
    raise(slot, position) {
      marks.set(key(slot), Math.max(position, marks.get(key(slot)) ?? 0));
      return Promise.resolve();
    },
    read: (slot) => Promise.resolve(marks.get(key(slot)) ?? null),
  };
}

ledgerContract(
  'memory',
  () => {
    let nowMs = Date.UTC(2025, 0, 12);
    const marks = mapMarks();
    const ledger = new MemoryActionLedger({ marks, now: () => nowMs });
    return Promise.resolve({
      ledger,
      second: ledger,
      marks,
      now: () => nowMs,
      passTime(ms) {
        nowMs += ms;
        return Promise.resolve();
      },
    });
  },
  300,
);

it('shares nothing with its callers', async () => {
  const ledger = new MemoryActionLedger();
  const intent = anIntent({ id: 'a' });
  await ledger.insert({ group: 'g', topic: 't', partition: 0 }, 1, { intents: [intent] });
  intent.desired.downBps = 1;
  const [read] = await ledger.recent(1);
  if (read === undefined) throw new Error('one action');
  read.intent.sessions.length = 0;
  expect((await ledger.recent(1))[0]?.intent).toEqual(anIntent({ id: 'a' }));
});
