import { Random } from '../../simulator/random.ts';

/** A server that a worker reaches through a fault proxy of its own. */
export type ProxiedServer = 'redis' | 'postgres';

/** One thing that goes wrong. Workers are numbered from 0. */
export type Fault =
  /** kill -9, and a new process `downMs` later */
  | { kind: 'kill'; worker: number; downMs: number }
  /** SIGSTOP for longer than the group waits for a member, then SIGCONT: it goes on as an owner that is none any more */
  | { kind: 'freeze'; worker: number; forMs: number }
  /** SIGTERM and a new process, one worker after the other */
  | { kind: 'rolling-restart' }
  | { kind: 'redis-restart'; downMs: number }
  /** its files are copied, `ageMs` later it is killed and comes back on the copy */
  | { kind: 'redis-older-copy'; ageMs: number }
  | { kind: 'kafka-restart'; downMs: number }
  | { kind: 'clickhouse-away'; forMs: number }
  | { kind: 'postgres-away'; forMs: number }
  /** the next request has its effect, its answer is lost with the connection */
  | { kind: 'swallow-answer'; worker: number; server: ProxiedServer; request: string | null }
  /** nothing passes for a while, then everything does: late requests of callers that have given up */
  | { kind: 'stall'; worker: number; server: ProxiedServer; forMs: number }
  | { kind: 'slow'; worker: number; server: ProxiedServer; delayMs: number; forMs: number }
  | { kind: 'cut'; worker: number; server: ProxiedServer };

export type FaultKind = Fault['kind'];

/** A fault and its moment, ms from the begin of the run; it is over, and mended, `tookMs` later. */
export interface PlannedFault {
  atMs: number;
  tookMs: number;
  fault: Fault;
}

/** What a plan is made from, and nothing else. */
export interface PlanOptions {
  seed: number;
  durationMs: number;
  workers: number;
  /** of ClickHouse and Postgres: a minute and more instead of 10 s */
  longOutages: boolean;
}

/** Faults of processes and servers. A plan of 110 s or more has each at least once. */
export const HEAVY_KINDS = [
  'kill',
  'freeze',
  'rolling-restart',
  'redis-restart',
  'redis-older-copy',
  'kafka-restart',
  'clickhouse-away',
  'postgres-away',
] as const satisfies readonly FaultKind[];

/** Faults of the connections between workers and servers. */
export const NETWORK_KINDS = [
  'swallow-answer',
  'stall',
  'slow',
  'cut',
] as const satisfies readonly FaultKind[];

const FIRST_MS = 2_000;
/** For starting a process or a server again, before the same one is hurt again. */
const START_MS = 6_000;
/** Parts of requests that change something: scripts of the state store, commits of the ledger. */
const REQUESTS: Readonly<Record<ProxiedServer, readonly (string | null)[]>> = {
  redis: ['evalsha', null],
  postgres: ['commit', 'insert into action', null],
};

/** The same options, the same plan, in order of time. Faults of different processes and servers overlap. */
export function planFaults(options: PlanOptions): PlannedFault[] {
  return [...heavyFaults(options), ...networkFaults(options)].sort((a, b) => a.atMs - b.atMs);
}

function heavyFaults(options: PlanOptions): PlannedFault[] {
  const random = new Random(options.seed, 'heavy faults');
  const planned: PlannedFault[] = [];
  const freeAtMs = new Map<string, number>();
  let deck: Fault[] = [];
  let at = FIRST_MS;
  while (at < options.durationMs) {
    if (deck.length === 0)
      deck = shuffled(HEAVY_KINDS, random).map((kind) => drawHeavy(kind, random, options));
    const startOf = (fault: Fault): number =>
      Math.max(at, ...targetsOf(fault, options.workers).map((target) => freeAtMs.get(target) ?? 0));
    // What can begin first, so that short runs have all kinds.
    const fault = deck.reduce((best, other) => (startOf(other) < startOf(best) ? other : best));
    deck.splice(deck.indexOf(fault), 1);
    const tookMs = durationOf(fault, options.workers);
    const atMs = startOf(fault);
    if (atMs + tookMs > options.durationMs) {
      // Something shorter may still fit.
      at += 500;
      continue;
    }
    planned.push({ atMs, tookMs, fault });
    for (const target of targetsOf(fault, options.workers)) freeAtMs.set(target, atMs + tookMs + START_MS);
    at =
      atMs +
      Math.floor(Math.min(tookMs, 15_000) * (0.2 + 0.7 * random.next())) +
      random.between(1_500, 4_000);
  }
  return planned;
}

function drawHeavy(kind: (typeof HEAVY_KINDS)[number], random: Random, options: PlanOptions): Fault {
  const worker = random.between(0, options.workers - 1);
  const awayMs = options.longOutages ? random.between(60_000, 90_000) : 10_000;
  switch (kind) {
    case 'kill':
      return { kind, worker, downMs: random.between(200, 4_000) };
    case 'freeze':
      return { kind, worker, forMs: random.between(12_000, 15_000) };
    case 'rolling-restart':
      return { kind };
    case 'redis-restart':
    case 'kafka-restart':
      return { kind, downMs: random.between(0, 3_000) };
    case 'redis-older-copy':
      return { kind, ageMs: random.between(3_000, 8_000) };
    case 'clickhouse-away':
    case 'postgres-away':
      return { kind, forMs: awayMs };
  }
}

/** As planned; what starts meanwhile may take longer. */
function durationOf(fault: Fault, workers: number): number {
  switch (fault.kind) {
    case 'kill':
    case 'redis-restart':
    case 'kafka-restart':
      return fault.downMs + START_MS;
    case 'freeze':
    case 'clickhouse-away':
    case 'postgres-away':
    case 'stall':
    case 'slow':
      return fault.forMs;
    case 'rolling-restart':
      return workers * START_MS;
    case 'redis-older-copy':
      return fault.ageMs + START_MS;
    case 'swallow-answer':
    case 'cut':
      return 0;
  }
}

/** What cannot have another heavy fault meanwhile. */
function targetsOf(fault: Fault, workers: number): string[] {
  switch (fault.kind) {
    case 'rolling-restart':
      return Array.from({ length: workers }, (_, worker) => `worker ${String(worker)}`);
    case 'redis-restart':
      return ['redis'];
    case 'redis-older-copy':
      // Postgres holds the marks by which the loss is noticed at once.
      return ['redis', 'postgres'];
    case 'kafka-restart':
      return ['kafka'];
    case 'clickhouse-away':
      return ['clickhouse'];
    case 'postgres-away':
      return ['postgres'];
    default:
      return [`worker ${String(fault.worker)}`];
  }
}

function networkFaults(options: PlanOptions): PlannedFault[] {
  const random = new Random(options.seed, 'network faults');
  const planned: PlannedFault[] = [];
  for (let at = FIRST_MS; at < options.durationMs - 8_000; at += random.between(500, 3_000)) {
    const fault = drawNetwork(random, options.workers);
    planned.push({ atMs: at, tookMs: durationOf(fault, options.workers), fault });
  }
  return planned;
}

function drawNetwork(random: Random, workers: number): Fault {
  const kind = random.weighted([
    ['swallow-answer', 5],
    ['cut', 2],
    ['stall', 2],
    ['slow', 2],
  ] as const);
  const worker = random.between(0, workers - 1);
  const server: ProxiedServer = random.chance(0.6) ? 'redis' : 'postgres';
  switch (kind) {
    case 'swallow-answer': {
      const requests = REQUESTS[server];
      return { kind, worker, server, request: requests[random.between(0, requests.length - 1)] ?? null };
    }
    case 'stall':
      // Past the 5 s after which a command to Redis is given up, now and then.
      return { kind, worker, server, forMs: random.between(500, 7_500) };
    case 'slow':
      return { kind, worker, server, delayMs: random.between(20, 300), forMs: random.between(1_000, 5_000) };
    case 'cut':
      return { kind, worker, server };
  }
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const deck = [...list];
  for (let i = deck.length - 1; i > 0; i -= 1) {
    const j = random.between(0, i);
    [deck[i], deck[j]] = [deck[j] as T, deck[i] as T];
  }
  return deck;
}
