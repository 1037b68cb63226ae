import type { Control } from '../../schemas/control.ts';
import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import { HOUR, LogBuilder, capPolicy, plan, profile } from '../factories.ts';

/** Months, in UTC. */
export const JULY = Date.UTC(2026, 6, 1);
export const AUGUST = Date.UTC(2026, 7, 1);
export const SEPTEMBER = Date.UTC(2026, 8, 1);
/** Noon of it is NOON. */
export const TODAY = Date.UTC(2026, 6, 10);

/** A log of July with plans, a policy at the cap that lets go at once, and a profile. */
export function tariff(given: Partial<SubscriberProfile>, ...plans: Partial<PlanVersion>[]): LogBuilder {
  return subscribed(new LogBuilder().tick(JULY + HOUR), given, plans);
}

/** The same where event time has not begun. */
export function beforeTime(given: Partial<SubscriberProfile>, ...plans: Partial<PlanVersion>[]): LogBuilder {
  return subscribed(new LogBuilder(), given, plans);
}

function subscribed(
  log: LogBuilder,
  given: Partial<SubscriberProfile>,
  plans: readonly Partial<PlanVersion>[],
): LogBuilder {
  for (const fields of plans.length === 0 ? [{}] : plans)
    log.control({ kind: 'plan-version', plan: plan(fields) });
  log.control({ kind: 'policy-version', policy: capPolicy({ minHoldSeconds: 0 }) });
  return log.control({ kind: 'subscriber-profile', profile: profile(given) });
}

/** Octets down at an instant, in a session of their own. */
export function use(log: LogBuilder, atMs: number, bytes: number): LogBuilder {
  return log.record({ eventTimeMs: atMs, sessionId: `s${log.inputs.length}`, outputOctets: bytes });
}

/** A control that the log takes in at an instant. */
export function control(log: LogBuilder, atMs: number, content: Control): LogBuilder {
  log.control(content);
  const input = log.inputs.at(-1);
  if (input !== undefined) input.appendTimeMs = atMs;
  return log;
}

/** A profile at an instant. */
export function change(log: LogBuilder, atMs: number, given: Partial<SubscriberProfile>): LogBuilder {
  return control(log, atMs, { kind: 'subscriber-profile', profile: profile(given) });
}

/** Event time reaches an instant, and everybody whose time has come is looked at. */
export function until(log: LogBuilder, atMs: number): LogBuilder {
  return log.tick(atMs).tick(atMs + 1);
}

/** home-100 up to an instant, home-200 from then on. */
export function changed(atMs: number): Pick<SubscriberProfile, 'assignments'> {
  return {
    assignments: [
      { planId: 'home-100', fromMs: 0, toMs: atMs },
      { planId: 'home-200', fromMs: atMs, toMs: null },
    ],
  };
}

/** The plan that `changed` changes to. */
export const LARGER: Partial<PlanVersion> = { planId: 'home-200', capBytes: 5000 };
