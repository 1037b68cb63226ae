import type { LogAppend, LogWriter } from '../../storage/ports.ts';
import { encodeControl } from '../decode/control-codec.ts';
import { WATERMARK_DELAY_MS } from '../window/spread.ts';

/**
 * A partition whose event time stands still this long gets a TICK. Not only a silent one: records of NAS whose clocks are
 * fast do not move it, and where there are no others nothing would ever be due.
 */
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
 * Appends TICK(now - 60 s) to the partitions of this process whose event time stands still or that have due work left: the
 * fold takes the maximum, so a tick too many is harmless. Not used in simulated time, where the simulator ticks.
 */
export class Ticker {
  private readonly seen = new Map<number, { position: number; watermarkMs: number; sinceMs: number }>();
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
      const stands = before?.watermarkMs === watermarkMs;
      const sinceMs = stands ? before.sinceMs : now;
      this.seen.set(partition, { position, watermarkMs, sinceMs });
      // While work is left each tick's own append moves the position: the next one follows.
      const isNext = behind && before?.position !== position;
      if (!isNext && now - sinceMs < IDLE_AFTER_MS) continue;
      const t = Math.max(now - WATERMARK_DELAY_MS, watermarkMs + 1);
      for (let i = 0; i < (behind ? TICKS_WHILE_BEHIND : 1); i += 1) {
        const value = encodeControl({ kind: 'tick', t: t + i });
        ticks.push({ partition, key: null, value, control: { source: 'tick', n: t + i } });
      }
      // One tick an idle period.
      this.seen.set(partition, { position, watermarkMs, sinceMs: now });
    }
    if (ticks.length > 0) await this.writer.append(ticks);
  }
}
