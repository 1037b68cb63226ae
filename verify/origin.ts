import { STATUS_TYPES } from '../schemas/accounting-record.ts';
import type { Amount } from './amount.ts';
import { minus } from './amount.ts';
import type { Cycle } from './cycle-book.ts';
import type { BandedTotal, Total } from './totals.ts';
import type { Use } from './allowance.ts';
import { newLine } from './line.ts';
import type { Line } from './line.ts';
import type { LocalCalendar } from './local-calendar.ts';
import type {
  StoredBanded,
  StoredCycle,
  StoredHead,
  StoredLine,
  StoredMembership,
  StoredSession,
  StoredWindow,
} from './readers.ts';
import type { RecentUse } from './recent-use.ts';
import type { MemberOf } from './pools.ts';
import type { Recomputation } from './recompute.ts';
import type { Session } from './sessions.ts';

/** Takes what a slot knew at an offset besides its subscribers and windows. */
export function adoptHead(run: Recomputation, head: StoredHead): void {
  run.position = head.position;
  run.watermarkMs = head.watermarkMs;
  run.world.useLayout(head.blobVersion);
  adoptCatalogue(run, head);
  for (const [source, n] of head.controls) run.controls.set(source, n);
  for (const [nasId, atMs] of head.nasEvents) run.nas.events.set(nasId, atMs);
  for (const { nasId, heardMs, interim, lead } of head.feeds)
    run.nas.adopt(nasId, { heardMs, interim, lead });
  run.rounds.resume(head.sweep);
  adoptPools(run, head);
  Object.assign(run.expected.outcomes, head.counts);
  Object.assign(run.expected.flags, head.flags);
  run.expected.recordsIn = Object.values(head.counts).reduce((sum, count) => sum + count, 0);
}

/** Takes plans, policies and profiles of NAS and feeds. */
export function adoptCatalogue(run: Recomputation, head: StoredHead): void {
  for (const [id, versions] of head.plans) run.world.plans.adopt(id, versions);
  for (const [id, policy] of head.policies) run.world.bases.set(id, policy);
  for (const [id, policy] of head.candidates) run.world.candidates.set(id, policy);
  run.world.provide(head.provider);
  for (const [id, profile] of head.nas) run.nas.profiles.set(id, profile);
  for (const [id, feed] of head.feedProfiles) run.feeds.set(id, feed);
}

/** Takes window rows that may still grow. */
export function adoptWindow(run: Recomputation, row: StoredWindow): void {
  const { subscriberId, startMs, serviceClass, nasId, version } = row;
  const key = JSON.stringify([subscriberId, startMs, serviceClass, nasId]);
  run.expected.windows.set(key, { ...exact(row), version });
}

/** A subscriber as it was stored. */
export function lineOf(stored: StoredLine, calendar: LocalCalendar): Line {
  const line = newLine(stored.id, calendar);
  const { profile, forgottenMs, effect, dueMs, cycles, pastCycles, today, days } = stored;
  line.profile = profile;
  line.sessions = {
    open: stored.sessions.map(sessionOf),
    closed: stored.tombstones.map(sessionOf),
    forgottenMs,
  };
  line.effect = effect;
  line.extras = stored.overage;
  line.carry = stored.carry && { ...stored.carry, bytes: BigInt(stored.carry.bytes) };
  line.topUpUses = usesOf(stored.topUpUses);
  if (stored.pool !== null) line.pool = adoptMembership(stored.pool);
  line.dueMs = dueMs;
  for (const { key, ...state } of stored.rules) line.rules.set(key, state);
  line.book.adopt(
    [...cycles, ...pastCycles].map(cycleOf).sort((a, b) => a.startMs - b.startMs),
    cycles[0]?.startMs ?? null,
    [...(today === null ? [] : [today]), ...days].map((day) => bandedOf(day)),
  );
  adoptRecent(line.recent, stored);
  return line;
}

function adoptMembership(stored: StoredMembership): MemberOf {
  const { poolId, cycleStartMs, baseBytes, seq, sentBytes, sentAtMs, told } = stored;
  const known = { before: BigInt(baseBytes), told: BigInt(sentBytes), toldAtMs: sentAtMs, heard: told };
  return { poolId, cycleStartMs, seq, ...known };
}

/** Takes the pools of a slot. */
function adoptPools(run: Recomputation, { pools }: StoredHead): void {
  for (const [poolId, stored] of pools.all) {
    const book = run.pools.bookOf(poolId);
    const { profile, cycle, seq, told, dueMs } = stored;
    Object.assign(book, { profile, cycle, seq, standing: told, dueMs });
    for (const { key, ...state } of stored.rules) book.line.rules.set(key, state);
    book.line.extras = stored.overage;
    book.line.topUpUses = usesOf(stored.topUpUses);
    book.boughtMs = stored.asOfMs;
    for (const [id, { seq: of, left: hasLeft, totals }] of stored.members) {
      const kept = totals.map(
        ({ cycleStartMs, bytes, frozenBytes }) =>
          [cycleStartMs, { now: BigInt(bytes), before: BigInt(frozenBytes) }] as const,
      );
      book.members.set(id, { seq: of, hasLeft, totals: new Map(kept) });
    }
  }
  // Looked at once too often does no harm.
  if (pools.sweptTo !== null) run.pools.startSweep();
}

/** A cycle as it was stored. */
export function cycleOf(stored: StoredCycle): Cycle {
  const { adjusted, closed, spent } = stored;
  const parts = stored.parts.map((part) => bandedOf({ ...part, startMs: part.fromMs, endMs: part.toMs }));
  return {
    ...bandedOf(stored),
    ...{ adjusted: exact(adjusted), closed, parts },
    spent: spent && {
      ...spent,
      carryBytes: BigInt(spent.carryBytes),
      topUps: new Map(spent.topUps.map(({ id, usedBytes }) => [id, BigInt(usedBytes)])),
    },
  };
}

function usesOf(stored: StoredLine['topUpUses']): Map<string, Use> {
  return new Map(
    stored.map(({ id, beforeBytes, usedBytes }) => [
      id,
      { before: BigInt(beforeBytes), used: BigInt(usedBytes) },
    ]),
  );
}

/** Use by the hour, the newest window and the peak as they were stored. */
export function adoptRecent(recent: RecentUse, { hour, hours, newestWindow, peak }: StoredLine): void {
  for (const one of hour === null ? hours : [hour, ...hours])
    recent.hours.set(one.startMs, { startMs: one.startMs, endMs: one.endMs, classes: classesOf(one) });
  recent.newest = newestWindow && { startMs: newestWindow.startMs, classes: classesOf(newestWindow) };
  recent.peak = peak && {
    dayStartMs: peak.dayStartMs,
    bytes: BigInt(peak.bytes),
    classes: new Map(peak.classes.map(({ serviceClass, bytes }) => [serviceClass, BigInt(bytes)])),
  };
}

function bandedOf(stored: StoredBanded): BandedTotal {
  const { startMs, endMs } = stored;
  const offPeak = new Map(stored.offPeak.map((share) => [share.serviceClass, exact(share)]));
  return { startMs, endMs, classes: classesOf(stored), offPeak };
}

/** Octets by class, the default one by what the others leave. */
function classesOf(stored: Pick<StoredBanded, 'down' | 'up' | 'classes'>): Total['classes'] {
  const classes = new Map<string, Amount>();
  let rest = exact(stored);
  for (const share of stored.classes) {
    classes.set(share.serviceClass, exact(share));
    rest = minus(rest, exact(share));
  }
  classes.set('', rest);
  return classes;
}

/** A session as it was stored. */
export function sessionOf(stored: StoredSession): Session {
  const { lastStatus, lastSessionTime, counted, level, moved, candidate, restart, ...rest } = stored;
  const { nasId, sessionId, service, serviceClass, multiId, parentId, startMs, startEstimated } = rest;
  const { lastEventMs, absurd, closedMs, closedBy } = rest;
  return {
    ...{ nasId, sessionId, service, serviceClass, multiId, parentId, startMs, startEstimated },
    ...{ lastEventMs, absurd, closedMs, closedBy },
    counted: exact(counted),
    level: exact(level),
    moved: exact(moved),
    candidate: candidate === null ? null : { ...exact(candidate), atMs: candidate.atMs },
    restart: restart === null ? null : { ...exact(restart), atMs: restart.atMs },
    last: {
      status: STATUS_TYPES[lastStatus] ?? 'START',
      sessionTime: lastSessionTime < 0 ? null : lastSessionTime,
    },
  };
}

function exact({ down, up }: { down: number; up: number }): Amount {
  return { down: BigInt(down), up: BigInt(up) };
}
