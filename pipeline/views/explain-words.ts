import { FACTS, CLASS_FACTS } from '../../rules/facts/catalogue.ts';
import type { FactDefinition } from '../../rules/facts/catalogue.ts';
import type { DesiredState, Effect, Speed } from '../../schemas/action.ts';
import type { Holding, PolicyEvent } from '../../schemas/policy.ts';

/** Octets in GB of 10^9, exact to the megabyte; below that in octets. Negative ones keep their sign. */
export function sizeWords(bytes: number): string {
  const rounded = Math.round(bytes);
  if (Math.abs(rounded) < 1_000_000) return `${rounded} bytes`;
  return `${(bytes / 1e9).toFixed(3)} GB`;
}

/** Both directions. */
export function usageWords(down: number, up: number): string {
  return `${sizeWords(down)} down, ${sizeWords(up)} up`;
}

/** Download/upload in Mbit/s. */
export function speedWords({ downBps, upBps }: Speed): string {
  return `${downBps / 1_000_000}/${upBps / 1_000_000} Mbit/s`;
}

/** A stretch of time in its two largest units. */
export function durationWords(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** What an effect does to the line. */
export function effectWords(effect: Effect | null): string {
  switch (effect?.state) {
    case undefined:
      return 'the speed of the plan';
    case 'throttle':
      return `throttle to ${speedWords(effect)}${profileWords(effect.profile)}`;
    case 'redirect':
      return `redirect${profileWords(effect.profile)}`;
    case 'block':
      return 'block';
    case 'hold':
      return 'hold: no traffic, no notices';
    case 'boost':
      return `boost to ${speedWords(effect)}`;
  }
}

/** How the line is to be. */
export function desiredWords(desired: DesiredState): string {
  switch (desired.state) {
    case 'plan':
      return `speed of the plan, ${speedWords(desired)}`;
    case 'boost':
    case 'throttle':
      return `${desired.state} to ${speedWords(desired)}${profileWords(desired.profile)}`;
    case 'redirect':
      return `redirect${profileWords(desired.profile)}`;
    case 'block':
    case 'hold':
      return desired.state;
  }
}

function profileWords(profile: string | null): string {
  return profile === null ? '' : ` (profile ${profile})`;
}

/** What a rule asks for. */
export function eventWords(event: PolicyEvent, effect: Effect | null): string {
  switch (event.type) {
    case 'throttle':
    case 'block':
    case 'redirect':
      return effectWords(effect);
    case 'overage':
      return 'paid blocks beyond the allowance';
    case 'topup':
      return `buy top-up ${event.params.productId}, at most ${event.params.maxPerCycle} a cycle`;
    case 'notify':
      return `notice ${event.params.template} (${event.params.channel})`;
  }
}

/** How long what a rule asks for is held; null where nothing lasts. */
export function untilWords(event: PolicyEvent): string | null {
  if (event.type !== 'throttle' && event.type !== 'block' && event.type !== 'redirect') return null;
  const { until = 'while', minHoldSeconds = 900 }: Holding = event.params;
  if (typeof until === 'object') return `for ${durationWords(until.seconds * 1000)}`;
  if (until === 'cycle-end') return 'to the end of the cycle, or until the allowance grows above use';
  return `while the conditions hold, at least ${durationWords(minHoldSeconds * 1000)}`;
}

/** Versions are 64 hex digits; 8 tell them apart. */
export function shortVersion(version: string): string {
  return /^[0-9a-f]{64}$/.test(version) ? version.slice(0, 8) : version;
}

/** A fact's definition, by its name or a path into `byClass`; null where there is none. */
export function definitionOf(fact: string, path?: string): FactDefinition | null {
  if (fact === 'byClass' && path !== undefined) {
    const name = /([A-Za-z0-9]+)$/.exec(path)?.[1] ?? '';
    return Object.hasOwn(CLASS_FACTS, name) ? CLASS_FACTS[name as keyof typeof CLASS_FACTS] : null;
  }
  return Object.hasOwn(FACTS, fact) ? FACTS[fact as keyof typeof FACTS] : null;
}

/** A value with the unit of its fact. */
export function valueWords(value: unknown, unit: string): string {
  if (value === null || value === undefined) return 'none';
  if (typeof value !== 'number') return JSON.stringify(value);
  switch (unit) {
    case 'bytes':
      return sizeWords(value);
    case 'bit/s':
      return `${Math.round(value / 1000) / 1000} Mbit/s`;
    case 'seconds':
      return durationWords(value * 1000);
    case '%':
      return `${rounded(value)} %`;
    case '':
      return rounded(value);
    case 'hours':
      return `${rounded(value)} h`;
    default:
      return `${rounded(value)} ${value === 1 ? unit.replace(/s$/, '') : unit}`;
  }
}

/** Two decimals, rounded down: 99.999 % is not yet 100 %. */
function rounded(value: number): string {
  return String(Math.floor(Math.round(value * 1e6) / 1e4) / 100);
}
