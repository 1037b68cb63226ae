import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { OutboxRecord } from '../../schemas/outbox.ts';
import { anIntent } from '../../storage/action-factory.contract.ts';
import { MemoryActionLedger } from '../../storage/memory/ledger.ts';
import { MemoryStateStore } from '../../storage/memory/state-store.ts';
import { Egress } from './egress.ts';

const SLOT = { group: 'weir', topic: 'accounting', partition: 0 };

it('takes an intent that comes in the very moment in which the queue ran empty', async () => {
  const ledger = new MemoryActionLedger();
  const more: { n: number; record: OutboxRecord }[] = [
    { n: 2, record: { kind: 'action', intent: anIntent({ id: 'second' }) } },
  ];
  const egress = new Egress(
    SLOT,
    { store: new MemoryStateStore(), ledger, tell: () => Promise.resolve() },
    {
      // A commit's answer may lie in the same packet as that of the removal: its intents come a microtask later.
      stored: () => queueMicrotask(() => egress.push(2, more.splice(0))),
      failed: (error) => {
        throw error;
      },
    },
    () => setImmediate(),
  );
  egress.push(1, [{ n: 1, record: { kind: 'action', intent: anIntent({ id: 'first' }) } }]);
  await egress.drained();
  await setImmediate();
  await egress.drained();
  expect(egress.waiting).toBe(0);
  expect((await ledger.recent(10)).map(({ intent }) => intent.id).sort()).toEqual(['first', 'second']);
});
