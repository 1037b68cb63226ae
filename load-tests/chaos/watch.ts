import { setTimeout as pause } from 'node:timers/promises';
import type { ChaosBed } from './chaos-bed.ts';
import type { FleetLine } from './fleet.ts';
import type { Injected, Restored } from './injector.ts';

const LOOK_MS = 200;
/** After an alarm of a lost tail. */
const CLOSE_LOOK_MS = 10;
const CLOSE_MS = 5_000;
/** As pipeline/telemetry/observers.ts words them. */
const TAIL_LOST = 'the state lost its tail';
const HALTED = 'partition halted';
const DEFECTS = ['a promise was rejected and nobody looked', 'an exception that nobody caught'];

interface HeldLook {
  owned: number;
  held: number;
  opened: number;
  stored: number;
}

/** Looks at a run from outside: how far behind it is, which alarms it raises, what leaves while it must not. */
export class ChaosWatch {
  /** alarms of a lost tail */
  readonly tailAlarms: FleetLine[] = [];
  readonly halts: FleetLine[] = [];
  /** lines of defects: must stay empty */
  readonly defects: FleetLine[] = [];
  /** what left although every partition of a worker was held: must stay empty */
  readonly leaks: string[] = [];
  /** looks at workers whose egress was held */
  heldLooks = 0;
  /** entries between the slots and the ends of the log at each look, ms from the begin; null = somebody did not answer */
  readonly lags: { atMs: number; lag: number | null }[] = [];
  readonly #bed: ChaosBed;
  readonly #startedMs: number;
  readonly #held = new Map<number, HeldLook[]>();
  /** close looks that are under way, by worker */
  readonly #close = new Map<number, Promise<void>>();
  #stopping = false;
  #loops: Promise<unknown> = Promise.resolve();

  /** @param startedMs performance.now() of the run's begin */
  constructor(bed: ChaosBed, startedMs: number) {
    this.#bed = bed;
    this.#startedMs = startedMs;
    bed.fleet.onLine((line) => {
      if (line.msg.startsWith(TAIL_LOST)) {
        this.tailAlarms.push(line);
        this.#closeLooks(line.worker);
      }
      if (line.msg.startsWith(HALTED)) this.halts.push(line);
      if (DEFECTS.includes(line.msg)) this.defects.push(line);
    });
  }

  start(): void {
    const workers = Array.from({ length: this.#bed.fleet.size }, (_, worker) => worker);
    const lookAtHeld = async (worker: number): Promise<void> => {
      if (!this.#close.has(worker)) await this.#lookAtHeld(worker);
    };
    const looks = [() => this.#lookAtLag(), ...workers.map((worker) => () => lookAtHeld(worker))];
    this.#loops = Promise.all(looks.map((look) => this.#every(look)));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#loops;
    await Promise.all(this.#close.values());
  }

  /** Time from the end of a fault until nothing was behind (at most `nearly` entries), ms; null = not seen. */
  recoveryMs({ overMs }: Injected, nearly: number): number | null {
    if (overMs === null) return null;
    const caughtUp = this.lags.find(({ atMs, lag }) => atMs >= overMs && lag !== null && lag <= nearly);
    return caughtUp === undefined ? null : caughtUp.atMs - overMs;
  }

  /** Lost tails for which no alarm was raised, in words. */
  missedAlarms(restored: readonly Restored[]): string[] {
    return restored.flatMap(({ atMs, copied, marks }) =>
      copied.flatMap((position, partition) => {
        const mark = marks[partition] ?? null;
        const alarmed = this.tailAlarms.some((line) => line.partition === partition && line.atMs >= atMs);
        return mark === null || position >= mark || alarmed
          ? []
          : [
              `partition ${String(partition)} went back from ${String(mark)} to ${String(position)} or less, silently`,
            ];
      }),
    );
  }

  /** Catching up takes a second: ordinary looks would miss it. */
  #closeLooks(worker: number): void {
    if (this.#close.has(worker)) return;
    const endMs = performance.now() + CLOSE_MS;
    const look = async (): Promise<void> => {
      while (performance.now() < endMs && !this.#stopping) {
        await this.#lookAtHeld(worker);
        await pause(CLOSE_LOOK_MS);
      }
      this.#close.delete(worker);
    };
    this.#close.set(worker, look());
  }

  async #every(look: () => Promise<void>): Promise<void> {
    while (!this.#stopping) {
      await look();
      await pause(LOOK_MS);
    }
  }

  async #lookAtLag(): Promise<void> {
    const atMs = performance.now() - this.#startedMs;
    try {
      const ends = await this.#bed.ends();
      const positions = await this.#bed.positions();
      const lag = ends.reduce((sum, end, i) => sum + Math.max(0, end - (positions[i] ?? 0)), 0);
      this.lags.push({ atMs, lag });
    } catch {
      // Kafka or Redis is away just now.
      this.lags.push({ atMs, lag: null });
    }
  }

  async #lookAtHeld(worker: number): Promise<void> {
    const metrics = await this.#bed.fleet.metrics(worker);
    const of = (name: string): number => metrics?.get(name) ?? 0;
    const look: HeldLook = {
      owned: of('weir_partitions_owned'),
      held: of('weir_partitions_egress_held'),
      opened: of('weir_slots_opened_total'),
      stored: of('weir_intents_stored_total'),
    };
    const looks = this.#held.get(worker) ?? [];
    this.#held.set(worker, looks);
    if (metrics === null || metrics.size === 0 || look.held === 0 || look.held < look.owned) {
      looks.length = 0;
      return;
    }
    this.heldLooks += 1;
    looks.push(look);
    if (looks.length > 3) looks.shift();
    // The counters are read a little after the gauges: only a look after both shows that they were held all the time.
    const [first, second, third] = looks;
    if (first === undefined || second === undefined || third === undefined) return;
    if (first.opened !== third.opened || first.stored === second.stored) return;
    this.leaks.push(
      `worker ${String(worker)}: ${String(second.stored - first.stored)} intents left while held`,
    );
  }
}
