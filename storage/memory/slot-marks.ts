import type { SlotId, SlotMarks } from '../ports.ts';

/** Slot marks in memory, for the simulation and unit tests. */
export class MemorySlotMarks implements SlotMarks {
  readonly #positions = new Map<string, number>();

  async raise(slot: SlotId, position: number): Promise<void> {
    const key = JSON.stringify([slot.group, slot.topic, slot.partition]);
    this.#positions.set(key, Math.max(position, this.#positions.get(key) ?? position));
  }

  async read(slot: SlotId): Promise<number | null> {
    return this.#positions.get(JSON.stringify([slot.group, slot.topic, slot.partition])) ?? null;
  }
}
