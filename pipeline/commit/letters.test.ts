import { describe, expect, it } from 'vitest';
import type { DeadLetter, DeadLetterReason } from '../../schemas/outcome.ts';
import { capPolicy, DAY, LogBuilder, NOON } from '../../tests/factories.ts';
import { SLOT, WorkerRig } from '../../tests/worker-rig.ts';

async function run(
  log: LogBuilder,
): Promise<{ rig: WorkerRig; letters: DeadLetter[]; counts: Record<string, number> }> {
  const rig = new WorkerRig(log.inputs);
  const worker = rig.worker();
  await rig.open(worker);
  await rig.deliver(worker, 0, log.inputs.length);
  const counts = { ...worker.states[0]?.counts };
  await worker.quiet(1);
  await worker.close(0);
  const left = await rig.left();
  return {
    rig,
    counts,
    letters: left.flatMap((record) => (record.kind === 'dead-letter' ? [record.letter] : [])),
  };
}

/** Bytes that came instead of a record, between two good ones. */
function between(value: Uint8Array): LogBuilder {
  const log = new LogBuilder().record({ eventTimeMs: NOON, outputOctets: 4 });
  const dead = { kind: 'dead', reason: 'undecodable', detail: '', key: null, appendTimeMs: NOON } as const;
  log.inputs.push({ ...dead, offset: 1, value });
  return log.record({ eventTimeMs: NOON + 1000, outputOctets: 9 });
}

describe('case 22: what can not be read', () => {
  it.each([
    ['nothing', Buffer.alloc(0), 'empty'],
    ['bytes of no record', Buffer.from('garbage'), 'undecodable'],
    ['a record that ends too early', Buffer.from('02720c', 'hex'), 'undecodable'],
    ['more than a record may have', Buffer.alloc(70_000, 1), 'oversize'],
    ['a schema that nobody knows', Buffer.from('c30101020304050607080900', 'hex'), 'unknown-schema'],
  ] satisfies [string, Buffer, DeadLetterReason][])(
    '%s: a letter with place, reason and bytes; the next record flows',
    async (_name, value, reason) => {
      const { letters, counts } = await run(between(value));
      expect(letters).toMatchObject([
        { topic: SLOT.topic, partition: 0, offset: 1, appendTimeMs: NOON, reason },
      ]);
      const [letter] = letters;
      expect(letter?.detail).not.toContain('\n');
      const kept = Buffer.from(letter?.value ?? []);
      expect(kept.equals(value.subarray(0, kept.length))).toBe(true);
      expect(counts).toMatchObject({ metered: 2, 'dead-lettered': 1 });
    },
  );
});

describe('what is refused', () => {
  it('case 2: totals beyond 2^53 leave as a letter with their bytes, NAS and reason; nothing changes', async () => {
    const log = new LogBuilder()
      .record({ eventTimeMs: NOON, outputOctets: 2 ** 52 })
      .record({ eventTimeMs: NOON, sessionId: 's2', outputOctets: 2 ** 52 });
    const { letters, counts } = await run(log);
    expect(letters).toMatchObject([{ offset: 1, reason: 'octets-beyond-2^53', nasId: 'nas-1' }]);
    expect(letters[0]?.value?.length).toBeGreaterThan(10);
    expect(counts).toMatchObject({ metered: 1, 'dead-lettered': 1 });
  });

  it.each([
    ['to the millisecond', 7 * DAY, 'metered'],
    ['and not one more', 7 * DAY + 1, 'dead-lettered'],
  ])('case 10: a record may be acceptLateness old %s', async (_name, ageMs, outcome) => {
    const { letters, counts } = await run(
      new LogBuilder().record({ eventTimeMs: NOON - ageMs, outputOctets: 5 }, NOON),
    );
    expect(counts[outcome]).toBe(1);
    expect(letters.map(({ reason }) => reason)).toEqual(outcome === 'metered' ? [] : ['beyond-horizon']);
  });

  it('case 10: the age of a record is told by its append time, not by the watermark', async () => {
    const log = new LogBuilder()
      .record({ eventTimeMs: NOON + 20 * DAY })
      .record({ sessionId: 's2', eventTimeMs: NOON, outputOctets: 5 }, NOON + DAY);
    expect((await run(log)).counts).toMatchObject({ metered: 1, 'dead-lettered': 0 });
  });

  it('a policy that can not come into force leaves as a letter with its bytes', async () => {
    const policy = capPolicy();
    const log = new LogBuilder().control({
      kind: 'policy-version',
      policy: { ...policy, policyId: 'other' },
    });
    const { letters } = await run(log);
    expect(letters).toMatchObject([{ offset: 0, reason: 'bad-control', nasId: null }]);
    expect(Buffer.from(letters[0]?.value ?? []).toString()).toContain('"policyId":"other"');
  });

  it('leaves once, though the batch comes again and the worker is another', async () => {
    const log = between(Buffer.from('garbage'));
    const rig = new WorkerRig(log.inputs);
    for (let i = 0; i < 3; i += 1) {
      const worker = rig.worker();
      await rig.open(worker);
      await rig.deliver(worker, 0, 3);
      await worker.quiet(1);
      await worker.close(0);
    }
    const letters = (await rig.left()).filter(({ kind }) => kind === 'dead-letter');
    expect(letters).toHaveLength(1);
  });
});
