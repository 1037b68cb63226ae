import type { Control } from '../../schemas/control.ts';
import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import type { LocalCalendar } from './local-calendar.ts';

/** An action that the log asks for. Identity: all of it but the offset. */
export interface ExpectedAction {
  subscriberId: string;
  kind: 'throttle' | 'restore';
  cycleStartMs: number;
  ordinal: number;
  /** log entry at which it is due; with more than 2,000 subscribers due at once it may come a few entries later */
  offset: number;
}

interface Line {
  profile: SubscriberProfile | null;
  /** cycle start -> counted both ways */
  used: Map<number, { down: bigint; up: bigint }>;
  throttled: boolean;
  cycleStartMs: number;
  ordinal: number;
  /** watermarks up to here were looked at */
  rollMs: number | null;
}

/**
 * "Throttle at or above 100 % of the cap of the cycle that contains the watermark, restore when the cycle rolls", for every
 * subscriber whose plan name begins with one of the policy's. Looks at a subscriber when an entry touches it and when
 * the watermark reaches the end of its cycle.
 */
export class ActionOracle {
  private readonly calendar: LocalCalendar;
  private readonly lines = new Map<string, Line>();
  private readonly plans = new Map<string, PlanVersion>();
  private scope: { plans: string[]; segments: string[] | null } | null = null;
  private readonly steps: { offset: number; watermarkMs: number }[] = [];
  private readonly actions: ExpectedAction[] = [];
  private watermarkMs = 0;

  constructor(calendar: LocalCalendar) {
    this.calendar = calendar;
  }

  takeControl(control: Control): void {
    if (control.kind === 'plan-version') this.plans.set(control.plan.planId, control.plan);
    if (control.kind === 'subscriber-profile')
      this.lineOf(control.profile.subscriberId).profile = control.profile;
    if (control.kind === 'policy-version') {
      const { plans = ['*'], segments } = control.policy.file.appliesTo ?? {};
      this.scope = { plans, segments: segments ?? null };
    }
  }

  advance(watermarkMs: number, offset: number): void {
    if (watermarkMs <= this.watermarkMs) return;
    this.watermarkMs = watermarkMs;
    this.steps.push({ offset, watermarkMs });
  }

  /** Rolls that the watermark passed since are looked at first, with the bytes as they were then. */
  used(subscriberId: string, cycleStartMs: number, bytes: { down: bigint; up: bigint }): void {
    const line = this.lineOf(subscriberId);
    this.rollTo(subscriberId, line);
    const sum = line.used.get(cycleStartMs) ?? { down: 0n, up: 0n };
    line.used.set(cycleStartMs, { down: sum.down + bytes.down, up: sum.up + bytes.up });
  }

  touch(subscriberId: string, offset: number): void {
    const line = this.lineOf(subscriberId);
    this.rollTo(subscriberId, line);
    if (this.watermarkMs > 0) this.look(subscriberId, line, this.watermarkMs, offset);
  }

  finish(): ExpectedAction[] {
    for (const [subscriberId, line] of this.lines) this.rollTo(subscriberId, line);
    return [...this.actions].sort((a, b) => a.offset - b.offset);
  }

  private rollTo(subscriberId: string, line: Line): void {
    while (line.rollMs !== null && line.rollMs <= this.watermarkMs) {
      const step = this.firstStepAt(line.rollMs);
      this.look(subscriberId, line, step.watermarkMs, step.offset);
    }
  }

  private look(subscriberId: string, line: Line, watermarkMs: number, offset: number): void {
    const { profile } = line;
    const zone = profile?.zone ?? 'UTC';
    const cycle = this.calendar.cycleAt(zone, profile?.anchorDay ?? 1, watermarkMs);
    line.rollMs = cycle.endMs;
    const over = profile !== null && this.isOver(line, profile, cycle.startMs, watermarkMs);
    if (over === line.throttled) return;
    line.throttled = over;
    line.ordinal = line.cycleStartMs === cycle.startMs ? line.ordinal + 1 : 1;
    line.cycleStartMs = cycle.startMs;
    const kind = over ? 'throttle' : 'restore';
    this.actions.push({ subscriberId, kind, cycleStartMs: cycle.startMs, ordinal: line.ordinal, offset });
  }

  private isOver(line: Line, profile: SubscriberProfile, cycleStartMs: number, watermarkMs: number): boolean {
    const assignment = profile.assignments.find(
      ({ fromMs, toMs }) => fromMs <= watermarkMs && (toMs === null || watermarkMs < toMs),
    );
    const plan = assignment && this.plans.get(assignment.planId);
    if (this.scope === null || plan === undefined || plan.capBytes === null) return false;
    const matches = (pattern: string, name: string): boolean =>
      pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
    if (!this.scope.plans.some((pattern) => matches(pattern, plan.planId))) return false;
    if (this.scope.segments?.some((pattern) => matches(pattern, profile.segment)) === false) return false;
    const { down, up } = line.used.get(cycleStartMs) ?? { down: 0n, up: 0n };
    const counted = { down, up, both: down + up, max: down > up ? down : up }[plan.counted];
    return counted >= BigInt(plan.capBytes) + BigInt(profile.carryOverBytes);
  }

  /** The entry that brought the watermark to `atMs` or beyond. */
  private firstStepAt(atMs: number): { offset: number; watermarkMs: number } {
    let low = 0;
    let high = this.steps.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.steps[middle]?.watermarkMs ?? 0) >= atMs) high = middle;
      else low = middle + 1;
    }
    const step = this.steps[low];
    if (step === undefined) throw new Error('no entry moved the watermark');
    return step;
  }

  private lineOf(subscriberId: string): Line {
    const known = this.lines.get(subscriberId);
    if (known !== undefined) return known;
    const made: Line = {
      profile: null,
      used: new Map(),
      throttled: false,
      cycleStartMs: 0,
      ordinal: 0,
      rollMs: null,
    };
    this.lines.set(subscriberId, made);
    return made;
  }
}
