import type { UsageEvent } from '../schemas/accounting-record.ts';
import type { Control, OperatorCommand, ReplayControl } from '../schemas/control.ts';
import type { PoolContribution, PoolEffect, PoolProfile } from '../schemas/pool.ts';
import type { FeedProfile, SubscriberProfile } from '../schemas/profile.ts';
import type { PolicyVersion } from '../schemas/policy.ts';
import { plus } from './amount.ts';
import { decide, nextChangeMs } from './decisions.ts';
import type { Moment } from './actions.ts';
import { staysDue } from './due-list.ts';
import type { Settings, VerifyEntry } from './entry.ts';
import { nothingExpected } from './expected.ts';
import type { Expected } from './expected.ts';
import { closingOf } from './closing.ts';
import { knownPlan, knownPool } from './known-fields.ts';
import { newLine, ruleOf, speedOf } from './line.ts';
import type { Line } from './line.ts';
import { addMetered, adjustmentOf, endSession, placeIn } from './leavings.ts';
import { LocalCalendar } from './local-calendar.ts';
import { meter, meterTooOld } from './metering.ts';
import type { Metered, MeteringContext } from './metering.ts';
import { NasWatch } from './nas-watch.ts';
import { publish, withdraw } from './policies.ts';
import { contributionDueMs, contributionsOf, hear } from './pools.ts';
import { PoolRounds } from './pool-rounds.ts';
import { isBeyondExact, readingOf, timeOf } from './record.ts';
import { Rounds } from './rounds.ts';
import { takeProfile } from './take-profile.ts';
import { nowOf, planNow } from './tariff.ts';
import { bringUpUses, noteLate, rollLine } from './top-up-use.ts';
import { World } from './world.ts';

const MINUTE = 60_000;

/** The log entry that something comes from. */
type Cause = Pick<VerifyEntry, 'offset' | 'appendTimeMs'>;

/**
 * The meaning of an ordered log of one partition, entry by entry: slowly and plainly from the accounting rules, with
 * integers of any size. Shares nothing with the product but its vocabulary.
 */
export class Recomputation {
  readonly expected: Expected = nothingExpected();
  readonly lines = new Map<string, Line>();
  /** offset after the last entry taken */
  position = 0;
  /** event time that has been reached, ms since 1970 UTC; 0 = nothing yet */
  watermarkMs = 0;
  readonly nas = new NasWatch();
  readonly feeds = new Map<string, FeedProfile>();
  /** highest number of each control source */
  readonly controls = new Map<string, number>();
  readonly calendar = new LocalCalendar();
  readonly world: World;
  readonly rounds: Rounds;
  readonly pools: PoolRounds;
  readonly settings: Settings;

  constructor(settings: Settings) {
    this.settings = settings;
    this.rounds = new Rounds(settings);
    this.world = new World(this.calendar, settings.defaultZone);
    this.pools = new PoolRounds(this.world, this.expected);
  }

  /** Everybody is looked at once more, and every pool. */
  #startSweep(): void {
    this.rounds.startSweep();
    this.pools.startSweep();
  }

  /** Takes the next entry; offsets ascend. */
  take(entry: VerifyEntry): void {
    this.position = entry.offset + 1;
    if (entry.kind === 'control') {
      this.#takeControl(entry);
      this.#lookAround(entry);
      return;
    }
    this.expected.recordsIn += 1;
    if (entry.kind === 'usage') {
      this.#takeRecord(entry.event, entry.offset, entry.appendTimeMs);
      return;
    }
    this.#putAside(entry, entry.reason);
    this.#lookAround(entry);
  }

  /** All entries below an offset were taken: those between the last one and it do not exist. */
  reach(offset: number): void {
    this.position = Math.max(this.position, offset);
  }

  /** Takes who a subscriber is, without anything that was used before. */
  introduce(id: string, profile: SubscriberProfile): void {
    this.#lineOf(id).profile = profile;
  }

  /** Takes a line as it was when the log that is read begins. */
  adopt(line: Line): void {
    this.lines.set(line.id, line);
    this.rounds.join(line.id);
    this.rounds.setDue(line.id, line.dueMs);
  }

  #takeRecord(event: UsageEvent, offset: number, appendTimeMs: number): void {
    const { nasId, statusType, subscriberId } = event;
    const { nas, expected } = this;
    const { atMs, skewed } = timeOf(event, appendTimeMs);
    if (event.eventTimeMs !== null) nas.sampleLead(nasId, event.eventTimeMs - appendTimeMs);
    if (!skewed && !nas.isAhead(nasId)) this.#advance(atMs - MINUTE);
    this.#lookAround({ offset, appendTimeMs });
    if (statusType === 'ACCOUNTING_ON' || statusType === 'ACCOUNTING_OFF') {
      expected.toldEvents.set(offset + 1, nasId);
      expected.outcomes['nas-event'] += 1;
      nas.heard(nasId, atMs);
      return;
    }
    if (!this.#isOfInterest(subscriberId)) {
      nas.heard(nasId, atMs);
      return;
    }
    // Cases 2 and 10.
    const tooOld = atMs < appendTimeMs - this.settings.acceptLatenessMs;
    const reading = readingOf(event, nas.profileOf(nasId), atMs);
    if (tooOld || isBeyondExact(reading, this.lines.get(subscriberId))) {
      this.#putAside({ offset, appendTimeMs }, tooOld ? 'beyond-horizon' : 'octets-beyond-2^53');
      nas.heard(nasId, atMs);
      return;
    }
    const line = this.#lineOf(subscriberId);
    this.#catchUp(line, offset);
    const metered = meter(reading, line.sessions, this.#context(line, event));
    nas.heard(nasId, atMs);
    if (metered === null) this.#putAside({ offset, appendTimeMs }, 'beyond-horizon');
    else {
      expected.outcomes[metered.outcome] += 1;
      if (skewed) expected.flags.skewed += 1;
      if (line.profile === null) expected.flags.unassigned += 1;
      if (metered.outcome === 'baselined' && this.settings.unknownBeforeMs !== null)
        line.unknownUntilMs = Math.max(line.unknownUntilMs, atMs);
      if (metered.intervalMs !== null) nas.sampleInterim(nasId, metered.intervalMs);
      this.#addMetered(line, metered, event.nasId, offset);
    }
    this.#decide(line, { offset, appendTimeMs });
  }

  #takeControl({ id, control, offset, appendTimeMs }: Extract<VerifyEntry, { kind: 'control' }>): void {
    // A repeat is known by its number.
    if (control.kind === 'pool-contribution')
      this.expected.receivedContributions.add(JSON.stringify(control.contribution));
    if (control.kind === 'pool-effect')
      this.expected.receivedEffects.push({ effect: control.effect, offset });
    if (control.kind === 'nas-event') this.expected.receivedEvents.add(`${id.source}:${id.n}`);
    if (id.n <= (this.controls.get(id.source) ?? 0)) return;
    this.controls.set(id.source, id.n);
    switch (control.kind) {
      case 'subscriber-profile':
        return this.#takeProfile(control.profile, { offset, appendTimeMs });
      case 'plan-version':
        this.world.plans.put(knownPlan(control.plan, this.world.tariffs), this.watermarkMs, appendTimeMs);
        return this.#startSweep();
      case 'policy-version':
        return this.#takePolicy(control.policy, offset, appendTimeMs);
      case 'policy-withdrawn':
        withdraw(this.world, control.policyId);
        return this.#startSweep();
      case 'provider-settings':
        this.world.provide(control.settings);
        return this.#startSweep();
      case 'nas-profile':
        this.nas.profiles.set(control.nas.nasId, control.nas);
        return;
      case 'feed-profile':
        this.feeds.set(control.feed.feedId, control.feed);
        return;
      case 'pool-profile':
        return this.#takePool(control.pool, { offset, appendTimeMs });
      case 'pool-contribution':
        return this.#takeContribution(control.contribution, { offset, appendTimeMs });
      case 'pool-effect':
        return this.#takeEffect(control.effect, { offset, appendTimeMs });
      case 'nas-event':
        return this.#takeNasEvent(control);
      case 'operator':
        return this.#takeCommand(control.command, { offset, appendTimeMs });
      case 'replay':
        return this.#takeReplay(control, { offset, appendTimeMs });
      case 'tick':
        return this.#advance(control.t);
      case 'fold-version':
        if (this.world.raiseLayout(control.version)) this.#startSweep();
        return;
    }
  }

  #takePool(profile: PoolProfile, cause: Cause): void {
    const book = this.pools.bookOf(profile.poolId);
    book.profile = knownPool(profile, this.world.tariffs);
    if (this.world.tariffs && profile.topUps !== undefined)
      book.boughtMs = Math.max(book.boughtMs, cause.appendTimeMs);
    this.pools.look(profile.poolId, this.#moment(cause));
  }

  #takeContribution(contribution: PoolContribution, cause: Cause): void {
    this.pools.contribute(contribution, this.#moment(cause));
  }

  #takeEffect(effect: PoolEffect, cause: Cause): void {
    const line = this.lines.get(effect.member);
    if (!this.#isOfInterest(effect.member) || line === undefined) return;
    if (hear(line, effect)) this.#look(line, cause);
  }

  #moment({ offset, appendTimeMs }: Cause): Moment {
    return { nowMs: this.watermarkMs, offset, appendTimeMs };
  }

  #takeProfile(profile: SubscriberProfile, cause: Cause): void {
    if (!this.#isOfInterest(profile.subscriberId)) return;
    const line = this.#lineOf(profile.subscriberId);
    // Cycles that are over ended by the profile that was.
    if (line.profile !== null) this.#catchUp(line, cause.offset);
    takeProfile(line, profile, this.world, { watermarkMs: this.watermarkMs, ...cause });
    this.#look(line, cause);
  }

  #takePolicy(policy: PolicyVersion, offset: number, appendTimeMs: number): void {
    if (this.settings.policyFault(policy) !== null) {
      this.expected.recordsIn += 1;
      this.#putAside({ offset, appendTimeMs }, 'bad-control');
      return;
    }
    publish(this.world, policy);
    this.#startSweep();
  }

  /** Case 14: sessions of the NAS that began before are over. */
  #takeNasEvent({ nasId, atMs }: Extract<Control, { kind: 'nas-event' }>): void {
    if (this.nas.profileOf(nasId).onOff === 'ignore' || atMs <= (this.nas.events.get(nasId) ?? 0)) return;
    this.nas.events.set(nasId, atMs);
    this.#startSweep();
  }

  #takeCommand(command: OperatorCommand, cause: Cause): void {
    const { offset } = cause;
    if (!this.#isOfInterest(command.subscriberId)) return;
    const line = this.#lineOf(command.subscriberId);
    this.#catchUp(line, offset);
    const { open, closed } = line.sessions;
    if (command.type === 'close-session') {
      const { nasId, sessionId } = command;
      const session = open.find((one) => one.nasId === nasId && one.sessionId === sessionId);
      if (session !== undefined)
        endSession(this.expected, line, session, this.watermarkMs, 'operator', offset);
    } else if (command.type === 'adjust') {
      const { atMs, downBytes, upBytes } = command;
      const amount = { down: BigInt(downBytes), up: BigInt(upBytes) };
      const cycle = line.book.cycleOf(ruleOf(line, this.world), atMs);
      cycle.adjusted = plus(cycle.adjusted, amount);
      if (this.world.tariffs) noteLate(line, cycle, this.world.plans);
      this.expected.adjustments.push({
        ...adjustmentOf(line, cycle, '', offset),
        ...placeIn(cycle, atMs),
        ...amount,
        reason: 'operator',
      });
    } else for (const session of [...open, ...closed]) session.absurd = false;
    this.#look(line, cause);
  }

  /** A dead letter put right: metered like any other, or, where that is too long ago, an adjustment (case 10). */
  #takeReplay({ event, letter, appendTimeMs: readAtMs }: ReplayControl, cause: Cause): void {
    const { offset, appendTimeMs: nowMs } = cause;
    if (!this.#isOfInterest(event.subscriberId)) return;
    const line = this.#lineOf(event.subscriberId);
    this.#catchUp(line, offset);
    const { atMs } = timeOf(event, readAtMs);
    const reading = readingOf(event, this.nas.profileOf(event.nasId), atMs);
    const context = this.#context(line, event);
    if (isBeyondExact(reading, line)) {
      // It stays what it was: a letter.
    } else if (atMs >= nowMs - this.settings.acceptLatenessMs) {
      const metered = meter(reading, line.sessions, context);
      // One whose session may be forgotten might count twice.
      if (metered !== null) this.#addMetered(line, metered, event.nasId, offset);
    } else {
      const { serviceClass, down, up } = meterTooOld(reading, line.sessions, context);
      const cycle = line.book.cycleOf(ruleOf(line, this.world), atMs);
      const adjustment = { ...adjustmentOf(line, cycle, serviceClass, offset), ...placeIn(cycle, atMs) };
      const place = `${letter.partition}:${letter.offset}`;
      if (down + up > 0n)
        this.expected.adjustments.push({ ...adjustment, down, up, reason: 'replay', letter: place });
    }
    this.#look(line, cause);
  }

  #addMetered(line: Line, metered: Metered, nasId: string, offset: number): void {
    const { world, watermarkMs } = this;
    addMetered(this.expected, line, metered, { nasId, offset, watermarkMs, world });
  }

  /** Looks at a subscriber that no record touched. */
  #look(line: Line, cause: Cause): void {
    this.#catchUp(line, cause.offset);
    this.#decide(line, cause);
  }

  /** What time has done to a subscriber: cases 13 and 14, and cycles that rolled and closed. */
  #catchUp(line: Line, offset: number): void {
    const { nas, watermarkMs } = this;
    if (watermarkMs <= 0) return;
    for (const session of line.sessions.open) {
      const eventMs = nas.events.get(session.nasId) ?? 0;
      if (session.startMs <= eventMs && session.lastEventMs <= eventMs)
        endSession(this.expected, line, session, eventMs, 'nas-event', offset);
    }
    rollLine(line, this.world, watermarkMs);
    if (line.dueMs !== null && line.dueMs > watermarkMs) return;
    for (const session of line.sessions.open) {
      const endMs = session.lastEventMs + nas.silenceMs(session.nasId);
      if (nas.isOverdue(session, watermarkMs))
        endSession(this.expected, line, session, endMs, 'timeout', offset);
    }
    for (const cycle of line.book.closing(watermarkMs, this.settings.cycleCloseGraceMs))
      this.expected.closings.push(closingOf(line, cycle, this.world, offset));
  }

  /** Decides, and notes when the subscriber is to be looked at again. */
  #decide(line: Line, { offset, appendTimeMs }: Cause): void {
    const { nas, watermarkMs, expected, world } = this;
    if (watermarkMs <= 0) return this.#contribute(line, offset);
    if (world.tariffs) bringUpUses(line, world.plans, watermarkMs);
    const plan = planNow(line, world.plans, watermarkMs);
    const { actions, shadows } = decide(line, world, plan, { nowMs: watermarkMs, offset, appendTimeMs });
    expected.actions.push(...actions);
    expected.shadows.push(...shadows);
    // Blocks that were sold cover what a top-up did.
    if (world.tariffs) bringUpUses(line, world.plans, watermarkMs);
    this.#contribute(line, offset);
    const times = [nextChangeMs(line, world, plan, watermarkMs), contributionDueMs(line, world, watermarkMs)];
    for (const session of line.sessions.open) times.push(nas.nextLookMs(session, watermarkMs));
    times.push(line.book.nextCloseMs(watermarkMs, this.settings.cycleCloseGraceMs));
    const known = times.filter((atMs) => atMs !== null) as number[];
    const next = known.length === 0 ? null : Math.min(...known);
    if (line.dueMs !== null && next !== null && staysDue(line.dueMs, next, watermarkMs)) return;
    line.dueMs = next;
    this.rounds.setDue(line.id, next);
  }

  /** What its pool is told. */
  #contribute(line: Line, offset: number): void {
    if (this.world.throttlesOnly) return;
    const told = contributionsOf(line, this.world, { nowMs: this.watermarkMs, offset });
    for (const contribution of told) this.expected.contributions.push({ contribution, offset });
  }

  #lookAround(cause: Cause): void {
    this.rounds.next(this.watermarkMs, this.expected.contributions, (id, timed) => {
      const line = this.#lineOf(id);
      if (timed) line.dueMs = null;
      this.#look(line, cause);
    });
    this.pools.lookAround(this.#moment(cause));
  }

  #advance(toMs: number): void {
    this.watermarkMs = Math.max(this.watermarkMs, toMs);
  }

  #context(line: Line, event: UsageEvent): MeteringContext {
    const countFrom = [this.feeds.get(event.feedId)?.countFromMs ?? null, this.settings.unknownBeforeMs];
    const known = countFrom.filter((ms) => ms !== null) as number[];
    return {
      countFromMs: known.length === 0 ? null : Math.max(...known),
      line: speedOf(line, planNow(line, this.world.plans, this.watermarkMs), nowOf(line, this.watermarkMs)),
      watermarkMs: this.watermarkMs,
      acceptLatenessMs: this.settings.acceptLatenessMs,
      groupOf: (nasId) => this.nas.profileOf(nasId).redundancyGroup ?? '',
    };
  }

  #isOfInterest(subscriberId: string): boolean {
    const { onlySubscriber } = this.settings;
    return onlySubscriber === null || onlySubscriber === subscriberId;
  }

  #putAside({ offset, appendTimeMs }: Pick<VerifyEntry, 'offset' | 'appendTimeMs'>, reason: string): void {
    this.expected.outcomes['dead-lettered'] += 1;
    this.expected.deadLetters.set(offset, { reason, appendTimeMs });
  }

  #lineOf(id: string): Line {
    const known = this.lines.get(id);
    if (known !== undefined) return known;
    const made = newLine(id, this.calendar, this.settings.unknownBeforeMs ?? 0);
    this.lines.set(id, made);
    this.rounds.join(id);
    return made;
  }
}
