import type { Control } from '../../schemas/control.ts';
import { CONTROL_KINDS } from '../../schemas/control.ts';
import { AppError } from '../../schemas/errors.ts';
import { policyVersion } from './policy-shape.ts';
import { providerSettings } from './provider-shape.ts';
import { feedProfile, nasProfile, planVersion, subscriberProfile } from './profile-shape.ts';
import { poolContribution, poolEffect, poolProfile } from './pool-shape.ts';
import type { Check } from './shape.ts';
import { integer, isObject, object, oneOf, text } from './shape.ts';
import { operatorCommand, replayControl } from './operator-shape.ts';
import { MAX_PLAUSIBLE_MS, MIN_PLAUSIBLE_MS } from './usage-event.ts';

/** Largest control, in bytes: below Kafka's default of 1 MB a message. */
const MAX_CONTROL_BYTES = 900_000;

/** What a control's bytes gave. */
export type DecodedControl = { ok: true; control: Control } | { ok: false; problem: string };

/** Reads and checks a control: UTF-8 JSON, no unknown field, every value within bounds. Never throws. */
export function decodeControl(bytes: Uint8Array | null): DecodedControl {
  if (bytes === null || bytes.length === 0) return { ok: false, problem: 'no content' };
  if (bytes.length > MAX_CONTROL_BYTES) return { ok: false, problem: `more than ${MAX_CONTROL_BYTES} bytes` };
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch {
    return { ok: false, problem: 'the content is not UTF-8 JSON' };
  }
  const problem = controlProblem(value);
  return problem === null ? { ok: true, control: value as Control } : { ok: false, problem };
}

/**
 * Bytes of a control for the log. Checks it like decodeControl does, so that no writer can put a control
 * into the log that readers refuse: throws 'invalid-input'.
 */
export function encodeControl(control: Control): Uint8Array {
  const bytes = Buffer.from(JSON.stringify(control), 'utf8');
  const decoded = decodeControl(bytes);
  if (!decoded.ok) throw new AppError('invalid-input', `control ${control.kind}: ${decoded.problem}`);
  return bytes;
}

/**
 * As encodeControl, for a control of plain values, as parsed from JSON: it is what its bytes say, and is checked as it is. Each of a
 * million subscribers of an import is parsed once less.
 */
export function encodePlainControl(control: Control): Uint8Array {
  const bytes = Buffer.from(JSON.stringify(control), 'utf8');
  const problem =
    bytes.length > MAX_CONTROL_BYTES ? `more than ${MAX_CONTROL_BYTES} bytes` : controlProblem(control);
  if (problem !== null) throw new AppError('invalid-input', `control ${control.kind}: ${problem}`);
  return bytes;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

type OfKind<K extends Control['kind']> = Extract<Control, { kind: K }>;

const CHECKS: { [K in Control['kind']]: Check<OfKind<K>> } = {
  'subscriber-profile': object<OfKind<'subscriber-profile'>>({
    kind: oneOf(['subscriber-profile']),
    profile: subscriberProfile,
  }),
  'plan-version': object<OfKind<'plan-version'>>({ kind: oneOf(['plan-version']), plan: planVersion }),
  'policy-version': object<OfKind<'policy-version'>>({
    kind: oneOf(['policy-version']),
    policy: policyVersion,
  }),
  'policy-withdrawn': object<OfKind<'policy-withdrawn'>>({
    kind: oneOf(['policy-withdrawn']),
    policyId: text(1, 256),
  }),
  'provider-settings': object<OfKind<'provider-settings'>>({
    kind: oneOf(['provider-settings']),
    settings: providerSettings,
  }),
  'nas-profile': object<OfKind<'nas-profile'>>({ kind: oneOf(['nas-profile']), nas: nasProfile }),
  'feed-profile': object<OfKind<'feed-profile'>>({ kind: oneOf(['feed-profile']), feed: feedProfile }),
  'pool-profile': object<OfKind<'pool-profile'>>({ kind: oneOf(['pool-profile']), pool: poolProfile }),
  'pool-contribution': object<OfKind<'pool-contribution'>>({
    kind: oneOf(['pool-contribution']),
    contribution: poolContribution,
  }),
  'pool-effect': object<OfKind<'pool-effect'>>({ kind: oneOf(['pool-effect']), effect: poolEffect }),
  'nas-event': object<OfKind<'nas-event'>>({
    kind: oneOf(['nas-event']),
    nasId: text(1, 256),
    event: oneOf(['on', 'off']),
    atMs: integer(MIN_PLAUSIBLE_MS, MAX_PLAUSIBLE_MS),
  }),
  operator: object<OfKind<'operator'>>({ kind: oneOf(['operator']), command: operatorCommand }),
  replay: replayControl,
  'fold-version': object<OfKind<'fold-version'>>({
    kind: oneOf(['fold-version']),
    version: integer(1, 255),
  }),
  tick: object<OfKind<'tick'>>({ kind: oneOf(['tick']), t: integer(MIN_PLAUSIBLE_MS, MAX_PLAUSIBLE_MS) }),
};

function controlProblem(value: unknown): string | null {
  if (!isObject(value)) return 'the content is not an object';
  const kind = CONTROL_KINDS.find((name) => name === value['kind']);
  return kind === undefined ? 'unknown kind' : CHECKS[kind](value, '');
}
