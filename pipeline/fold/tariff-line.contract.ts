import type { SubscriberProfile } from '../../schemas/profile.ts';
import type { ClosedCycle, UsageAdjustment } from '../../schemas/usage-record.ts';
import { LogBuilder, NOON, capPolicy } from '../../tests/factories.ts';
import { fold, freshSlot, plan, profile } from '../../tests/factories.ts';
import { factsOf } from '../decide/facts-of.ts';
import { planOf } from '../decide/in-force.ts';
import type { BatchEffects } from './effects.ts';
import type { SlotState, Subscriber } from './slot-state.ts';

/** Beginnings of months and of NOON's day, in UTC. */
export const JULY = Date.UTC(2026, 6, 1);
export const AUGUST = Date.UTC(2026, 7, 1);
export const SEPTEMBER = Date.UTC(2026, 8, 1);
export const MIDNIGHT = Date.UTC(2026, 6, 10);

/** What of a profile a test is about. */
export type Given = Partial<SubscriberProfile>;

/** A log of one subscriber; each record is a session of its own. */
export class Line {
  readonly log = new LogBuilder();
  readonly state: SlotState;
  #sessions = 0;

  constructor(plans: Parameters<typeof plan>[0][] = [{}], layout?: number) {
    this.state = freshSlot();
    if (layout !== undefined) this.state.blobVersion = layout;
    for (const fields of plans) this.log.control({ kind: 'plan-version', plan: plan(fields) });
    this.log.control({ kind: 'policy-version', policy: capPolicy({ minHoldSeconds: 0 }) });
  }

  given(fields: Given, appendTimeMs = NOON): this {
    this.log.control({ kind: 'subscriber-profile', profile: profile(fields) });
    const input = this.log.inputs.at(-1);
    if (input !== undefined) input.appendTimeMs = appendTimeMs;
    return this;
  }

  used(
    atMs: number,
    outputOctets: number,
    more: { serviceClass?: string; appendTimeMs?: number } = {},
  ): this {
    this.#sessions += 1;
    const { serviceClass = null, appendTimeMs } = more;
    this.log.record(
      { eventTimeMs: atMs, sessionId: `s${this.#sessions}`, outputOctets, serviceClass },
      appendTimeMs,
    );
    return this;
  }

  tick(atMs: number): this {
    this.log.tick(atMs);
    return this;
  }

  folded(): { effects: BatchEffects; subscriber: Subscriber; facts: ReturnType<typeof factsOf> } {
    const effects = fold(this.state, this.log.inputs);
    const subscriber = this.state.subscribers.get('sub-1');
    if (subscriber === undefined) throw new Error('nobody was folded');
    const facts = factsOf(this.state, subscriber, planOf(this.state, subscriber));
    return { effects, subscriber, facts };
  }

  facts(): ReturnType<typeof factsOf> {
    return this.folded().facts;
  }
}

/** Cycles that went to billing. */
export const closes = ({ effects }: ReturnType<Line['folded']>): ClosedCycle[] =>
  effects.outbox.flatMap((record) => (record.kind === 'closed-cycle' ? [record.cycle] : []));

export const adjustments = ({ effects }: ReturnType<Line['folded']>): UsageAdjustment[] =>
  effects.outbox.flatMap((record) => (record.kind === 'adjustment' ? [record.adjustment] : []));

/** One plan up to an instant, another from then on. */
export const changed = (atMs: number, before = 'home-100', after = 'home-200'): Given => ({
  assignments: [
    { planId: before, fromMs: 0, toMs: atMs },
    { planId: after, fromMs: atMs, toMs: null },
  ],
});

/** The plans of `changed`, the second one with a cap of 5,000. */
export const TWO = [{}, { planId: 'home-200', capBytes: 5000 }];
