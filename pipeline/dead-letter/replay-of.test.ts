import { describe, expect, it } from 'vitest';
import type { ReplayControl } from '../../schemas/control.ts';
import type { DeadLetterReason } from '../../schemas/outcome.ts';
import { DEAD_LETTER_REASONS } from '../../schemas/outcome.ts';
import { decodeControl, encodeControl } from '../decode/control-codec.ts';
import type { RecordInput } from '../decode/encode.ts';
import { recordEncoder } from '../decode/encode.ts';
import {
  ACCOUNTING,
  APPENDED,
  confluent,
  encoded,
  letter,
  ofUnknownStatus,
  record,
  SCHEMAS,
} from './letter-rig.contract.ts';
import { parseEdits } from './record-fields.ts';
import type { ReplayRefusal } from './replay-of.ts';
import { isReplayRefusal, replayOf } from './replay-of.ts';

function replay(
  reason: DeadLetterReason,
  value: Uint8Array | null,
  set: Record<string, string> = {},
  schemas = SCHEMAS,
): ReplayControl | ReplayRefusal {
  const edits = parseEdits(set);
  if (typeof edits === 'string') return { why: edits };
  return replayOf(letter(reason, value), { schemas, edits, by: 'ann' });
}

function whyNot(answer: ReplayControl | ReplayRefusal): string {
  return isReplayRefusal(answer) ? answer.why : 'replayed';
}

describe('a letter as it came', () => {
  const cases: Record<DeadLetterReason, [value: Uint8Array | null, expected: string]> = {
    empty: [null, 'there is nothing to replay'],
    oversize: [encoded({ class: 'x'.repeat(9000) }).subarray(0, 4096), 'only its beginning was kept'],
    'unknown-framing': [recordEncoder(ACCOUNTING, 'bare')(record()), 'put the feeder right'],
    'unknown-schema': [confluent(8), 'register the schema'],
    'incompatible-schema': [confluent(9), 'register one that fits'],
    undecodable: [encoded().subarray(0, -1), 'have the feeder send it again'],
    'missing-field': [encoded({ subscriber_id: '' }), 'subscriber_id is empty: put it right by --set'],
    'negative-octets': [encoded({ input_octets: -1 }), 'a counter is negative: put it right by --set'],
    'octets-beyond-2^53': [encoded({ input_gigawords: 2 ** 21 }), 'beyond 2^53: put it right by --set'],
    'implausible-time': [encoded({ event_time: 5 }), 'outside 2000..2100: put it right by --set'],
    'beyond-horizon': [encoded(), 'replayed'],
    misrouted: [confluent(7), 'replayed'],
    'bad-control': [Buffer.from('{}'), 'it is a control'],
  };

  it.each(DEAD_LETTER_REASONS)('%s', (reason) => {
    const [value, expected] = cases[reason];
    expect(whyNot(replay(reason, value))).toContain(expected);
  });

  it('becomes a control that the log takes, with its place and append time', () => {
    const control = replay('beyond-horizon', encoded());
    expect(control).toMatchObject({
      kind: 'replay',
      letter: { partition: 3, offset: 99 },
      appendTimeMs: APPENDED,
      by: 'ann',
      event: {
        subscriberId: 'sub-1',
        nasId: 'nas-1',
        eventTimeMs: APPENDED - 1000,
        inputOctets: 10,
        outputOctets: 20,
      },
    });
    expect(decodeControl(encodeControl(control as ReplayControl))).toEqual({ ok: true, control });
  });

  it('can be replayed once its schema is known', () => {
    expect(whyNot(replay('unknown-schema', confluent(7)))).toBe('replayed');
  });

  it.each(['ACCOUNTING_ON', 'ACCOUNTING_OFF'] as const)('%s comes too late', (status_type) => {
    const value = encoded({ status_type, subscriber_id: '', session_id: '' });
    expect(whyNot(replay('misrouted', value))).toContain('about a whole NAS');
  });

  it('may hold what ordinary records may hold', () => {
    expect(whyNot(replay('beyond-horizon', encoded({ user_name: 'a\0b' })))).toBe('replayed');
  });
});

describe('a letter put right', () => {
  it.each<[DeadLetterReason, Partial<RecordInput>, Record<string, string>, object]>([
    ['missing-field', { subscriber_id: '' }, { subscriber_id: 'sub-2' }, { subscriberId: 'sub-2' }],
    ['missing-field', { nas_id: '' }, { nas_id: 'nas-2' }, { nasId: 'nas-2' }],
    ['negative-octets', { input_octets: -1 }, { input_octets: '0' }, { inputOctets: 0 }],
    ['negative-octets', { input_octets: -1 }, { input_octets: '' }, { inputOctets: null }],
    [
      'octets-beyond-2^53',
      { input_gigawords: 2 ** 21 },
      { input_gigawords: '1' },
      { inputOctets: 2 ** 32 + 10 },
    ],
    [
      'implausible-time',
      { event_time: 5 },
      { event_time: '2026-07-10T14:00:00+02:00' },
      { eventTimeMs: APPENDED },
    ],
    ['implausible-time', { event_time: 5 }, { event_time: String(APPENDED) }, { eventTimeMs: APPENDED }],
    ['implausible-time', { event_time: 5 }, { event_time: '' }, { eventTimeMs: null }],
    ['oversize', { user_name: 'x'.repeat(300) }, { user_name: 'x' }, { userName: 'x' }],
  ])('%s', (reason, changes, set, event) => {
    expect(whyNot(replay(reason, encoded(changes)))).not.toBe('replayed');
    expect(replay(reason, encoded(changes), set)).toMatchObject({ event });
  });

  it('with a status that is known', () => {
    const { value, schemas } = ofUnknownStatus();
    expect(whyNot(replay('undecodable', value, {}, schemas))).toContain('unknown symbol');
    expect(replay('undecodable', value, { status_type: 'STOP' }, schemas)).toMatchObject({
      event: { statusType: 'STOP' },
    });
  });

  it.each<[Record<string, string>, string]>([
    [{ colour: 'red' }, 'there is no field "colour"; there are feed_id, event_time'],
    [{ record_id: 'r' }, 'there is no field'],
    [{ constructor: 'x' }, 'there is no field'],
    [{ event_time: '2026-07-10 12:00' }, 'event_time is an instant such as'],
    [{ event_time: '2026-07-10T12:00:00' }, 'event_time is an instant such as'],
    [{ event_time: '2026-13-10T12:00:00Z' }, 'event_time is an instant such as'],
    [{ event_time: '1999-07-10T12:00:00Z' }, 'outside 2000..2100'],
    [{ input_octets: '-1' }, 'input_octets is a whole number'],
    [{ input_octets: '1e9' }, 'input_octets is a whole number'],
    [{ input_octets: '999999999999999999' }, 'beyond 2^53'],
    [{ input_gigawords: '4294967296' }, 'below 2^31'],
    [{ acct_delay_seconds: '' }, 'acct_delay_seconds is a whole number'],
    [{ subscriber_id: '' }, 'subscriber_id is empty'],
    [{ nas_id: 'x'.repeat(257) }, 'nas_id has 257 characters'],
    [{ subscriber_id: 'a\ud800' }, 'without halves of characters'],
    [{ status_type: 'MOOD' }, 'unknown symbol'],
    [{ status_type: 'ACCOUNTING_ON' }, 'about a whole NAS'],
  ])('and refused if still wrong: %j', (set, why) => {
    expect(whyNot(replay('beyond-horizon', encoded(), set))).toContain(why);
  });
});
