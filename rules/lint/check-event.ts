import type { PolicyEventType } from '../../schemas/policy.ts';
import { closest, hint, shown } from './did-you-mean.ts';
import type { At } from './finding.ts';
import type { Report } from './report.ts';
import { checkWhole, isObject, onlyKeys } from './shape.ts';
import type { JsonObject, Whole } from './shape.ts';

/** Events with their parameters, for messages, the JSON Schema and the documentation. */
export const EVENTS = {
  throttle: {
    about: "Slows the line to a speed below the plan's",
    params: ['downBps', 'upBps', 'profile', 'until', 'minHoldSeconds'],
  },
  block: { about: 'Stops traffic', params: ['until', 'minHoldSeconds'] },
  redirect: {
    about: 'Leads the subscriber to a page, by a profile of provider.json',
    params: ['profile', 'until', 'minHoldSeconds'],
  },
  overage: {
    about: 'Sells blocks beyond the allowance, by the terms of the plan, to who agreed to paid extras',
    params: ['blockBytes', 'blockPriceMinor', 'currency', 'maxBlocks'],
  },
  topup: {
    about: 'Buys a top-up of provider.json, for who agreed to paid extras',
    params: ['productId', 'maxPerCycle'],
  },
  notify: { about: 'Sends a notice', params: ['template', 'channel'] },
} as const satisfies Record<PolicyEventType, { about: string; params: readonly string[] }>;

export const SPEED: Whole = { unit: 'bit/s', min: 1, max: 1e15 };
export const SECONDS: Whole = { unit: 'seconds', min: 1, max: 366 * 86_400 };
export const HOLD_SECONDS: Whole = { unit: 'seconds', min: 0, max: 366 * 86_400 };
export const BLOCK_BYTES: Whole = { unit: 'bytes', min: 1, max: Number.MAX_SAFE_INTEGER };
export const PRICE: Whole = { unit: '', min: 0, max: 1e12 };
export const BLOCKS: Whole = { unit: '', min: 1, max: 1_000_000 };
/** Top-ups of one product in a cycle. */
export const TOP_UPS: Whole = { unit: '', min: 1, max: 1000 };
/** Longest name of a template, channel, profile or product. */
export const MAX_NAME = 256;

/** Checks a rule's event: type, parameters, their forms. What a provider or plan has is checked elsewhere. */
export function checkEvent(value: unknown, at: At, report: Report): void {
  if (!isObject(value)) {
    report.add('P100', at, 'an event is an object with type and params');
    return;
  }
  onlyKeys(value, ['type', 'params'], at, report);
  const { type, params } = value;
  if (typeof type !== 'string' || !isEventType(type)) {
    const near = typeof type === 'string' ? closest(type, Object.keys(EVENTS)) : null;
    const known = typeof type === 'string' ? hint(type, Object.keys(EVENTS)) : '';
    report.add(
      'P104',
      Object.hasOwn(value, 'type') ? [...at, 'type'] : at,
      `unknown event type ${shown(type)}.${known}`,
      {
        suggestion: near === null ? null : JSON.stringify(near),
      },
    );
    return;
  }
  if (!isObject(params)) {
    report.add(
      params === undefined ? 'P107' : 'P100',
      params === undefined ? at : [...at, 'params'],
      'an event needs params, an object; {} where there are none',
    );
    return;
  }
  const where = [...at, 'params'];
  onlyKeys(params, EVENTS[type].params, where, report);
  checkParams(type, params, where, report);
}

function isEventType(type: string): type is PolicyEventType {
  return Object.hasOwn(EVENTS, type);
}

function checkParams(type: PolicyEventType, params: JsonObject, at: At, report: Report): void {
  switch (type) {
    case 'throttle':
      checkThrottle(params, at, report);
      checkHolding(params, at, report);
      return;
    case 'block':
      checkHolding(params, at, report);
      return;
    case 'redirect':
      checkName(params, 'profile', at, report);
      checkHolding(params, at, report);
      return;
    case 'overage':
      checkTerms(params, at, report);
      return;
    case 'topup':
      checkName(params, 'productId', at, report);
      checkWhole(params, 'maxPerCycle', TOP_UPS, at, report, { missing: 'P404' });
      return;
    case 'notify':
      checkName(params, 'template', at, report);
      checkName(params, 'channel', at, report);
  }
}

function checkThrottle(params: JsonObject, at: At, report: Report): void {
  const hasSpeed = Object.hasOwn(params, 'downBps') || Object.hasOwn(params, 'upBps');
  if (!Object.hasOwn(params, 'profile')) {
    checkWhole(params, 'downBps', SPEED, at, report);
    checkWhole(params, 'upBps', SPEED, at, report);
    return;
  }
  checkName(params, 'profile', at, report);
  if (hasSpeed)
    report.add('P402', [...at, 'profile'], 'write either profile, or downBps and upBps', { onKey: true });
}

function checkHolding(params: JsonObject, at: At, report: Report): void {
  const { until } = params;
  if (until !== undefined) checkUntil(until, [...at, 'until'], report);
  if (!Object.hasOwn(params, 'minHoldSeconds')) return;
  checkWhole(params, 'minHoldSeconds', HOLD_SECONDS, at, report);
  if (until !== undefined && until !== 'while')
    report.add(
      'P403',
      [...at, 'minHoldSeconds'],
      'minHoldSeconds counts with "until": "while" only: here it is ignored',
      {
        onKey: true,
      },
    );
}

function checkUntil(until: unknown, at: At, report: Report): void {
  if (until === 'while' || until === 'cycle-end') return;
  if (isObject(until)) {
    onlyKeys(until, ['seconds'], at, report);
    checkWhole(until, 'seconds', SECONDS, at, report);
    return;
  }
  const near = typeof until === 'string' ? closest(until, ['while', 'cycle-end']) : null;
  report.add('P401', at, `until must be "while", "cycle-end" or {"seconds": N}, not ${shown(until)}`, {
    suggestion: near === null ? null : JSON.stringify(near),
  });
}

function checkTerms(params: JsonObject, at: At, report: Report): void {
  if (Object.hasOwn(params, 'blockBytes')) checkWhole(params, 'blockBytes', BLOCK_BYTES, at, report);
  if (Object.hasOwn(params, 'blockPriceMinor')) checkWhole(params, 'blockPriceMinor', PRICE, at, report);
  if (Object.hasOwn(params, 'maxBlocks') && params['maxBlocks'] !== null)
    checkWhole(params, 'maxBlocks', BLOCKS, at, report);
  if (Object.hasOwn(params, 'currency') && !isCurrency(params['currency']))
    report.add('P401', [...at, 'currency'], 'currency must be three capital letters, such as EUR');
}

/** Of the form of ISO 4217; whether it is in use is for the linter to say. */
export function isCurrency(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Z]{3}$/.test(value);
}

/** Checks a required text that names something. */
export function checkName(value: JsonObject, key: string, at: At, report: Report): void {
  const name = value[key];
  if (name === undefined) report.add('P107', at, `${key} is missing: a text`);
  else if (typeof name !== 'string' || name.trim() === '' || name.length > MAX_NAME)
    report.add('P401', [...at, key], `${key} must be a text of 1 to ${MAX_NAME} characters`);
}
