import type { Effect } from '../../schemas/action.ts';
import type { Flag, OutcomeCounts } from '../../schemas/outcome.ts';
import { FLAGS, noOutcomes } from '../../schemas/outcome.ts';
import type { PolicyVersion } from '../../schemas/policy.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import type { FeedProfile, NasProfile, SubscriberProfile } from '../../schemas/profile.ts';
import { PolicySet } from '../../rules/compile/policy-set.ts';
import { murmur2 } from '../../schemas/partitioning.ts';
import { FeedTable } from '../feed/feed-table.ts';
import type { Membership } from '../pool/membership.ts';
import { PoolTable } from '../pool/pool-table.ts';
import type { TopUpUse } from '../../rules/tariff/allowance.ts';
import { DueQueue } from '../window/due-queue.ts';
import { PlanTable } from './plan-table.ts';
import type { CarriedOver, CyclePart, CycleSpent } from './tariff-state.ts';
import { TARIFF_VERSION } from './tariff-state.ts';

/** Layout of stored values that this program writes; it reads the two before too. */
export const NEWEST_BLOB_VERSION = 5;

/** From this layout on hours, peaks, off-peak bytes, overage blocks and effects besides throttles are kept. */
export const POLICY_FACTS_VERSION = 4;

/** Octets by direction, as the subscriber sees them. */
export interface Bytes {
  down: number;
  up: number;
}

/** Why a session is closed. Only a Stop is the NAS's own word: the others are taken back by a later record. */
export const CLOSE_CAUSES = ['stop', 'superseded', 'timeout', 'nas-event', 'operator'] as const;
export type CloseCause = (typeof CLOSE_CAUSES)[number];

/** One session's counters. Open ones live in the hot value, closed ones (tombstones) in the cold one. */
export interface Session {
  /** the NAS that reported it last */
  nasId: string;
  /** redundancy group of that NAS, '' = it is on its own */
  group: string;
  sessionId: string;
  /** service instance, '' for none */
  service: string;
  serviceClass: string;
  nasIp: string | null;
  framedIp: string | null;
  /** Acct-Multi-Session-Id, '' for none */
  multiId: string;
  /** session id of its parent, '' = it is no sub-session */
  parentId: string;
  /** ms since 1970 UTC; estimated where no record told it */
  startMs: number;
  startEstimated: boolean;
  /** greatest event time seen */
  lastEventMs: number;
  /** sum of its deltas so far */
  counted: Bytes;
  /** greatest reading of the NAS's counter since it last began (the session's watermark); `counted` but for the cases 3, 7, 12 */
  level: Bytes;
  /** a later, lower reading: restart or glitch (case 7); null = none waits */
  candidate: (Bytes & { atMs: number }) | null;
  /** when the counter began anew, and its greatest reading before; null = never. Older records are held against that. */
  restart: (Bytes & { atMs: number }) | null;
  /** its last record claimed more than the line carries (case 20): nothing is enforced from it */
  absurd: boolean;
  /** what of `counted` was moved out of the parent's class (sub-sessions of kind split) */
  moved: Bytes;
  /** identity of the last record that was taken in, to tell a duplicate */
  lastStatus: number;
  lastSessionTime: number;
  /** null = open */
  closedMs: number | null;
  closedBy: CloseCause | null;
}

/** Octets of one service class. */
export interface ClassTotal extends Bytes {
  serviceClass: string;
}

/** Total of one billing cycle. `down` and `up` are measured octets of all classes. */
export interface CycleTotal extends Bytes {
  startMs: number;
  endMs: number;
  /** those of other classes than the default one ('') again, by class; what is missing to the total is the default's */
  classes: ClassTotal[];
  /** signed corrections by operators, in neither */
  adjusted: Bytes;
  /** of all bytes those that were carried off-peak, by class, '' too */
  offPeak: ClassTotal[];
  /** its totals went to billing: what comes later is an adjustment */
  closed: boolean;
  /** empty = no boundary lies in it, and the total is the part */
  parts: CyclePart[];
  /** of one that rolled, null = nothing */
  spent: CycleSpent | null;
}

/** Total of one calendar day in the subscriber's zone; a changed zone or anchor splits cycles anew from these. */
export interface DayTotal extends Bytes {
  startMs: number;
  endMs: number;
  classes: ClassTotal[];
  offPeak: ClassTotal[];
}

/** Total of one clock hour in the subscriber's zone. */
export interface HourTotal extends Bytes {
  startMs: number;
  endMs: number;
  classes: ClassTotal[];
}

/** Total of the newest 5-minute window with usage, over all NAS. */
export interface NewestWindow extends Bytes {
  startMs: number;
  classes: ClassTotal[];
}

/** Most bytes that one 5-minute window of a day carried, in all and by class. */
export interface Peak {
  dayStartMs: number;
  bytes: number;
  classes: { serviceClass: string; bytes: number }[];
}

/** Paid extras that were asked for in a cycle. */
export interface OverageState {
  cycleStartMs: number;
  blocks: number;
  /** what the blocks are good for */
  soldBytes: number;
  topUps: number;
}

/** A rule's state for one subscriber; kept while it acts and, for the ordinal, 32 days from the cycle's start. */
export interface RuleState {
  /** `<policy id>/<rule name>`; of a candidate in shadow with `~` before it: it has no effect; of a pool's policy with `pool:`; of the profile `profile:hold/<kind>` and `profile:boost/<id>` */
  key: string;
  active: boolean;
  /** watermark at which it began to act, ms */
  sinceMs: number;
  /** cycle that `ordinal` counts in */
  cycleStartMs: number;
  ordinal: number;
  /** what it asks for while active; null where it has no lasting effect */
  effect: Effect | null;
  /** event time at which it must be looked at again, null = none */
  releaseMs: number | null;
}

/** Everything that the slot knows of one subscriber. */
export interface Subscriber {
  id: string;
  bucket: number;
  /** offset of the last input that changed this; an input at or below it is skipped */
  mark: number;
  /** null = unassigned */
  profile: SubscriberProfile | null;
  sessions: Session[];
  tombstones: Session[];
  /** a tombstone with this last event was dropped for want of room: an unknown session as old is not metered; 0 = none */
  forgottenMs: number;
  /**
   * event time of the youngest record that counted without being the last word on its session (an old one under a new stamp):
   * window rows may begin after every session's last event, up to here; 0 = none
   */
  strayMs: number;
  /** current cycle first, then those that begin ahead of the watermark */
  cycles: CycleTotal[];
  /** rolled cycles, newest first, at most 3 */
  pastCycles: CycleTotal[];
  /** the newest day with usage, in the hot value; null = no usage yet */
  today: DayTotal | null;
  /** days before, newest first, at most 70 */
  days: DayTotal[];
  /** the newest hour with usage, in the hot value */
  hour: HourTotal | null;
  /** hours before, newest first, at most 24, in the cold value */
  hours: HourTotal[];
  newestWindow: NewestWindow | null;
  peak: Peak | null;
  overage: OverageState | null;
  /** null = the plan of the cycle before had none, or there was no cycle */
  carry: CarriedOver | null;
  topUpUses: TopUpUse[];
  /** null = in no pool */
  pool: Membership | null;
  rules: RuleState[];
  /** what actions have set, null = the plan's speed */
  effect: Effect | null;
  /** one of its sessions made an absurd claim (accounting case 20): no rule begins */
  suspended: boolean;
  /** when event-time work is due at the latest, null = none; may be early, then it is looked at in vain */
  dueMs: number | null;
  /**
   * The same when its value was touched last: a look in vain moves the due time and writes no value. Counts only where a torn
   * write left the value ahead of the slot's due times.
   */
  touchedDueMs: number | null;
  /** what of it `population` counts; derived, not stored */
  counted: { nas: string[]; sessions: number; throttled: number };
  /** the slot's layout has parts of cycles; derived */
  keepsParts: boolean;
  /** its newest window rows; the others lie in the store. Not part of its values. */
  rows: WindowTotal[];
  /** no row of it begins later, in memory or stored; derived */
  rowsThroughMs: number;
}

/** How many of what a slot holds; derived from its subscribers, stored for readers only. */
export interface Population {
  subscribers: number;
  openSessions: number;
  throttled: number;
}

/** Total of one 5-minute window of (subscriber, service class, NAS). */
export interface WindowTotal extends Bytes {
  startMs: number;
  /** within the window (windowKey); derived, made once as each record writes it */
  key: string;
  subscriberId: string;
  serviceClass: string;
  nasId: string;
  planId: string;
  estimated: boolean;
  /** offset + 1 of the last input that changed it */
  version: number;
}

/** Settings of the fold; pinned in the slot when it is made, because another value would give other figures. */
export interface FoldSettings {
  partitionCount: number;
  bucketCount: number;
  /** zone of subscribers without a profile */
  defaultZone: string;
  /** records older than this before their append time are not metered (accounting case 10), ms */
  acceptLatenessMs: number;
  /** a cycle's totals go to billing this long after its end, ms */
  cycleCloseGraceMs: number;
}

/** Settings as long as nothing was read: whoever looks at a stored slot takes the pinned ones from its core. */
export const UNREAD_SETTINGS: FoldSettings = {
  partitionCount: 1,
  bucketCount: 1,
  defaultZone: 'UTC',
  acceptLatenessMs: 0,
  cycleCloseGraceMs: 0,
};

/** Catalogue entries change for everybody: subscribers catch up with them bucket by bucket. */
export interface Sweep {
  bucket: number;
  /** subscribers of the bucket up to this id were looked at */
  after: string;
  /** buckets still to be looked at, with this one */
  left: number;
}

/** One slot in memory: a pure function of its log partition. Subscribers and rows that are not in use lie in the store. */
export interface SlotState {
  partition: number;
  settings: FoldSettings;
  /** layout in which values are written; raised by a control */
  blobVersion: number;
  /** next offset */
  position: number;
  /** event time that has been reached, ms since 1970 UTC; 0 = nothing yet */
  watermarkMs: number;
  /** highest n of each control source */
  controls: Map<string, number>;
  counts: OutcomeCounts;
  flags: Record<Flag, number>;
  population: Population;
  /** controls folded; they are not records in */
  controlsFolded: number;
  plans: PlanTable;
  /** versions in mode enforce or off */
  policies: Map<string, PolicyVersion>;
  /** versions in mode shadow or percent, beside those */
  candidates: Map<string, PolicyVersion>;
  provider: ProviderSettings;
  nas: Map<string, NasProfile>;
  feedProfiles: Map<string, FeedProfile>;
  /** NAS -> time of its last Accounting-On or -Off: sessions begun before are over (case 14) */
  nasEvents: Map<string, number>;
  /** what is known of each NAS's feed */
  feeds: FeedTable;
  /** those that are owned here; their members may be anywhere */
  pools: PoolTable;
  /** policies compiled, by id order; derived */
  compiled: PolicySet;
  /** policies that are left out, as this program can not compile them: why, by id; derived */
  uncompiled: Map<string, string>;
  /** those in memory */
  subscribers: Map<string, Subscriber>;
  /** ids that were looked for and are not stored; forgotten with every commit */
  absent: Set<string>;
  /** window start -> greatest version of its rows */
  windows: Map<number, number>;
  due: DueQueue;
  /** null = everybody has caught up */
  sweep: Sweep | null;
}

/** A slot that has folded nothing; `position` is where its log begins. */
export function emptySlot(partition: number, settings: FoldSettings, position: number): SlotState {
  return {
    partition,
    settings,
    blobVersion: NEWEST_BLOB_VERSION,
    position,
    watermarkMs: 0,
    controls: new Map(),
    counts: noOutcomes(),
    flags: Object.fromEntries(FLAGS.map((flag) => [flag, 0])) as Record<Flag, number>,
    population: { subscribers: 0, openSessions: 0, throttled: 0 },
    controlsFolded: 0,
    plans: new PlanTable(),
    policies: new Map(),
    candidates: new Map(),
    provider: NO_PROVIDER_SETTINGS,
    nas: new Map(),
    feedProfiles: new Map(),
    nasEvents: new Map(),
    feeds: new FeedTable(),
    pools: new PoolTable(),
    compiled: new PolicySet([]),
    uncompiled: new Map(),
    subscribers: new Map(),
    absent: new Set(),
    windows: new Map(),
    due: new DueQueue(),
    sweep: null,
  };
}

/** Bucket of a subscriber's values. Uses other bits of the hash than the partition does. */
export function bucketOf(
  subscriberId: string,
  settings: Pick<FoldSettings, 'partitionCount' | 'bucketCount'>,
): number {
  const hash = murmur2(Buffer.from(subscriberId, 'utf8')) & 0x7fffffff;
  return Math.floor(hash / settings.partitionCount) % settings.bucketCount;
}

/** Shared: lists of uses are replaced, never changed in place. */
const NO_USES: TopUpUse[] = [];

/** A subscriber of whom nothing is known. */
export function newSubscriber(id: string, settings: FoldSettings): Subscriber {
  return {
    id,
    bucket: bucketOf(id, settings),
    mark: -1,
    profile: null,
    sessions: [],
    tombstones: [],
    forgottenMs: 0,
    strayMs: 0,
    cycles: [],
    pastCycles: [],
    today: null,
    days: [],
    hour: null,
    hours: [],
    newestWindow: null,
    peak: null,
    overage: null,
    carry: null,
    topUpUses: NO_USES,
    pool: null,
    rules: [],
    effect: null,
    suspended: false,
    dueMs: null,
    touchedDueMs: null,
    counted: { nas: [], sessions: 0, throttled: 0 },
    keepsParts: false,
    rows: [],
    rowsThroughMs: Number.NEGATIVE_INFINITY,
  };
}

/** The subscriber in memory, made if this is the first that is heard of it. Whoever asks has looked in the store before. */
export function subscriberOf(state: SlotState, id: string): Subscriber {
  const known = state.subscribers.get(id);
  if (known !== undefined) return known;
  const made = newSubscriber(id, state.settings);
  made.keepsParts = state.blobVersion >= TARIFF_VERSION;
  state.subscribers.set(id, made);
  state.absent.delete(id);
  state.population.subscribers += 1;
  return made;
}
