import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ActionIntent } from '../../schemas/action.ts';
import { AppError } from '../../schemas/errors.ts';
import { anIntent } from '../../storage/action-factory.contract.ts';
import type { SinkResult } from '../../storage/ports.ts';
import { DispatchRig, FakeSink, ManualTimers, settleDown } from './dispatch-rig.contract.ts';

const NEVER = new Promise<SinkResult>(() => undefined);
const BUSY: SinkResult = { state: 'retry', detail: 'NAK 506', afterMs: 0 };
const SILENT: SinkResult = { state: 'unknown', detail: 'no answer' };

let rig: DispatchRig;
beforeEach(() => {
  rig = new DispatchRig();
});
afterEach(async () => {
  const stopped = rig.dispatcher.stop(0);
  await rig.timers.advance(0);
  await stopped;
});

const intentsOf = (count: number): ActionIntent[] =>
  Array.from({ length: count }, (_, n) => anIntent({ id: `a${n}`, subscriberId: `s${n}` }));

describe('delivery', () => {
  it('begins at once when woken, without any time passing', async () => {
    rig.dispatcher.start();
    await settleDown();
    await rig.insert(anIntent({ id: 'a', appendTimeMs: rig.timers.now() - 250 }));
    await settleDown();
    expect(rig.notes.texts).toEqual(['a delivered']);
    expect(rig.notes.latenciesMs).toEqual([250]);
    expect(await rig.states()).toEqual({ a: ['delivered', 1, 'ACK'] });
  });

  it('finds actions that nobody told of within the poll interval', async () => {
    rig.dispatcher.start();
    await settleDown();
    await rig.ledger.insert({ group: 'g', topic: 't', partition: 0 }, 1, {
      intents: [anIntent({ id: 'a' })],
    });
    await rig.timers.advance(999);
    expect(rig.sink.sent).toEqual([]);
    await rig.timers.advance(1);
    expect(rig.sink.sent).toEqual(['a']);
  });

  it('does not lose a wake-up that comes while it claims', async () => {
    let first = true;
    rig.ledger.fails = () => {
      if (first) void rig.insert(anIntent({ id: 'a' }));
      first = false;
      return false;
    };
    rig.dispatcher.start();
    await settleDown();
    expect(rig.sink.sent).toEqual(['a']);
  });

  it('sends many at once, never more than allowed, and all of them', async () => {
    rig = new DispatchRig({ claimBatch: 3, maxInFlight: 8 });
    await rig.insert(...intentsOf(50));
    rig.sink.answer = () => settleDown().then(() => ({ state: 'delivered', detail: 'ACK' }));
    rig.dispatcher.start();
    await rig.timers.advance(0);
    for (let turn = 0; turn < 100 && rig.notes.texts.length < 50; turn++) await settleDown();
    expect(rig.sink.mostOpen).toBe(8);
    expect((await rig.ledger.counts()).delivered).toBe(50);
  });

  it("sends one subscriber's actions one after the other, others meanwhile", async () => {
    const answers = new Map<string, (result: SinkResult) => void>();
    rig.sink.answer = (intent) => new Promise((resolve) => answers.set(intent.id, resolve));
    const notify = (id: string, subscriberId: string): ActionIntent =>
      anIntent({ id, subscriberId, kind: 'notify' });
    await rig.insert(notify('x1', 'x'), notify('x2', 'x'), notify('y1', 'y'));
    rig.dispatcher.start();
    await settleDown();
    expect(rig.sink.sent).toEqual(['x1', 'y1']);
    answers.get('x1')?.({ state: 'delivered', detail: '' });
    await settleDown();
    expect(rig.sink.sent).toEqual(['x1', 'y1', 'x2']);
  });
});

describe('failures of the other side', () => {
  it('tries again with growing waits and gives up as dead', async () => {
    rig = new DispatchRig({ maxAttempts: 3 });
    rig.sink.answer = () => BUSY;
    rig.dispatcher.start();
    await rig.insert(anIntent({ id: 'a' }));
    await settleDown();
    expect(await rig.states()).toEqual({ a: ['pending', 1, 'NAK 506'] });
    await rig.timers.advance(10_000);
    expect(rig.sink.sent).toHaveLength(3);
    expect(await rig.states()).toEqual({ a: ['dead', 3, 'gave up after 3 attempts: NAK 506'] });
    await rig.timers.advance(3_600_000);
    expect(rig.sink.sent).toHaveLength(3);
  });

  it('sends again what had no answer, then lets it rest as unknown', async () => {
    rig.sink.answer = () => SILENT;
    rig.dispatcher.start();
    await rig.insert(anIntent({ id: 'a' }));
    await settleDown();
    expect(await rig.states()).toEqual({ a: ['unknown', 1, 'no answer'] });
    await rig.timers.advance(3_600_000);
    expect(rig.sink.sent).toHaveLength(3);
    expect(await rig.states()).toEqual({ a: ['unknown', 3, 'no answer'] });
  });

  it('cuts off an attempt that takes too long, also when the sink ignores its signal', async () => {
    rig.sink.answer = () => NEVER;
    rig.dispatcher.start();
    await rig.insert(anIntent({ id: 'a' }));
    await rig.timers.advance(45_000);
    expect(rig.sink.signals[0]?.aborted).toBe(true);
    expect(await rig.states()).toEqual({ a: ['unknown', 1, '45000 ms passed before fake had an answer'] });
  });

  it('treats a sink that throws as one to try again, and shows no foreign message', async () => {
    rig = new DispatchRig({ maxAttempts: 1 });
    rig.sink.answer = () => Promise.reject(new TypeError('secret testing123'));
    rig.dispatcher.start();
    await rig.insert(anIntent({ id: 'a' }));
    await settleDown();
    expect(await rig.states()).toEqual({
      a: ['dead', 1, 'gave up after 1 attempts: fake failed: TypeError'],
    });
    expect(rig.notes.texts).toEqual(['send failed: secret testing123', 'a dead']);
  });

  it("keeps one's failure from the others", async () => {
    rig.sink.answer = (intent) => {
      if (intent.id === 'a0') throw new AppError('unreachable', 'inventory away');
      return intent.id === 'a1' ? NEVER : { state: 'delivered', detail: 'ACK' };
    };
    rig.dispatcher.start();
    await rig.insert(...intentsOf(20));
    await settleDown();
    expect((await rig.ledger.counts()).delivered).toBe(18);
  });

  it('does not send what every dispatcher before died of', async () => {
    rig = new DispatchRig({ maxAttempts: 2 });
    await rig.insert(anIntent({ id: 'a' }));
    for (let crash = 0; crash < 2; crash++) {
      await rig.ledger.claim('crashed', 1, 60_000);
      await rig.timers.advance(60_000);
    }
    rig.dispatcher.start();
    await settleDown();
    expect(rig.sink.sent).toEqual([]);
    expect(await rig.states()).toEqual({ a: ['dead', 3, 'gave up: 2 attempts ended without a result'] });
  });
});

describe('failures of the ledger', () => {
  it('waits with growing pauses while it is away, then goes on', async () => {
    let calls = 0;
    rig.ledger.fails = () => (calls += 1) <= 4;
    rig.dispatcher.start();
    await rig.insert(anIntent({ id: 'a' }));
    await rig.timers.advance(1_000 + 2_000 + 4_000);
    expect([calls, rig.sink.sent]).toEqual([4, []]);
    await rig.timers.advance(8_000);
    expect(rig.sink.sent).toEqual(['a']);
  });

  it('is not hurried by wake-ups while the ledger is away', async () => {
    let calls = 0;
    rig.ledger.fails = () => (calls += 1) > 0;
    rig.dispatcher.start();
    for (let n = 0; n < 50; n++) {
      rig.dispatcher.wake();
      await settleDown();
    }
    expect(calls).toBe(1);
  });

  it('tells it again when an answer could not be written', async () => {
    let failures = 3;
    rig.ledger.fails = (call) => call === 'settle' && failures-- > 0;
    rig.dispatcher.start();
    await rig.insert(anIntent({ id: 'a' }));
    await rig.timers.advance(10_000);
    expect(rig.sink.sent).toEqual(['a']);
    expect(await rig.states()).toEqual({ a: ['delivered', 1, 'ACK'] });
  });

  it('sends again after the lease when the answer could never be written', async () => {
    let away = true;
    rig.ledger.fails = (call) => call === 'settle' && away;
    rig.dispatcher.start();
    await rig.insert(anIntent({ id: 'a' }));
    await rig.timers.advance(59_000);
    expect(rig.sink.sent).toEqual(['a']);
    away = false;
    await rig.timers.advance(60_000);
    const [state] = (await rig.states())['a'] ?? [];
    expect(state).toBe('delivered');
    expect(rig.dispatcher.inFlight).toBe(0);
  });

  it('takes over what a frozen dispatcher was sending, and ignores that one when it wakes up', async () => {
    const frozenTimers = new ManualTimers();
    const frozenSink = new FakeSink();
    let wakeUp: (result: SinkResult) => void = () => undefined;
    frozenSink.answer = () => new Promise((resolve) => (wakeUp = resolve));
    const frozen = rig.another('frozen', { sink: frozenSink, timers: frozenTimers });
    await rig.insert(anIntent({ id: 'a' }));
    frozen.start();
    await settleDown();
    rig.dispatcher.start();
    await rig.timers.advance(59_000);
    expect([frozenSink.sent, rig.sink.sent]).toEqual([['a'], []]);
    await rig.timers.advance(1_000);
    expect(rig.sink.sent).toEqual(['a']);
    wakeUp({ state: 'rejected', detail: 'too late' });
    await settleDown();
    expect(rig.notes.texts).toEqual(['a delivered', 'a stale']);
    expect(await rig.states()).toEqual({ a: ['delivered', 2, 'ACK'] });
    await Promise.all([frozen.stop(0), frozenTimers.advance(0)]);
  });
});

describe('a claim whose answer comes late', () => {
  it('is given back unsent: what is sent by then may arrive after the next action', async () => {
    const claim = rig.ledger.claim;
    let sentBefore: string[] = ['nothing was claimed'];
    rig.ledger.claim = async (...args) => {
      rig.ledger.claim = (...again) => {
        sentBefore = [...rig.sink.sent];
        rig.ledger.claim = claim;
        return claim(...again);
      };
      const claimed = await claim(...args);
      await rig.timers.advance(16_000);
      return claimed;
    };
    await rig.insert(anIntent({ id: 'a' }));
    rig.dispatcher.start();
    for (let turn = 0; turn < 100 && rig.sink.sent.length === 0; turn++) await settleDown();
    await settleDown();
    expect(sentBefore).toEqual([]);
    expect([rig.sink.sent, rig.notes.texts]).toEqual([['a'], ['a pending', 'a delivered']]);
  });

  it('is not even given back when it is somebody else’s already', async () => {
    const other = rig.another('other');
    const claim = rig.ledger.claim;
    rig.ledger.claim = async (...args) => {
      rig.ledger.claim = claim;
      const claimed = await claim(...args);
      other.start();
      await rig.timers.advance(61_000);
      return claimed;
    };
    await rig.insert(anIntent({ id: 'a' }));
    rig.dispatcher.start();
    for (let turn = 0; turn < 100 && rig.notes.texts.length < 2; turn++) await settleDown();
    expect(rig.sink.sent).toEqual(['a']);
    expect(rig.notes.texts).toEqual(['a delivered', 'a stale']);
    await Promise.all([other.stop(0), rig.timers.advance(0)]);
  });
});

describe('stop', () => {
  const answers = new Map<string, (result: SinkResult) => void>();
  beforeEach(async () => {
    answers.clear();
    rig = new DispatchRig({ claimBatch: 2, maxInFlight: 2 });
    rig.sink.answer = (intent) => new Promise((resolve) => answers.set(intent.id, resolve));
    rig.dispatcher.start();
    await rig.insert(...intentsOf(4));
    await settleDown();
    expect(rig.sink.sent).toEqual(['a0', 'a1']);
  });

  it('waits for what is in flight and begins nothing more', async () => {
    let stopped = false;
    const stop = rig.dispatcher.stop(10_000).then(() => (stopped = true));
    answers.get('a0')?.({ state: 'delivered', detail: 'ACK' });
    await rig.timers.advance(5_000);
    expect(stopped).toBe(false);
    answers.get('a1')?.({ state: 'delivered', detail: 'ACK' });
    await settleDown();
    await stop;
    expect(rig.sink.sent).toEqual(['a0', 'a1']);
    expect(await rig.ledger.counts()).toMatchObject({ delivered: 2, pending: 2, sending: 0 });
    expect(rig.timers.waiting).toBe(0);
  });

  it('gives back at once what has no answer when the grace ends', async () => {
    const stop = rig.dispatcher.stop(10_000);
    await rig.timers.advance(9_000);
    await stop;
    expect(rig.sink.signals.every((signal) => signal.aborted)).toBe(true);
    expect(await rig.ledger.counts()).toMatchObject({ pending: 4, sending: 0 });
    expect(await rig.ledger.claim('next', 10, 60_000)).toHaveLength(4);
    expect(rig.timers.waiting).toBe(0);
  });

  it.each(['fails', 'hangs'] as const)(
    'ends in time when the ledger %s, and the lease does the rest',
    async (how) => {
      if (how === 'fails') rig.ledger.fails = () => true;
      else rig.ledger.hangs = true;
      const stop = rig.dispatcher.stop(4_000);
      await rig.timers.advance(4_000);
      await stop;
      expect(rig.timers.waiting).toBe(0);
      rig.ledger.fails = () => false;
      rig.ledger.hangs = false;
      expect(await rig.ledger.counts()).toMatchObject({ sending: 2 });
      await rig.timers.advance(56_000);
      expect(await rig.ledger.claim('next', 10, 60_000)).toHaveLength(4);
    },
  );

  it('can be called twice, and start after it does nothing', async () => {
    const [first, second] = [rig.dispatcher.stop(10), rig.dispatcher.stop(99_999)];
    expect(first).toBe(second);
    await rig.timers.advance(10);
    await first;
    rig.dispatcher.start();
    await rig.timers.advance(10_000);
    expect(rig.sink.sent).toEqual(['a0', 'a1']);
  });
});
