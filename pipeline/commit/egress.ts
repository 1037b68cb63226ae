import type { ActionIntent } from '../../schemas/action.ts';
import type { ActionLedger, SlotId, StateStore } from '../../storage/ports.ts';

interface Queued {
  n: number;
  intent: ActionIntent;
}

/** What an egress tells the outside. */
export interface EgressEvents {
  /** intents became ledger rows; `fresh` of them were new */
  stored(intents: number, fresh: number): void;
  failed(error: unknown): void;
}

/**
 * Brings one slot's committed intents to the ledger and removes them from the outbox after their insert is durable.
 * At least once to the ledger, which keeps each id once. While `heldUntil` lies ahead of the slot's position
 * (its tail was lost), nothing leaves.
 */
export class Egress {
  private readonly queue: Queued[] = [];
  private running: Promise<void> = Promise.resolve();
  private active = false;
  private stopped = false;
  private position = 0;
  private heldUntil = 0;
  private readonly slot: SlotId;
  private readonly store: StateStore;
  private readonly ledger: ActionLedger;
  private readonly events: EgressEvents;
  private readonly pause: (ms: number) => Promise<void>;

  constructor(
    slot: SlotId,
    store: StateStore,
    ledger: ActionLedger,
    events: EgressEvents,
    pause: (ms: number) => Promise<void>,
  ) {
    this.slot = slot;
    this.store = store;
    this.ledger = ledger;
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

  /** Gives the intents of a commit that was applied at `position`. */
  push(position: number, intents: readonly Queued[]): void {
    this.position = Math.max(this.position, position);
    this.queue.push(...intents);
    if (!this.active && !this.stopped && this.queue.length > 0 && !this.isHeld) {
      this.active = true;
      this.running = this.run();
    }
  }

  /** No insert begins after this; resolves when the one in flight ended. What is left stays in the outbox. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  /** Resolves when everything given so far is in the ledger, or the egress is held or stopped. */
  async drained(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    let waitMs = 50;
    while (this.queue.length > 0 && !this.stopped && !this.isHeld) {
      const batch = this.queue.slice(0, 500);
      try {
        const fresh = await this.ledger.insert(
          this.slot,
          this.position,
          batch.map(({ intent }) => intent),
        );
        await this.store.removeOutbox(
          this.slot,
          batch.map(({ n }) => n),
        );
        this.queue.splice(0, batch.length);
        this.events.stored(batch.length, fresh.length);
        waitMs = 50;
      } catch (error) {
        // Whatever it was, the intents stay in the outbox and the fault is shown; giving up would lose actions.
        this.events.failed(error);
        await this.pause(waitMs);
        waitMs = Math.min(2 * waitMs, 2000);
      }
    }
    // In the same turn as the last look at the queue: a push after it has to begin anew.
    this.active = false;
  }
}
