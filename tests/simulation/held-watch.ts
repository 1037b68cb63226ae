import type { LogAppend } from '../../storage/ports.ts';
import { parseOwnSource } from './own-controls.ts';

/** What one slot has lost, as the run knows it. */
interface Loss {
  atStep: number;
  /** the owner's heartbeat had told the slot mark this position: from there on the loss must be noticed */
  noticedFrom: number;
}

/**
 * Holds the product to "if the state has lost its tail, nothing leaves until it has caught up, and an alarm says why".
 * Knows by itself what was lost: it does not ask the slot marks.
 */
export class HeldWatch {
  readonly violations: string[] = [];
  /** alarms that were due, and came */
  noticed = 0;
  readonly #losses = new Map<number, Loss>();
  /** partition -> position that an undisturbed heartbeat has seen */
  readonly #beaten = new Map<number, number>();
  /** process and partition -> when it acquired the slot last */
  readonly #acquired = new Map<string, number>();
  readonly #alarmed = new Set<string>();

  /** A heartbeat of the slot's owner has ended well; the slot stood at `position` all the time. */
  beaten(partition: number, position: number): void {
    this.#beaten.set(partition, Math.max(position, this.#beaten.get(partition) ?? 0));
  }

  lost(partition: number, restoredTo: number, step: number): void {
    const seen = this.#beaten.get(partition) ?? 0;
    if (restoredTo < seen) this.#losses.set(partition, { atStep: step, noticedFrom: seen });
    else this.#losses.delete(partition);
  }

  /** The store has a commit, applied now or before. */
  reached(partition: number, position: number): void {
    const loss = this.#losses.get(partition);
    if (loss !== undefined && position >= loss.noticedFrom) this.#losses.delete(partition);
  }

  acquired(process: string, partition: number, step: number): void {
    this.#acquired.set(`${process} ${partition}`, step);
    this.#alarmed.delete(`${process} ${partition}`);
  }

  alarmed(process: string, partition: number): void {
    this.#alarmed.add(`${process} ${partition}`);
  }

  /** A process has a slot that was loaded after the loss: it must have said so. */
  opened(process: string, partition: number, position: number): void {
    const loss = this.#losses.get(partition);
    const key = `${process} ${partition}`;
    if (loss === undefined || (this.#acquired.get(key) ?? 0) <= loss.atStep) return;
    if (position >= loss.noticedFrom) this.#losses.delete(partition);
    else if (this.#alarmed.has(key)) this.noticed += 1;
    else {
      this.violations.push(
        `held: partition ${partition} stands at ${position}, ${loss.noticedFrom} had been reached, no alarm`,
      );
    }
  }

  /** Something of the slot leaves, sent at `sentAt`. What was under way before the loss may leave. */
  leaves(process: string, partition: number, sentAt: number, what: string): void {
    const loss = this.#losses.get(partition);
    const acquired = this.#acquired.get(`${process} ${partition}`) ?? 0;
    if (loss === undefined || acquired <= loss.atStep || sentAt <= acquired) return;
    this.violations.push(
      `held: ${what} of partition ${partition} leaves before ${loss.noticedFrom} is reached`,
    );
  }

  leavesIntoLog(process: string, entries: readonly LogAppend[], sentAt: number): void {
    for (const { control } of entries) {
      const partition = control === undefined ? null : parseOwnSource(control.source);
      if (partition === null) continue;
      this.leaves(process, partition, sentAt, 'a control');
      return;
    }
  }
}
