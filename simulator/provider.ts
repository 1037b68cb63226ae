import type { Speed } from '../schemas/action.ts';
import type { PlanVersion } from '../schemas/profile.ts';
import { Aaa } from './aaa.ts';
import { Delivery, type DeliveryCounts, type SimRecord } from './delivery.ts';
import { EventQueue } from './event-queue.ts';
import { USUAL_FAULTS, type FaultRates } from './faults.ts';
import { SIMULATED_PLANS, simulatedPlan } from './plans.ts';
import { simulatedSubscriber, type SimNas, type SimSubscriber } from './profiles.ts';
import { Random } from './random.ts';
import {
  count,
  nasRecord,
  sessionRecord,
  type SessionEnd,
  type SessionTruth,
  type SimSession,
} from './session.ts';
import { drawCause, nextSessionId, tower, type Tower } from './tower.ts';
import { carriedBytes, dayFactor, drawDemand } from './traffic.ts';

/** What a provider is made of; all but the first three have defaults. */
export interface ProviderOptions {
  readonly seed: number;
  readonly subscribers: number;
  /** simulated time at which the model begins, ms since 1970 UTC */
  readonly startMs: number;
  /** when the provider was first started; profiles are dated by it. Default startMs */
  readonly originMs?: number;
  /** default 4 */
  readonly nasCount?: number;
  /** default 300 */
  readonly interimSeconds?: number;
  readonly faults?: Partial<FaultRates>;
  /** raised by one at each restart, so that session and record ids are never used twice. Default 1 */
  readonly generation?: number;
  /** keep closed sessions for truth(); false for runs without end. Default true */
  readonly keepsClosed?: boolean;
}

/** A session as a CoA names it. */
export interface SessionName {
  readonly nasId: string;
  readonly userName: string;
  readonly sessionId: string;
}

interface Device {
  readonly subscriber: SimSubscriber;
  /** 0 = the line, which is nearly always on; others come and go */
  readonly number: number;
  last: SimSession | null;
}

type SimEvent =
  | { kind: 'connect'; device: Device; tower: Tower }
  | { kind: 'interim' | 'stop'; device: Device; tower: Tower; session: SimSession }
  | { kind: 'reboot'; tower: Tower }
  | { kind: 'up'; tower: Tower };

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Share of sessions that end by moving to another NAS. */
const ROAMING = 0.15;

/**
 * The model of a provider: subscribers, sessions, NAS and everything that goes wrong between a NAS and the log.
 * Pure: no clock and no IO. The same options and the same calls of setSpeed and disconnect at the same model times
 * give the same records, however the time between is cut into calls of advance.
 */
export class Provider {
  readonly options: Required<Omit<ProviderOptions, 'faults'>> & { readonly faults: FaultRates };
  readonly subscribers: readonly SimSubscriber[];
  readonly aaa = new Aaa();
  readonly #random: Random;
  readonly #delivery: Delivery;
  readonly #events = new EventQueue<SimEvent>();
  readonly #users: ReadonlyMap<string, SimSubscriber>;
  readonly #towers: [Tower, ...Tower[]];
  readonly #closed: SessionTruth[] = [];
  #nowMs: number;
  #records = 0;
  #sessions = 0;

  constructor(options: ProviderOptions) {
    this.options = {
      originMs: options.startMs,
      nasCount: 4,
      interimSeconds: 300,
      generation: 1,
      keepsClosed: true,
      ...options,
      faults: { ...USUAL_FAULTS, ...options.faults },
    };
    const { seed, generation, faults, interimSeconds, originMs, nasCount } = this.options;
    this.#nowMs = options.startMs;
    this.#random = new Random(seed, `provider-${generation}`);
    this.#delivery = new Delivery({
      random: this.#random,
      faults,
      interimSeconds,
      recordId: () => this.#recordId(),
    });
    this.subscribers = Array.from({ length: options.subscribers }, (_, i) =>
      simulatedSubscriber(seed, i, originMs),
    );
    this.#users = new Map(this.subscribers.map((each) => [each.profile.userName, each]));
    this.#towers = [tower(0), ...Array.from({ length: nasCount - 1 }, (_, i) => tower(i + 1))];
    this.#plug();
  }

  /** Model time, ms since 1970 UTC. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get openSessions(): number {
    return this.#towers.reduce((sum, { sessions }) => sum + sessions.size, 0);
  }

  /** Sessions begun, and copies and faults made so far. */
  get counts(): DeliveryCounts & { readonly sessions: number } {
    return { ...this.#delivery.counts, sessions: this.#sessions };
  }

  get nas(): readonly SimNas[] {
    return this.#towers.map(({ nas }) => nas);
  }

  get plans(): readonly PlanVersion[] {
    return Object.values(SIMULATED_PLANS);
  }

  /** Moves model time on; what has arrived at the log by then, in order of arrival. Not later than now: nothing. */
  advance(toMs: number): SimRecord[] {
    while (this.#events.nextMs() <= toMs) {
      const atMs = this.#events.nextMs();
      const event = this.#events.pop();
      if (event === undefined) break;
      this.#happen(event, atMs);
    }
    this.#nowMs = Math.max(this.#nowMs, toMs);
    return this.#delivery.collect(toMs);
  }

  /**
   * A CoA: limits an open session from now on, and every later login of the user. False = no such session; the user's
   * next login gets the limit all the same, since who sends a CoA has written the AAA's tables before.
   */
  setSpeed(name: SessionName, speed: Speed): boolean {
    const subscriber = this.#users.get(name.userName);
    if (subscriber !== undefined)
      this.aaa.set(name.userName, speed, this.#planSpeed(subscriber, this.#nowMs));
    const session = this.session(name);
    if (session === undefined) return false;
    count(session, this.#nowMs);
    session.truth.speed = { downBps: speed.downBps, upBps: speed.upBps };
    return true;
  }

  /** A Disconnect: ends an open session with a Stop; the device logs in again. False = no such session. */
  disconnect(name: SessionName): boolean {
    const session = this.session(name);
    const at = this.#towers.find(({ nas }) => nas.profile.nasId === name.nasId);
    if (session === undefined || at === undefined) return false;
    const atMs = Math.ceil(this.#nowMs / 1_000) * 1_000;
    const device = { subscriber: session.subscriber, number: session.device, last: session };
    this.#stop(device, at, session, atMs, 'Admin-Reset');
    return true;
  }

  /** An open session by NAS, User-Name and Acct-Session-Id. */
  session({ nasId, userName, sessionId }: SessionName): Readonly<SimSession> | undefined {
    const found = this.#towers.find(({ nas }) => nas.profile.nasId === nasId)?.sessions.get(sessionId);
    return found?.truth.userName === userName ? found : undefined;
  }

  /** Exact totals of every session so far (open ones only with keepsClosed false), by end. Copies; changes nothing. */
  truth(): SessionTruth[] {
    const open = this.#towers.flatMap(({ sessions }) => [...sessions.values()]);
    return [
      ...this.#closed.map((truth) => ({ ...truth })),
      ...open.map(({ truth, demand, countedMs }) => {
        const ms = this.#nowMs - countedMs;
        return {
          ...truth,
          downBytes: truth.downBytes + carriedBytes(demand.downBps, truth.speed.downBps, ms),
          upBytes: truth.upBytes + carriedBytes(demand.upBps, truth.speed.upBps, ms),
        };
      }),
    ];
  }

  #plug(): void {
    const { startMs, interimSeconds, faults } = this.options;
    const base = Math.ceil(startMs / 1_000) * 1_000;
    for (const subscriber of this.subscribers) {
      for (let number = 0; number < subscriber.devices; number += 1) {
        const device: Device = { subscriber, number, last: null };
        const spread = this.#random.between(1, interimSeconds) * 1_000;
        const delay = subscriber.appetite === 'starter' ? 1_000 : number === 0 ? spread : this.#gapMs();
        this.#events.push(base + delay, { kind: 'connect', device, tower: this.#home(subscriber) });
      }
    }
    for (const each of this.#towers) this.#scheduleReboot(each, base, faults.rebootsPerNasDay);
  }

  #happen(event: SimEvent, atMs: number): void {
    switch (event.kind) {
      case 'connect':
        this.#connect(event.device, event.tower, atMs);
        return;
      case 'interim':
        if (event.session.truth.end === 'open') this.#interim(event, event.session, atMs);
        return;
      case 'stop':
        if (event.session.truth.end === 'open') {
          this.#stop(event.device, event.tower, event.session, atMs, drawCause(this.#random));
        }
        return;
      case 'reboot':
        this.#reboot(event.tower, atMs);
        return;
      case 'up':
        this.#delivery.send(nasRecord(event.tower.nas, this.#recordId(), 'ACCOUNTING_ON', atMs), null);
        this.#scheduleReboot(event.tower, atMs, this.options.faults.rebootsPerNasDay);
    }
  }

  #connect(device: Device, at: Tower, atMs: number): void {
    if (at.downUntilMs > atMs) {
      const laterMs = at.downUntilMs + this.#random.between(5, 300) * 1_000;
      this.#events.push(laterMs, { kind: 'connect', device, tower: at });
      return;
    }
    const session = this.#open(device, at, atMs);
    device.last = session;
    at.sessions.set(session.truth.sessionId, session);
    this.#sessions += 1;
    this.#redraw(session, atMs);
    if (session.startSent) this.#say(session, 'START', atMs, null);
    const meanMs = device.number === 0 ? 12 * HOUR_MS : HOUR_MS;
    // A starter stays until its cap is behind it.
    const leastMs = device.subscriber.appetite === 'starter' ? 2 * HOUR_MS : 120_000;
    const durationMs = leastMs + Math.floor(this.#random.exponential(meanMs) / 1_000) * 1_000;
    const about = { device, tower: at, session };
    this.#events.push(atMs + this.options.interimSeconds * 1_000, { kind: 'interim', ...about });
    this.#events.push(atMs + durationMs, { kind: 'stop', ...about });
  }

  #open(device: Device, at: Tower, atMs: number): SimSession {
    const { faults, generation } = this.options;
    const { subscriber } = device;
    const { subscriberId, userName } = subscriber.profile;
    const reuses = this.#random.chance(faults.reusedIds);
    const sessionId = nextSessionId(at, generation, device.last, reuses, atMs);
    const speed = this.aaa.limit(userName) ?? this.#planSpeed(subscriber, atMs);
    const truth: SessionTruth = {
      subscriberId,
      userName,
      nasId: at.nas.profile.nasId,
      sessionId,
      startMs: atMs,
      endMs: null,
      end: 'open',
      downBytes: 0,
      upBytes: 0,
      reportedDownBytes: 0,
      reportedUpBytes: 0,
      records: 0,
      speed: { downBps: speed.downBps, upBps: speed.upBps },
    };
    return {
      truth,
      subscriber,
      nas: at.nas,
      device: device.number,
      startSent: !this.#random.chance(faults.missingStarts),
      sendsStop: !this.#random.chance(faults.missingStops),
      countedMs: atMs,
      demand: { downBps: 0, upBps: 0 },
      lastArrivalMs: atMs,
    };
  }

  #interim(about: { device: Device; tower: Tower }, session: SimSession, atMs: number): void {
    count(session, atMs);
    this.#say(session, 'INTERIM_UPDATE', atMs, null);
    this.#redraw(session, atMs);
    const { device, tower: at } = about;
    this.#events.push(atMs + this.options.interimSeconds * 1_000, {
      kind: 'interim',
      device,
      tower: at,
      session,
    });
  }

  #stop(device: Device, at: Tower, session: SimSession, atMs: number, cause: string): void {
    this.#close(at, session, atMs, session.sendsStop ? 'stopped' : 'stop-lost');
    if (session.sendsStop) this.#say(session, 'STOP', atMs, cause);
    const roams = this.#random.chance(ROAMING) && this.#towers.length > 1;
    const next = roams ? this.#elsewhere(at) : this.#home(session.subscriber);
    const pauseMs = this.#random.between(2, 20) * 1_000;
    const gapMs = device.number === 0 ? pauseMs * 6 : this.#gapMs();
    this.#events.push(atMs + (roams ? pauseMs : gapMs), { kind: 'connect', device, tower: next });
  }

  #close(at: Tower, session: SimSession, atMs: number, end: SessionEnd): void {
    count(session, atMs);
    session.truth.end = end;
    session.truth.endMs = atMs;
    at.sessions.delete(session.truth.sessionId);
    if (this.options.keepsClosed) this.#closed.push(session.truth);
  }

  /** All sessions are lost without a Stop; one reboot in three is announced by an Accounting-Off. */
  #reboot(at: Tower, atMs: number): void {
    if (this.#random.chance(1 / 3)) {
      this.#delivery.send(nasRecord(at.nas, this.#recordId(), 'ACCOUNTING_OFF', atMs), null);
    }
    at.downUntilMs = atMs + this.#random.between(60, 180) * 1_000;
    for (const session of [...at.sessions.values()]) {
      this.#close(at, session, atMs, 'nas-reboot');
      const device = { subscriber: session.subscriber, number: session.device, last: session };
      this.#events.push(at.downUntilMs, { kind: 'connect', device, tower: at });
    }
    this.#events.push(at.downUntilMs, { kind: 'up', tower: at });
  }

  #scheduleReboot(at: Tower, fromMs: number, perDay: number): void {
    if (perDay <= 0) return;
    const seconds = Math.ceil(this.#random.exponential(DAY_MS / perDay) / 1_000);
    this.#events.push(fromMs + seconds * 1_000, { kind: 'reboot', tower: at });
  }

  #say(
    session: SimSession,
    status: 'START' | 'INTERIM_UPDATE' | 'STOP',
    eventMs: number,
    cause: string | null,
  ): void {
    const statement = { recordId: this.#recordId(), status, eventMs, cause };
    this.#delivery.send(sessionRecord(session, statement), session);
  }

  #redraw(session: SimSession, atMs: number): void {
    const { profile, appetite, utcOffsetHours } = session.subscriber;
    const factor = dayFactor(profile.segment, utcOffsetHours, atMs);
    session.demand = drawDemand(this.#random, appetite, this.#planSpeed(session.subscriber, atMs), factor);
  }

  /** Time until a further device is used again: whole seconds, 6 h on average. */
  #gapMs(): number {
    return 1_000 + Math.floor(this.#random.exponential(6 * HOUR_MS) / 1_000) * 1_000;
  }

  #planSpeed({ profile }: SimSubscriber, atMs: number): Speed {
    const held = profile.assignments.find(
      ({ fromMs, toMs }) => fromMs <= atMs && (toMs === null || atMs < toMs),
    );
    return simulatedPlan(held?.planId ?? '') ?? SIMULATED_PLANS.home100;
  }

  #home({ index }: SimSubscriber): Tower {
    return this.#towers[index % this.#towers.length] ?? this.#towers[0];
  }

  #elsewhere(at: Tower): Tower {
    const others = this.#towers.length - 1;
    const step = this.#random.between(1, others);
    return this.#towers[(at.nas.index + step) % this.#towers.length] ?? at;
  }

  #recordId(): string {
    this.#records += 1;
    return `r${this.options.generation}-${this.#records.toString(36)}`;
  }
}

/** A provider of the given kind; see Provider. */
export function createProvider(options: ProviderOptions): Provider {
  return new Provider(options);
}
