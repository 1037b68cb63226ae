import { setTimeout as pause } from 'node:timers/promises';
import { waitUntil } from '../../dev/processes/wait-until.ts';
import type { ChaosServers, KillableServer } from './chaos-servers.ts';
import type { FaultKind, PlannedFault } from './fault-plan.ts';
import type { Fleet } from './fleet.ts';

/** A fault that was injected. */
export interface Injected {
  kind: FaultKind;
  /** of the run, ms; null = it is not over */
  fromMs: number;
  overMs: number | null;
}

/** Where each partition stood when Redis went back to an older copy. */
export interface Restored {
  /** wall clock, ms */
  atMs: number;
  /** positions that the copy holds at most, by partition */
  copied: number[];
  /** marks that Postgres held when Redis was killed, by partition; null = Postgres was away */
  marks: (number | null)[];
}

/** What the injector needs to know of the slots. */
export interface SlotWatch {
  positions(): Promise<number[]>;
  marks(): Promise<(number | null)[]>;
}

const PROBE_MS = 10_000;
/** Of each partition, at least, when Redis goes back to an older copy. */
const LOST_ENTRIES = 100;
/** Longest wait for that: other faults hold the workers up meanwhile. */
const MOVED_MS = 90_000;

/** Carries out a plan of faults. */
export class Injector {
  readonly injected: Injected[] = [];
  readonly restored: Restored[] = [];
  /** faults that could not be carried out: the run is void */
  readonly failures: string[] = [];
  readonly #servers: ChaosServers;
  readonly #fleet: Fleet;
  readonly #slots: SlotWatch;
  readonly #say: (line: string) => void;
  /** what is being done to a server; the next one waits for it */
  readonly #busy = new Map<KillableServer, Promise<void>>();

  constructor(servers: ChaosServers, fleet: Fleet, slots: SlotWatch, say: (line: string) => void) {
    this.#servers = servers;
    this.#fleet = fleet;
    this.#slots = slots;
    this.#say = say;
  }

  /** Runs the whole plan; resolves when the last fault is over. @param startedMs performance.now() of the run's begin */
  async run(plan: readonly PlannedFault[], startedMs: number): Promise<void> {
    await Promise.all(
      plan.map(async (planned) => {
        await pause(Math.max(0, startedMs + planned.atMs - performance.now()));
        const { kind } = planned.fault;
        const injected: Injected = { kind, fromMs: performance.now() - startedMs, overMs: null };
        this.injected.push(injected);
        try {
          await this.#inject(planned);
        } catch (error) {
          this.failures.push(`${kind} at ${String(planned.atMs)} ms: ${(error as Error).message}`);
        }
        injected.overMs = performance.now() - startedMs;
        const [from, to] = [injected.fromMs, injected.overMs].map((ms) => (ms / 1_000).toFixed(1));
        this.#say(`${String(from)} s to ${String(to)} s: ${JSON.stringify(planned.fault)}`);
      }),
    );
  }

  async #inject({ fault }: PlannedFault): Promise<void> {
    const fleet = this.#fleet;
    switch (fault.kind) {
      case 'kill':
        await fleet.kill(fault.worker);
        await pause(fault.downMs);
        fleet.start(fault.worker);
        return;
      case 'freeze':
        fleet.freeze(fault.worker);
        await pause(fault.forMs);
        fleet.thaw(fault.worker);
        return;
      case 'rolling-restart':
        for (let worker = 0; worker < fleet.size; worker += 1) {
          await fleet.stop(worker);
          fleet.start(worker);
          // As an orchestrator waits for a probe; a server that is away meanwhile is no reason to wait for ever.
          await Promise.race([fleet.up(worker).catch(() => undefined), pause(PROBE_MS)]);
        }
        return;
      case 'redis-restart':
        return this.#restart('redis', fault.downMs);
      case 'kafka-restart':
        return this.#restart('kafka', fault.downMs);
      case 'redis-older-copy':
        return this.#inTurn('redis', () => this.#loseTail(fault.ageMs));
      case 'clickhouse-away':
        return this.#restart('clickhouse', fault.forMs);
      case 'postgres-away':
        return this.#restart('postgres', fault.forMs);
      case 'swallow-answer':
        return fleet.proxy(fault.worker, fault.server).swallowAnswer(fault.request);
      case 'stall':
        fleet.proxy(fault.worker, fault.server).stall(fault.forMs);
        await pause(fault.forMs);
        return;
      case 'slow':
        fleet.proxy(fault.worker, fault.server).slow(fault.delayMs, fault.forMs);
        await pause(fault.forMs);
        return;
      case 'cut':
        return fleet.proxy(fault.worker, fault.server).cut();
    }
  }

  #restart(server: KillableServer, downMs: number): Promise<void> {
    return this.#inTurn(server, async () => {
      await this.#servers.kill(server);
      await pause(downMs);
      await this.#servers.restart(server);
    });
  }

  /** On a busy machine a server may take longer to come up than was planned. */
  #inTurn(server: KillableServer, work: () => Promise<void>): Promise<void> {
    const done = (this.#busy.get(server) ?? Promise.resolve()).then(work);
    this.#busy.set(
      server,
      done.catch(() => undefined),
    );
    return done;
  }

  /** Every partition, by a few entries at least, as their marks say. */
  async #moved(copied: readonly number[]): Promise<boolean> {
    const marks = await this.#slots.marks();
    return marks.every((mark, partition) => mark !== null && mark > (copied[partition] ?? 0) + LOST_ENTRIES);
  }

  async #loseTail(ageMs: number): Promise<void> {
    const copy = await this.#servers.copyRedis();
    // Read after the copy: it holds no more than this.
    const copied = await this.#slots.positions();
    await pause(ageMs);
    // Where nothing was committed since, nothing would be lost.
    await waitUntil('something is committed after the copy', () => this.#moved(copied), {
      timeoutMs: MOVED_MS,
    });
    const marks = await this.#slots.marks();
    await this.#servers.kill('redis');
    await this.#servers.restoreRedis(copy);
    const atMs = Date.now();
    await this.#servers.restart('redis');
    this.restored.push({ atMs, copied, marks });
  }
}
