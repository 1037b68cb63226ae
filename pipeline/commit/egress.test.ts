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

it('delivers actions and controls that lie among each other in two pieces, each in its order', async () => {
  const ledger = new MemoryActionLedger();
  const told: number[][] = [];
  const control = (n: number): { n: number; record: OutboxRecord } => ({
    n,
    record: {
      kind: 'control',
      id: { source: 'slot-0', n },
      appendTimeMs: 0,
      control: { kind: 'nas-event', nasId: 'nas-1', event: 'on', atMs: n },
    },
  });
  const failures: unknown[] = [];
  let failing = 1;
  const egress = new Egress(
    SLOT,
    {
      store: new MemoryStateStore(),
      ledger,
      tell: (controls) => {
        told.push(controls.map(({ id }) => id.n));
        failing -= 1;
        return failing < 0 ? Promise.resolve() : Promise.reject(new Error('no broker'));
      },
    },
    { stored: () => undefined, failed: (error) => failures.push(error) },
    () => setImmediate(),
  );
  egress.push(1, [
    control(1),
    { n: 2, record: { kind: 'action', intent: anIntent({ id: 'first' }) } },
    control(3),
    { n: 4, record: { kind: 'action', intent: anIntent({ id: 'second' }) } },
    control(5),
  ]);
  await egress.drained();
  // What failed comes again whole, and nothing left the queue meanwhile.
  expect(told).toEqual([
    [1, 3, 5],
    [1, 3, 5],
  ]);
  expect(failures).toHaveLength(1);
  expect((await ledger.recent(10)).map(({ intent }) => intent.id).sort()).toEqual(['first', 'second']);
  expect(egress.waiting).toBe(0);
});
