import type { ActionIntent, ActionState } from '../../schemas/action.ts';
import { AppError } from '../../schemas/errors.ts';
import { MemoryActionLedger } from '../../storage/memory/ledger.ts';
import type { ActionLedger, ActionSink, LedgerAction, SinkResult } from '../../storage/ports.ts';
import type { DispatchSettings } from './dispatch-settings.ts';
import { Dispatcher, type DispatchObserver } from './dispatcher.ts';
import type { DispatchTimers } from './timers.ts';
import { actionWork } from './work.ts';

const SLOT = { group: 'weir', topic: 'accounting', partition: 0 };

/** Lets everything run that waits for no timer. */
export async function settleDown(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that moves only when told. */
export class ManualTimers implements DispatchTimers {
  #nowMs = Date.UTC(2025, 0, 12);
  #tasks: { atMs: number; run: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  get waiting(): number {
    return this.#tasks.length;
  }

  after(ms: number, run: () => void): () => void {
    const task = { atMs: this.#nowMs + ms, run };
    this.#tasks.push(task);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== task);
    };
  }

  /** Runs what comes due, in order, and lets its consequences happen at their time. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settleDown();
    for (;;) {
      const [next] = this.#tasks.filter((task) => task.atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#tasks = this.#tasks.filter((task) => task !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
      await settleDown();
    }
    this.#nowMs = endMs;
  }
}

/** A sink that answers as the test says and remembers what it was asked. */
export class FakeSink implements ActionSink {
  readonly name = 'fake';
  readonly sent: string[] = [];
  readonly signals: AbortSignal[] = [];
  open = 0;
  mostOpen = 0;
  answer: (intent: ActionIntent) => SinkResult | Promise<SinkResult> = () => ({
    state: 'delivered',
    detail: 'ACK',
  });

  async send(intent: ActionIntent, signal: AbortSignal): Promise<SinkResult> {
    this.sent.push(intent.id);
    this.signals.push(signal);
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    try {
      return await this.answer(intent);
    } finally {
      this.open -= 1;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A ledger that fails when `fails` says so: before it did anything, as a connection that is not there. */
export class FlakyLedger implements ActionLedger {
  readonly #inner: ActionLedger;
  fails: (call: 'claim' | 'settle') => boolean = () => false;
  hangs = false;

  constructor(inner: ActionLedger) {
    this.#inner = inner;
  }

  insert: ActionLedger['insert'] = (...args) => this.#inner.insert(...args);
  counts: ActionLedger['counts'] = () => this.#inner.counts();
  ofSubscriber: ActionLedger['ofSubscriber'] = (...args) => this.#inner.ofSubscriber(...args);
  recent: ActionLedger['recent'] = (...args) => this.#inner.recent(...args);
  unexported: ActionLedger['unexported'] = (...args) => this.#inner.unexported(...args);
  markExported: ActionLedger['markExported'] = (...args) => this.#inner.markExported(...args);
  claim: ActionLedger['claim'] = (...args) => this.#guard('claim', () => this.#inner.claim(...args));
  settle: ActionLedger['settle'] = (...args) => this.#guard('settle', () => this.#inner.settle(...args));

  #guard<T>(call: 'claim' | 'settle', run: () => Promise<T>): Promise<T> {
    if (this.hangs) return new Promise(() => undefined);
    if (!this.fails(call)) return run();
    return Promise.reject(new AppError('unreachable', 'Postgres is away', { retriable: true }));
  }
}

/** Everything that a dispatcher told its observer, as short texts. */
export class Notes implements DispatchObserver {
  readonly texts: string[] = [];
  readonly latenciesMs: number[] = [];

  settled(action: LedgerAction, state: ActionState, latencyMs: number): void {
    this.texts.push(`${action.intent.id} ${state}`);
    this.latenciesMs.push(latencyMs);
  }

  stale(action: LedgerAction): void {
    this.texts.push(`${action.intent.id} stale`);
  }

  failed(during: string, error: unknown): void {
    this.texts.push(`${during} failed: ${error instanceof Error ? error.message : ''}`);
  }
}

/** A dispatcher over a memory ledger with a clock, a sink and an observer of the test's. */
export class DispatchRig {
  readonly timers = new ManualTimers();
  readonly ledger = new FlakyLedger(new MemoryActionLedger({ now: () => this.timers.now() }));
  readonly sink = new FakeSink();
  readonly notes = new Notes();
  readonly dispatcher: Dispatcher;
  #position = 0;

  constructor(settings: Partial<DispatchSettings> = {}) {
    this.dispatcher = this.another('dispatcher-1', { settings });
  }

  /** One more dispatcher on the same ledger. */
  another(
    name: string,
    over: { settings?: Partial<DispatchSettings>; sink?: ActionSink; timers?: DispatchTimers } = {},
  ): Dispatcher {
    return new Dispatcher({
      work: actionWork(this.ledger, over.sink ?? this.sink),
      name,
      observer: this.notes,
      settings: over.settings ?? {},
      timers: over.timers ?? this.timers,
      random: () => 0,
    });
  }

  async insert(...intents: ActionIntent[]): Promise<void> {
    await this.ledger.insert(SLOT, ++this.#position, { intents });
    this.dispatcher.wake();
  }

  /** id -> state, attempts and detail of everything in the ledger. */
  async states(): Promise<Record<string, [ActionState, number, string]>> {
    const all = await this.ledger.recent(10_000);
    return Object.fromEntries(all.map((one) => [one.intent.id, [one.state, one.attempts, one.detail]]));
  }
}
