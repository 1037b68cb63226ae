import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ActionIntent, ActionKind } from '../../schemas/action.ts';
import { anIntent } from '../../storage/action-factory.contract.ts';
import type { SinkResult } from '../../storage/ports.ts';
import { DispatchRig, settleDown } from './dispatch-rig.contract.ts';

const FINAL = new Set(['delivered', 'rejected', 'superseded', 'dead', 'unknown']);
const STEP_MS = 60_000;
/** Most attempts, each after the longest wait and one lease, for a chain of 12 actions of one subscriber. */
const MOST_STEPS = 12 * 8 * 2;
/** Polls are not what is tested here, and the fewer the faster. */
const SETTINGS = { pollMs: 10_000 };

const results: readonly SinkResult[] = [
  { state: 'delivered', detail: 'ACK' },
  { state: 'delivered', detail: 'ACK' },
  { state: 'rejected', detail: 'NAK 407' },
  { state: 'unknown', detail: 'no answer' },
  { state: 'retry', detail: 'NAK 506', afterMs: 5_000 },
];

const story = fc.record({
  inserts: fc.array(
    fc.record({
      kind: fc.constantFrom<ActionKind>('throttle', 'restore', 'notify'),
      subscriber: fc.nat(3),
      pauseMs: fc.constantFrom(0, 0, 700, 20_000),
    }),
    { minLength: 1, maxLength: 12 },
  ),
  answers: fc.array(fc.oneof(fc.nat(results.length - 1), fc.constantFrom('throw', 'never')), {
    minLength: 1,
    maxLength: 30,
  }),
  ledgerFails: fc.array(fc.boolean(), { maxLength: 20 }),
  /** after which insert the first dispatcher is killed by a stop without grace */
  killAfter: fc.nat(12),
});

it('ends every action, in order for each subscriber, whatever the network and the ledger do', async () => {
  await fc.assert(
    fc.asyncProperty(story, async ({ inserts, answers, ledgerFails, killAfter }) => {
      const rig = new DispatchRig(SETTINGS);
      const second = rig.another('dispatcher-2', { settings: SETTINGS });
      let failure = 0;
      rig.ledger.fails = () => ledgerFails[failure++] ?? false;
      let answer = 0;
      const open = new Set<string>();
      rig.sink.answer = async (intent: ActionIntent) => {
        // The law of order: two of one subscriber are never under way at once.
        expect(open.has(intent.subscriberId)).toBe(false);
        open.add(intent.subscriberId);
        await settleDown();
        open.delete(intent.subscriberId);
        const next = answers[answer++ % answers.length] ?? 0;
        if (next === 'throw') throw new Error('a fault');
        if (next === 'never') return new Promise(() => undefined);
        return results[Number(next)] ?? { state: 'delivered', detail: 'ACK' };
      };
      rig.dispatcher.start();
      second.start();
      for (const [n, { kind, subscriber, pauseMs }] of inserts.entries()) {
        await rig.insert(anIntent({ id: `a${n}`, kind, subscriberId: `s${subscriber}` }));
        await rig.timers.advance(pauseMs);
        if (n === killAfter) await Promise.all([rig.dispatcher.stop(0), rig.timers.advance(0)]);
      }
      await untilEnded(rig);
      await assertEnded(rig, inserts.length);
      await Promise.all([rig.dispatcher.stop(0), second.stop(0), rig.timers.advance(0)]);
      expect(rig.timers.waiting).toBe(0);
    }),
    { numRuns: 150 },
  );
}, 60_000);

/** Nothing waits or is under way, and a whole step (longer than the wait of an unknown one) sent nothing. */
async function untilEnded(rig: DispatchRig): Promise<void> {
  let before = -1;
  for (let step = 0; step < MOST_STEPS; step++) {
    await rig.timers.advance(STEP_MS);
    const { pending, sending } = await rig.ledger.counts();
    const quiet = before === rig.sink.sent.length;
    before = rig.sink.sent.length;
    if (pending === 0 && sending === 0 && quiet) return;
  }
}

async function assertEnded(rig: DispatchRig, inserted: number): Promise<void> {
  const newestFirst = await rig.ledger.recent(1_000);
  expect(newestFirst).toHaveLength(inserted);
  expect(newestFirst.filter((action) => !FINAL.has(action.state))).toEqual([]);
  const seen = new Set<string>();
  for (const { intent, state } of newestFirst) {
    if (intent.kind === 'notify' || !seen.has(intent.subscriberId)) expect(state).not.toBe('superseded');
    if (intent.kind !== 'notify') seen.add(intent.subscriberId);
  }
  for (const subscriber of ['s0', 's1', 's2', 's3']) {
    const order = rig.sink.sent
      .filter((id) =>
        newestFirst.some(({ intent }) => intent.id === id && intent.subscriberId === subscriber),
      )
      .map((id) => Number(id.slice(1)));
    expect(order).toEqual([...order].sort((a, b) => a - b));
  }
}
