import type { Effect } from '../schemas/action.ts';
import type { PlanVersion, SubscriberProfile } from '../schemas/profile.ts';
import type { Use } from './allowance.ts';
import { CycleBook } from './cycle-book.ts';
import type { CycleTerms } from './cycle-book.ts';
import type { Extras } from './extras.ts';
import type { LocalCalendar } from './local-calendar.ts';
import { cutsOf } from './parts.ts';
import type { MemberOf } from './pools.ts';
import { RecentUse } from './recent-use.ts';
import { noSessions } from './sessions.ts';
import type { Sessions } from './sessions.ts';

/** What is carried over into a cycle. */
export interface Carry {
  cycleStartMs: number;
  bytes: bigint;
  /** the cycle that left it went to billing */
  final: boolean;
}

/** A rule as it stands for one subscriber. */
export interface RuleState {
  active: boolean;
  sinceMs: number;
  cycleStartMs: number;
  ordinal: number;
  /** what it asks of the line while active; null where nothing lasts */
  effect: Effect | null;
  /** when it is to be looked at again; null = nobody asked */
  releaseMs: number | null;
}

/** Everything that is known of one subscriber. */
export interface Line {
  id: string;
  profile: SubscriberProfile | null;
  sessions: Sessions;
  book: CycleBook;
  recent: RecentUse;
  /** `<policy id>/<rule name>`, with `~`, `pool:` or `profile:` before it where it is none of a live policy -> state, in order of first use */
  rules: Map<string, RuleState>;
  /** as set by actions, null = the plan's speed */
  effect: Effect | null;
  extras: Extras | null;
  /** what the cycle before left of its cap; null = its plan carries nothing over */
  carry: Carry | null;
  /** of each top-up of which something is used */
  topUpUses: Map<string, Use>;
  /** null = in no pool */
  pool: MemberOf | null;
  /** when it is looked at without an input of its own; null = never */
  dueMs: number | null;
  /** before this its usage may be more than was recomputed: it was under way when what is read of the log begins */
  unknownUntilMs: number;
}

export function newLine(id: string, calendar: LocalCalendar, unknownUntilMs = 0): Line {
  return {
    id,
    profile: null,
    sessions: noSessions(),
    book: new CycleBook(calendar),
    recent: new RecentUse(calendar),
    rules: new Map(),
    effect: null,
    extras: null,
    carry: null,
    topUpUses: new Map(),
    pool: null,
    dueMs: null,
    unknownUntilMs,
  };
}

/** Zone and rules that a line's cycles go by, and what cuts them; nothing does in slots that know no parts. */
export function ruleOf({ profile }: Line, world: { defaultZone: string; tariffs: boolean }): CycleTerms {
  return {
    zone: profile?.zone ?? world.defaultZone,
    cycle: profile?.cycle ?? { kind: 'month', anchorDay: profile?.anchorDay ?? 1 },
    changes: profile?.cycleChanges ?? [],
    cuts: world.tariffs ? cutsOf(profile) : [],
  };
}

/** Usage that a boost let through may come with a record as long after. */
const BOOST_SHOWS_MS = 86_400_000;
/** Where no plan says how fast the line is (case 20). */
const FASTEST_LINE = { downBps: 10_000_000_000, upBps: 10_000_000_000 };

/** What a line carries: the plan's speed, or more by a boost that is or was there within a day (case 20). */
export function speedOf(
  { profile }: Line,
  plan: PlanVersion | null,
  nowMs: number,
): { downBps: number; upBps: number } {
  if (plan === null) return FASTEST_LINE;
  const live = (profile?.boosts ?? []).filter(
    ({ fromMs, expiresMs }) => nowMs >= fromMs && nowMs < expiresMs + BOOST_SHOWS_MS,
  );
  return {
    downBps: Math.max(plan.downBps, ...live.map(({ downBps }) => downBps)),
    upBps: Math.max(plan.upBps, ...live.map(({ upBps }) => upBps)),
  };
}
