import { STATUS_TYPES } from '../../schemas/accounting-record.ts';
import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { OperatorCommand, ReplayControl } from '../../schemas/control.ts';
import type { Check } from './shape.ts';
import { integer, isObject, nullable, object, oneOf, text, where } from './shape.ts';
import { MAX_PLAUSIBLE_MS, MIN_PLAUSIBLE_MS } from './usage-event.ts';

const id = text(1, 256);
const instant = integer(MIN_PLAUSIBLE_MS, MAX_PLAUSIBLE_MS);
const octets = nullable(integer(0, Number.MAX_SAFE_INTEGER));
const signedBytes = integer(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
const attribute = nullable(text(0, 256));

type OfType<T extends OperatorCommand['type']> = Extract<OperatorCommand, { type: T }>;

const COMMANDS: { [T in OperatorCommand['type']]: Check<OfType<T>> } = {
  'close-session': object<OfType<'close-session'>>({
    type: oneOf(['close-session']),
    subscriberId: id,
    nasId: id,
    sessionId: id,
    by: text(1, 256),
  }),
  adjust: object<OfType<'adjust'>>({
    type: oneOf(['adjust']),
    subscriberId: id,
    atMs: instant,
    downBytes: signedBytes,
    upBytes: signedBytes,
    reason: text(1, 500),
    by: text(1, 256),
  }),
  're-evaluate': object<OfType<'re-evaluate'>>({
    type: oneOf(['re-evaluate']),
    subscriberId: id,
    by: text(1, 256),
  }),
};

/** Any operator command. */
export const operatorCommand: Check<OperatorCommand> = (value, path) => {
  if (!isObject(value)) return `${path} is not an object`;
  const { type } = value as { type?: unknown };
  const known = (Object.keys(COMMANDS) as OperatorCommand['type'][]).find((name) => name === type);
  return known === undefined ? `${path}.type is unknown` : COMMANDS[known](value, path);
};

const fields = object<UsageEvent>({
  feedId: text(0, 256),
  statusType: oneOf(STATUS_TYPES),
  subscriberId: id,
  userName: attribute,
  sessionId: id,
  multiSessionId: attribute,
  parentSessionId: attribute,
  nasId: id,
  nasIp: attribute,
  framedIp: attribute,
  serviceName: attribute,
  serviceClass: attribute,
  radiusClass: attribute,
  eventTimeMs: nullable(instant),
  receivedAtMs: nullable(instant),
  acctDelaySeconds: integer(0, 2 ** 31),
  inputOctets: octets,
  outputOctets: octets,
  ipv6InputOctets: octets,
  ipv6OutputOctets: octets,
  sessionTimeSeconds: nullable(integer(0, 3_155_760_000)),
  terminateCause: attribute,
});

/** As of a record: what it was sent at, by its delay, is a time that there can be. */
const usageEvent = where(fields, ({ eventTimeMs, receivedAtMs, acctDelaySeconds }) =>
  eventTimeMs === null && receivedAtMs !== null && receivedAtMs - acctDelaySeconds * 1000 < MIN_PLAUSIBLE_MS
    ? 'was sent before 2000'
    : null,
);

/** A dead letter's record put right. Only session records are replayed: On and Off of a NAS mean nothing later. */
export const replayControl = object<ReplayControl>({
  kind: oneOf(['replay']),
  letter: object<ReplayControl['letter']>({
    partition: integer(0, 1_000_000),
    offset: integer(0, Number.MAX_SAFE_INTEGER),
  }),
  appendTimeMs: instant,
  event: usageEvent,
  by: text(1, 256),
});
