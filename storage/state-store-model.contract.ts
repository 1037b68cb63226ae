import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MemoryStateStore } from './memory/state-store.ts';
import type { SlotCommit, SlotId, SlotLease, StateStore } from './ports.ts';
import { aCommit, aSlot, collect, headText, viewOf } from './slot-factory.contract.ts';

type Changes = Pick<
  SlotCommit,
  'outbox' | 'rows' | 'deletedGroups' | 'deletedRows' | 'due' | 'values' | 'meta' | 'position'
>;
type Worker = 0 | 1;
type Step =
  | { do: 'acquire'; worker: Worker }
  | { do: 'commit'; worker: Worker; seqOffset: number; changes: Changes }
  | { do: 'repeat' }
  | { do: 'remove'; ns: number[] }
  | { do: 'clear'; worker: Worker; seqOffset: number }
  | { do: 'read'; buckets: number[]; groups: string[]; fields: string[] };

const name = fc.constantFrom('a', 'b', 'c', 'nul\0', 'é');
const bytes = fc.uint8Array({ maxLength: 4 });
const worker = fc.constantFrom<Worker>(0, 1);
const few = { maxLength: 4 };
const changes: fc.Arbitrary<Changes> = fc.record({
  outbox: fc.array(fc.record({ n: fc.nat(12), bytes }), few),
  rows: fc.array(fc.record({ group: name, field: name, value: bytes }), few),
  deletedGroups: fc.array(name, { maxLength: 1 }),
  deletedRows: fc.array(fc.record({ group: name, field: name }), few),
  due: fc.array(fc.record({ key: name, dueMs: fc.option(fc.nat(9)) }), few),
  values: fc.array(fc.record({ bucket: fc.nat(2), field: name, value: bytes }), few),
  meta: fc.array(fc.record({ field: name, value: bytes }), few),
  position: fc.nat(),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant('acquire' as const), worker }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      worker,
      // mostly the right one
      seqOffset: fc.constantFrom(1, 1, 1, 1, 1, 1, 0, 2),
      changes,
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'repeat' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('remove' as const), ns: fc.array(fc.nat(12), few) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('clear' as const),
      worker,
      seqOffset: fc.constantFrom(0, 0, 0, -1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      buckets: fc.array(fc.nat(3), few),
      groups: fc.array(name, few),
      fields: fc.array(name, few),
    }),
  },
);

/** Any history of two workers gives the same answers and the same content as the memory adapter. */
export function stateStoreModel(store: () => StateStore, runs: number): void {
  it('behaves as the memory adapter does under any history', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (history) => {
        const steps: Step[] = [{ do: 'acquire', worker: 0 }, ...history];
        const slot = aSlot();
        const real = new Run(store(), slot);
        const model = new Run(new MemoryStateStore(), slot);
        for (const each of steps) expect(await real.take(each)).toEqual(await model.take(each));
        expect(await viewOf(real.store, slot)).toEqual(await viewOf(model.store, slot));
        expect(headText(await real.store.acquire(slot))).toEqual(headText(await model.store.acquire(slot)));
      }),
      { numRuns: runs },
    );
  });
}

/** One store with the leases of two workers. What steps answer holds nothing random. */
class Run {
  readonly store: StateStore;
  readonly #slot: SlotId;
  readonly #leases: SlotLease[] = [
    { epoch: 0, token: 'never given', seq: 0 },
    { epoch: 0, token: 'never given', seq: 0 },
  ];
  #last: { commit: SlotCommit; worker: Worker } | null = null;
  #commits = 0;

  constructor(store: StateStore, slot: SlotId) {
    this.store = store;
    this.#slot = slot;
  }

  async take(step: Step): Promise<unknown> {
    if (step.do === 'remove') return this.store.removeOutbox(this.#slot, step.ns);
    if (step.do === 'read') return this.#read(step);
    if (step.do === 'clear') {
      const lease = this.#lease(step.worker);
      return this.store.clear(this.#slot, { ...lease, seq: lease.seq + step.seqOffset });
    }
    if (step.do === 'acquire') {
      const head = await this.store.acquire(this.#slot);
      this.#leases[step.worker] = head.lease;
      return headText(head);
    }
    if (step.do === 'repeat') {
      return this.#last === null ? null : this.#send(this.#last.commit, this.#last.worker);
    }
    const lease = this.#lease(step.worker);
    const commitId = `commit ${String(this.#commits++)}`;
    const seq = lease.seq + step.seqOffset;
    const commit = aCommit(this.#slot, lease, { ...step.changes, seq, commitId });
    this.#last = { commit, worker: step.worker };
    return this.#send(commit, step.worker);
  }

  async #read({ buckets, groups, fields }: Extract<Step, { do: 'read' }>): Promise<unknown> {
    const [store, slot] = [this.store, this.#slot];
    const places = fields.flatMap((field) => buckets.map((bucket) => ({ bucket, field })));
    const keys = fields.flatMap((field) => groups.map((group) => ({ group, field })));
    const [whole, rows] = [
      await store.readBuckets(slot, buckets),
      await collect(store.loadRows(slot, groups)),
    ];
    return {
      values: (await store.readValues(slot, places)).map(hex),
      rows: (await store.readRows(slot, keys)).map(hex),
      buckets: whole.map((v) => JSON.stringify([v.bucket, v.field, hex(v.value)])).sort(),
      groups: rows
        .flat()
        .map((r) => JSON.stringify([r.group, r.field, hex(r.value)]))
        .sort(),
      outbox: (await store.readOutbox(slot)).map(({ n, bytes: b }) => [n, hex(b)]),
      due: await store.loadDue(slot),
    };
  }

  async #send(commit: SlotCommit, worker: Worker): Promise<unknown> {
    const result = await this.store.commit(commit);
    if (result === 'applied') this.#leases[worker] = { ...this.#lease(worker), seq: commit.seq };
    const lease = this.#lease(worker);
    return { result, holds: await this.store.holds(this.#slot, lease) };
  }

  #lease(worker: Worker): SlotLease {
    return this.#leases[worker] ?? { epoch: 0, token: 'never given', seq: 0 };
  }
}

function hex(value: Uint8Array | null): string | null {
  return value === null ? null : Buffer.from(value).toString('hex');
}
