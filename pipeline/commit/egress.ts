import type { OutboxRecord } from '../../schemas/outbox.ts';
import type { ActionLedger, LedgerBatch, SlotId, StateStore } from '../../storage/ports.ts';

/** Entries that are delivered at a time, and bytes of dead letters: a flood of large ones goes in several. */
const MAX_ENTRIES = 500;
const MAX_LETTER_BYTES = 4 * 1024 * 1024;

interface Queued {
  n: number;
  record: OutboxRecord;
}

export type OwnControl = Extract<OutboxRecord, { kind: 'control' }>;

/** What an egress tells the outside. */
export interface EgressEvents {
  /** entries reached the ledger or the log; `fresh` of the `intents` among them were new */
  stored(intents: number, fresh: number): void;
  failed(error: unknown): void;
}

/** Where a slot's outbox goes. */
export interface EgressTargets {
  store: Pick<StateStore, 'removeOutbox'>;
  ledger: Pick<ActionLedger, 'insert'>;
  /**
   * Puts controls into the partitions of the log that they concern, in this order in each; durable when it resolves. What fails
   * comes again whole: a partition must not hold a later control without an earlier one.
   */
  tell: (controls: readonly OwnControl[]) => Promise<void>;
}

/**
 * Brings one slot's committed outbox, in order, to the ledger and its own controls into the log, and removes each entry after
 * that is durable. At least once; the ledger keeps each id once, and a control that comes twice is skipped by its number.
 * While `heldUntil` lies ahead of the slot's position (its tail was lost), nothing leaves.
 */
export class Egress {
  private readonly queue: Queued[] = [];
  private running: Promise<void> = Promise.resolve();
  private active = false;
  private stopped = false;
  private position = 0;
  private heldUntil = 0;
  private readonly slot: SlotId;
  private readonly targets: EgressTargets;
  private readonly events: EgressEvents;
  private readonly pause: (ms: number) => Promise<void>;

  constructor(
    slot: SlotId,
    targets: EgressTargets,
    events: EgressEvents,
    pause: (ms: number) => Promise<void>,
  ) {
    this.slot = slot;
    this.targets = targets;
    this.events = events;
    this.pause = pause;
  }

  get waiting(): number {
    return this.queue.length;
  }

  get isHeld(): boolean {
    return this.position < this.heldUntil;
  }

  /** Holds everything back until the slot's position has reached `position` again. */
  holdUntil(position: number): void {
    this.heldUntil = Math.max(this.heldUntil, position);
  }

  /** Gives the outbox of a commit that was applied at `position`. */
  push(position: number, entries: readonly Queued[]): void {
    this.position = Math.max(this.position, position);
    for (const entry of entries) this.queue.push(entry);
    if (!this.active && !this.stopped && this.queue.length > 0 && !this.isHeld) {
      this.active = true;
      this.running = this.run();
    }
  }

  /** No delivery begins after this; resolves when the one in flight ended. What is left stays in the outbox. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  /** Resolves when everything given so far was delivered, or the egress is held or stopped. */
  async drained(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    let waitMs = 50;
    while (this.queue.length > 0 && !this.stopped && !this.isHeld) {
      try {
        const delivered = await this.deliver();
        await this.targets.store.removeOutbox(
          this.slot,
          this.queue.slice(0, delivered.entries).map(({ n }) => n),
        );
        this.queue.splice(0, delivered.entries);
        this.events.stored(delivered.intents, delivered.fresh);
        waitMs = 50;
      } catch (error) {
        // Whatever it was, the entries stay in the outbox and the fault is shown; giving up would lose actions.
        this.events.failed(error);
        await this.pause(waitMs);
        waitMs = Math.min(2 * waitMs, 2000);
      }
    }
    // In the same turn as the last look at the queue: a push after it has to begin anew.
    this.active = false;
  }

  /**
   * Delivers what stands first in the queue: the ledger's part, then the controls. One does not wait for the other's order: where
   * each control between two actions went alone, a slot sent ten times as many.
   */
  private async deliver(): Promise<{ entries: number; intents: number; fresh: number }> {
    const { batch, controls, entries } = nextBatch(this.queue);
    const fresh =
      controls.length === entries ? [] : await this.targets.ledger.insert(this.slot, this.position, batch);
    if (controls.length > 0) await this.targets.tell(controls);
    return { entries, intents: batch.intents.length, fresh: fresh.length };
  }
}

function nextBatch(queue: readonly Queued[]): {
  batch: LedgerBatch;
  controls: OwnControl[];
  entries: number;
} {
  const controls: OwnControl[] = [];
  const intents = [];
  const adjustments = [];
  const closedCycles = [];
  const deadLetters = [];
  const shadows = [];
  let [entries, bytes] = [0, 0];
  for (const { record } of queue) {
    if (entries === MAX_ENTRIES || bytes > MAX_LETTER_BYTES) break;
    entries += 1;
    if (record.kind === 'control') controls.push(record);
    else if (record.kind === 'action') intents.push(record.intent);
    else if (record.kind === 'adjustment') adjustments.push(record.adjustment);
    else if (record.kind === 'closed-cycle') closedCycles.push(record.cycle);
    else if (record.kind === 'shadow') shadows.push(record.decision);
    else {
      deadLetters.push(record.letter);
      bytes += record.letter.value?.length ?? 0;
    }
  }
  return { batch: { intents, adjustments, closedCycles, deadLetters, shadows }, controls, entries };
}
