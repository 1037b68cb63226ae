import type { LogAppend, LogWriter } from '../../storage/ports.ts';
import { encodeControl } from '../decode/control-codec.ts';
import { WATERMARK_DELAY_MS } from '../window/spread.ts';

/** A partition that is silent this long gets a TICK, so that its event time goes on. */
export const IDLE_AFTER_MS = 30_000;

/** Each tick drains 2,000 subscribers: a silent partition of 125,000 has caught up with a new policy in 4 s. */
const TICKS_WHILE_BEHIND = 20;

/** What the ticker has to know of a slot of this process. */
export interface TickedSlot {
  partition: number;
  position: number;
  watermarkMs: number;
  /** event-time work is due at the watermark and was not drained yet */
  behind: boolean;
}

/**
 * Appends TICK(now - 60 s) to the partitions of this process that are silent or have due work left: the fold takes the
 * maximum, so a tick too many is harmless. Not used in simulated time, where the simulator ticks.
 */
export class Ticker {
  private readonly seen = new Map<number, { position: number; sinceMs: number }>();
  private readonly writer: LogWriter;
  private readonly slots: () => TickedSlot[];
  private readonly nowMs: () => number;

  constructor(writer: LogWriter, slots: () => TickedSlot[], nowMs: () => number) {
    this.writer = writer;
    this.slots = slots;
    this.nowMs = nowMs;
  }

  /** To be called every second, never overlapping. Throws what the writer throws; the next call tries again. */
  async beat(): Promise<void> {
    const now = this.nowMs();
    const ticks: LogAppend[] = [];
    for (const { partition, position, watermarkMs, behind } of this.slots()) {
      const before = this.seen.get(partition);
      if (before?.position !== position) {
        this.seen.set(partition, { position, sinceMs: now });
        if (!behind) continue;
      } else if (now - before.sinceMs < IDLE_AFTER_MS) continue;
      const t = Math.max(now - WATERMARK_DELAY_MS, watermarkMs + 1);
      for (let i = 0; i < (behind ? TICKS_WHILE_BEHIND : 1); i += 1) {
        const value = encodeControl({ kind: 'tick', t: t + i });
        ticks.push({ partition, key: null, value, control: { source: 'tick', n: t + i } });
      }
      // One tick an idle period: its own append moves the position.
      this.seen.set(partition, { position, sinceMs: now });
    }
    if (ticks.length > 0) await this.writer.append(ticks);
  }
}
