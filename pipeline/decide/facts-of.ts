import { CycleCalendar } from '../../rules/cycle.ts';
import type { Cycle, LocalHour } from '../../rules/cycle.ts';
import type { ClassFacts, FactName, Facts } from '../../rules/facts/catalogue.ts';
import { offPeakBands } from '../../rules/off-peak.ts';
import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import type { CycleTotal, SlotState, Subscriber } from '../fold/slot-state.ts';
import { cycleRule } from '../window/calendar-rule.ts';
import { newCycle } from '../window/cycles.ts';
import { allowanceOf, balanceOf, unusedTopUps } from './allowance.ts';
import { ALL_ASKED, askedOf, clocksOf } from './asked.ts';
import { isShadow } from './desired.ts';
import { extrasOf } from './extras.ts';
import { nowOf, planOf, poolIdOf } from './in-force.ts';
import {
  allBytes,
  classFacts,
  dayBytes,
  hourBytes,
  last24hBytes,
  last5mBytes,
  peakRateBps,
  usualDayBytes,
  windowEndsMs,
} from './period-facts.ts';

/** Calendar maths remembered; it changes no answer. */
const CALENDAR = new CycleCalendar();

/** Before this share of the cycle is over nobody can say how it will end. */
const LEAST_ELAPSED = 0.05;

const NO_USAGE: CycleTotal = newCycle({ startMs: 0, endMs: 0 });
const NO_CLASSES: Readonly<Record<string, ClassFacts>> = Object.freeze({});
const NO_SPAN: Cycle = { startMs: 0, endMs: 0 };
const NO_HOUR: LocalHour = { ...NO_SPAN, hourOfDay: 0, dayOfWeek: 1, date: '', dayNumber: 0 };

/**
 * Facts of a subscriber at the watermark. Late bytes of rolled cycles are not in them: they start nothing.
 *
 * @param needs facts that somebody asks about: others that cost something are left at 0, null, '' or false. Absent = all
 */
export function factsOf(
  state: SlotState,
  subscriber: Subscriber,
  plan: PlanVersion | null,
  needs?: ReadonlySet<FactName>,
): Facts {
  const asked = needs === undefined ? ALL_ASKED : askedOf(needs);
  const now = state.watermarkMs;
  const { profile } = subscriber;
  const { zone } = cycleRule(subscriber, state.settings.defaultZone);
  const cycle = subscriber.cycles[0] ?? NO_USAGE;
  const { countedBytes: counted, baseBytes } = balanceOf(state, subscriber, cycle, plan);
  const allowance =
    baseBytes === null
      ? null
      : allowanceOf(state, subscriber, cycle.startMs, { countedBytes: counted, baseBytes });
  const allowanceBytes = allowance === null ? null : allowance.allowanceBytes;
  const capUsedPercent = allowanceBytes === null ? null : usedPercent(counted, allowanceBytes);
  const capRemainingBytes = allowanceBytes === null ? null : Math.max(0, allowanceBytes - counted);
  const needsHour = asked.clock || asked.hours || asked.cycleDays || asked.classes;
  const hour = needsHour ? CALENDAR.hour(zone, now) : NO_HOUR;
  const needsDay = asked.day || asked.peak || asked.usualDay || asked.classes;
  const day = needsDay ? CALENDAR.day(zone, now) : NO_SPAN;
  const today = asked.day ? dayBytes(subscriber, day, allBytes) : 0;
  const usual = asked.usualDay ? usualDayBytes(subscriber, day, allBytes) : null;
  const throttledMs = throttledSinceMs(subscriber);
  return {
    planId: plan?.planId ?? null,
    planFamily: plan?.family ?? null,
    segment: profile?.segment ?? '',
    tags: profile?.tags ?? [],
    billingStatus: profile?.billingStatus ?? 'current',
    overageConsent: profile?.overageConsent ?? false,
    capBytes: plan?.capBytes ?? null,
    planDownBps: plan?.downBps ?? null,
    planUpBps: plan?.upBps ?? null,
    cycleTotalBytes: cycle.down + cycle.up,
    cycleDownloadBytes: cycle.down,
    cycleUploadBytes: cycle.up,
    cycleOffPeakBytes: offPeakBytes(cycle),
    cycleCountedBytes: counted,
    allowanceBytes,
    capUsedPercent,
    capRemainingBytes,
    topUpRemainingBytes: asked.topUps
      ? (allowance?.topUpRemainingBytes ?? unusedTopUps(state, subscriber))
      : 0,
    overageBlocks: extrasOf(subscriber, cycle.startMs).blocks,
    cycleDay: asked.cycleDays ? dayOfCycle(zone, cycle, hour) : 0,
    cycleDaysLeft: asked.cycleDays ? daysLeft(zone, cycle, hour) : 0,
    cycleElapsedPercent: elapsedShare(cycle, now) * 100,
    projectedCapUsedPercent: projected(cycle, now, capUsedPercent, allowanceBytes),
    poolUsedPercent: poolUsed(state, subscriber),
    last5mBytes: asked.window ? last5mBytes(subscriber, now, allBytes) : 0,
    hourBytes: asked.hours ? hourBytes(subscriber, hour, allBytes) : 0,
    dayBytes: today,
    last24hBytes: asked.hours ? last24hBytes(subscriber, hour, allBytes) : 0,
    peakRateBps: asked.peak ? peakRateBps(subscriber, day, null) : 0,
    usualDayBytes: usual,
    dayToUsualPercent: asked.usualDay ? toUsualPercent(today, usual) : null,
    openSessions: subscriber.sessions.length,
    longestSessionSeconds: asked.sessions ? longestSessionSeconds(subscriber, now) : 0,
    hourOfDay: asked.clock ? hour.hourOfDay : 0,
    dayOfWeek: asked.clock ? hour.dayOfWeek : 1,
    isOffPeak: asked.offPeak && offPeakBands(state.provider.offPeak, CALENDAR).isOffPeak(zone, now),
    date: asked.clock ? hour.date : '',
    isThrottled: throttledMs !== null,
    throttledSeconds: throttledMs === null ? 0 : secondsSince(throttledMs, now),
    byClass: asked.classes ? classFacts(subscriber, cycle, { ms: now, hour, day }) : NO_CLASSES,
  };
}

function offPeakBytes({ offPeak }: Pick<CycleTotal, 'offPeak'>): number {
  let bytes = 0;
  for (const { down, up } of offPeak) bytes += down + up;
  return bytes;
}

/** 0 at the cycle's beginning, 1 at its end. */
function elapsedShare({ startMs, endMs }: Cycle, now: number): number {
  if (endMs <= startMs) return 0;
  return Math.min(1, Math.max(0, (now - startMs) / (endMs - startMs)));
}

/** Where use will be at the end if it goes on as it has so far. Nothing allowed stays at 100 %. */
function projected(
  cycle: Cycle,
  now: number,
  capUsedPercent: number | null,
  allowanceBytes: number | null,
): number | null {
  const share = elapsedShare(cycle, now);
  if (capUsedPercent === null || share < LEAST_ELAPSED) return null;
  return allowanceBytes === 0 ? 100 : capUsedPercent / share;
}

function toUsualPercent(today: number, usual: number | null): number | null {
  return usual === null || usual === 0 ? null : (today * 100) / usual;
}

/** By local dates, from 1. Where clocks went back over midnight the first day may begin with the date before. */
function dayOfCycle(zone: string, { startMs }: Cycle, now: LocalHour): number {
  return Math.max(1, now.dayNumber - CALENDAR.hour(zone, startMs).dayNumber + 1);
}

function daysLeft(zone: string, { endMs }: Cycle, now: LocalHour): number {
  return Math.max(0, CALENDAR.hour(zone, endMs - 1).dayNumber - now.dayNumber);
}

/**
 * Since when a rule has throttled; null = none does. Whether something stronger is in force changes nothing of it: a rule
 * that asks for this and blocks would take its own ground away.
 */
function throttledSinceMs({ rules }: Subscriber): number | null {
  let since: number | null = null;
  for (const { active, effect, key, sinceMs } of rules)
    if (active && effect?.state === 'throttle' && !isShadow(key) && (since === null || sinceMs < since))
      since = sinceMs;
  return since;
}

function longestSessionSeconds({ sessions }: Subscriber, now: number): number {
  let longest = 0;
  for (const { startMs } of sessions) longest = Math.max(longest, secondsSince(startMs, now));
  return longest;
}

function secondsSince(atMs: number, now: number): number {
  return Math.max(0, Math.floor((now - atMs) / 1000));
}

/**
 * An allowance of 0 is at 100 % from the beginning. Multiplied first: 29 of 100 are 29 % then, not 28.999999999999996,
 * and a threshold is reached to the byte.
 */
export function usedPercent(counted: number, allowance: number): number {
  return allowance === 0 ? 100 : (counted * 100) / allowance;
}

/** What the pool told last, to a point; null without a pool, a word of it or an allowance. */
function poolUsed(state: SlotState, subscriber: Subscriber): number | null {
  const { pool } = subscriber;
  if (pool === null || pool.poolId !== poolIdOf(state, subscriber)) return null;
  if (pool.told.seq === 0 || pool.told.allowanceBytes === null) return null;
  return usedPercent(pool.told.usedBytes, pool.told.allowanceBytes);
}

/** The next instant after the watermark at which this subscriber's facts or cycle change without a record; null = none. */
export function nextDueMs(state: SlotState, subscriber: Subscriber): number | null {
  const now = state.watermarkMs;
  const { profile, cycles, pastCycles, rules } = subscriber;
  let next = sooner(Number.POSITIVE_INFINITY, cycles[0]?.endMs ?? null, now);
  const { cycleCloseGraceMs } = state.settings;
  // Late usage may make one whose time of grace is over already: that one closes at the next look.
  for (const { closed, endMs } of pastCycles)
    if (!closed) next = sooner(next, Math.max(endMs + cycleCloseGraceMs, now + 1), now);
  for (const { active, releaseMs } of rules) if (active) next = sooner(next, releaseMs, now);
  if (profile !== null) {
    next = soonestDated(profile, nowOf(state, subscriber), next);
    if (state.compiled.all.length > 0) next = soonestClock(state, subscriber, profile, next);
  }
  return next === Number.POSITIVE_INFINITY ? null : next;
}

/** When something of the profile begins or ends. What began by `now` is in force, whatever the watermark. */
function soonestDated(profile: SubscriberProfile, now: number, soonest: number): number {
  let next = soonest;
  for (const { fromMs, toMs } of profile.assignments) next = sooner(sooner(next, fromMs, now), toMs, now);
  for (const { fromMs, expiresMs } of profile.topUps)
    next = sooner(sooner(next, fromMs, now), expiresMs, now);
  for (const { fromMs, toMs } of profile.holds) next = sooner(sooner(next, fromMs, now), toMs, now);
  const { boosts, addOns, poolMemberships, carryOverUntilMs } = profile;
  if (boosts !== undefined)
    for (const { fromMs, expiresMs } of boosts) next = sooner(sooner(next, fromMs, now), expiresMs, now);
  if (addOns !== undefined)
    for (const { fromMs, toMs } of addOns) next = sooner(sooner(next, fromMs, now), toMs, now);
  if (poolMemberships !== undefined)
    for (const { fromMs, toMs } of poolMemberships) next = sooner(sooner(next, fromMs, now), toMs, now);
  return sooner(next, carryOverUntilMs ?? null, now);
}

/** Asked several times a record: no closure. */
function sooner(next: number, atMs: number | null, now: number): number {
  return atMs !== null && atMs > now && atMs < next ? atMs : next;
}

/**
 * When facts change by the clock alone, of those that policies for the subscriber's plan and segment ask about. What grows
 * with every second is looked at by the hour.
 */
function soonestClock(
  state: SlotState,
  subscriber: Subscriber,
  { zone, segment }: SubscriberProfile,
  soonest: number,
): number {
  const { sessions } = subscriber;
  const now = state.watermarkMs;
  const planId = planOf(state, subscriber)?.planId ?? null;
  const clocks = clocksOf(state.compiled.concerning(planId, segment));
  const isHourly =
    clocks.hourly ||
    (clocks.throttled && throttledSinceMs(subscriber) !== null) ||
    (clocks.sessions && sessions.length > 0);
  let next = soonest;
  if (isHourly) next = sooner(next, CALENDAR.hour(zone, now).endMs, now);
  if (clocks.daily) next = sooner(next, CALENDAR.day(zone, now).endMs, now);
  if (clocks.offPeak)
    next = sooner(next, offPeakBands(state.provider.offPeak, CALENDAR).nextChangeMs(zone, now), now);
  if (clocks.window) next = sooner(next, windowEndsMs(subscriber, now), now);
  return next;
}
