import { afterEach, describe, expect, it } from 'vitest';
import { Books } from '../../../simulator/billing/books.ts';
import type { InvoiceDelivery } from '../../../schemas/billing.ts';
import { anItem } from '../../../storage/billing-items.contract.ts';
import type { BillingPeer, InvoiceLedger, PeerAnswer } from '../../../storage/billing-ports.ts';
import { MemoryInvoiceLedger } from '../../../storage/memory/invoice-ledger.ts';
import { ManualTimers, settleDown } from '../dispatch-rig.contract.ts';
import { Dispatcher } from '../dispatcher.ts';
import { deliveredOf } from './invoice-rig.contract.ts';
import { invoiceSettings, invoiceWork } from './invoice-work.ts';

/** What the billing system answers to the first requests; after them it is well. */
type Script = ('well' | 'cut-before' | 'cut-after' | 'taken-after' | 'later' | 'stop' | 'away')[];

const KEYS = ['a', 'b', 'c'];

/** Books that forget the key of each request at once: whatever is sent twice is there twice. */
class ForgetfulPeer implements Pick<BillingPeer, 'send' | 'ask'> {
  readonly books = new Books(
    () => 0,
    () => undefined,
  );
  readonly #script: Script;

  constructor(script: Script) {
    this.#script = [...script];
  }

  send({ item }: InvoiceDelivery): Promise<PeerAnswer> {
    const step = this.#script.shift() ?? 'well';
    if (step === 'later') return Promise.resolve({ kind: 'later', afterMs: 5_000, detail: '429' });
    if (step === 'stop') return Promise.resolve({ kind: 'stop', detail: '401' });
    if (step === 'away') return Promise.resolve({ kind: 'not-sent', detail: 'refused' });
    if (step === 'cut-before') return Promise.resolve({ kind: 'unknown', detail: 'cut' });
    const { amountMinor, currency } = item;
    const given = { key: item.key, account: 'A', amount: { amountMinor, currency }, createdAt: '' };
    const taken = this.books.take(given, 0);
    if (step === 'cut-after') return Promise.resolve({ kind: 'unknown', detail: 'cut' });
    if (step === 'taken-after') return Promise.resolve({ kind: 'taken', detail: '409' });
    return Promise.resolve({ kind: 'accepted', remoteId: 'id' in taken ? taken.id : '' });
  }

  ask: BillingPeer['ask'] = ({ item }) => {
    const found = this.books.find(item.key);
    return Promise.resolve(
      found === undefined
        ? { kind: 'absent' }
        : { kind: 'there', same: true, remoteId: found.id, detail: '' },
    );
  };
}

/** Dies at its n-th await of something outside, before or after that was done: nothing of it comes back, ever. */
class Death {
  readonly #at: number;
  readonly #when: 'before' | 'after';
  #calls = 0;
  isDead = false;

  constructor(at: number, when: 'before' | 'after') {
    this.#at = at;
    this.#when = when;
  }

  async pass<T>(call: () => Promise<T>): Promise<T> {
    const dies = !this.isDead && this.#calls++ === this.#at;
    if (this.isDead || (dies && this.#when === 'before')) return this.#die();
    const result = await call();
    return dies || this.isDead ? this.#die() : result;
  }

  #die(): Promise<never> {
    this.isDead = true;
    return new Promise(() => undefined);
  }
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function process(
  ledger: MemoryInvoiceLedger,
  peer: ForgetfulPeer,
  timers: ManualTimers,
  death: Death | null,
): void {
  const pass = <T>(call: () => Promise<T>): Promise<T> => (death === null ? call() : death.pass(call));
  const mortal = {
    claim: (...args: Parameters<InvoiceLedger['claim']>) => pass(() => ledger.claim(...args)),
    settle: (...args: Parameters<InvoiceLedger['settle']>) => pass(() => ledger.settle(...args)),
  } as unknown as InvoiceLedger;
  const mortalPeer = {
    send: (delivery: InvoiceDelivery) => pass(() => peer.send(delivery)),
    ask: (delivery: InvoiceDelivery, signal: AbortSignal) => pass(() => peer.ask(delivery, signal)),
  } as unknown as BillingPeer;
  const events = { stopped: () => undefined, keyTaken: () => undefined };
  const dispatcher = new Dispatcher({
    work: invoiceWork(mortal, mortalPeer, events, () => timers.now()),
    name: death === null ? 'second' : 'first',
    settings: { ...invoiceSettings(1_000, 2), pollMs: 10_000 },
    timers,
    random: () => 0,
  });
  stops.push(async () => {
    const stopped = dispatcher.stop(0);
    await timers.advance(0);
    await stopped;
  });
  dispatcher.start();
}

/** Whether the first one died; then everything is seen to the end by a second one. */
async function story(script: Script, at: number, when: 'before' | 'after'): Promise<boolean> {
  const [clock, first, second] = [new ManualTimers(), new ManualTimers(), new ManualTimers()];
  const ledger = new MemoryInvoiceLedger({ now: () => clock.now() });
  const peer = new ForgetfulPeer(script);
  const death = new Death(at, when);
  ledger.add(KEYS.map((key) => anItem(key)));
  process(ledger, peer, first, death);
  for (let step = 0; step < 80 && !death.isDead && (await deliveredOf(ledger)) < KEYS.length; step++) {
    await Promise.all([clock.advance(5_000), first.advance(5_000), second.advance(5_000)]);
  }
  await settleDown();
  process(ledger, peer, second, null);
  // Time of a dead process stands still.
  for (let step = 0; step < 200 && (await deliveredOf(ledger)) < KEYS.length; step++)
    await Promise.all([clock.advance(30_000), second.advance(30_000)]);
  expect(await deliveredOf(ledger)).toBe(KEYS.length);
  const there = peer.books.items.map(({ key }) => key).sort();
  expect(there, `died ${when} its call ${at} of ${script.join(' ')}`).toEqual(KEYS);
  return death.isDead;
}

const SCRIPTS: Script[] = [
  ['well'],
  ['cut-after'],
  ['cut-before', 'cut-before', 'cut-after'],
  ['taken-after', 'cut-after', 'well'],
  ['later', 'cut-after'],
  ['stop', 'cut-after', 'well', 'cut-after'],
  ['away', 'taken-after', 'cut-before'],
];

describe.each(SCRIPTS.map((script) => [script.join(' '), script] as const))('billing: %s', (_, script) => {
  it.each(['before', 'after'] as const)(
    'charges each item once, though its dispatcher died %s any of its calls',
    async (when) => {
      let deaths = 0;
      while (await story(script, deaths, when)) deaths += 1;
      // Claim, send and settle of three items at least; a story without a death came last.
      expect(deaths).toBeGreaterThanOrEqual(7);
    },
  );
});
