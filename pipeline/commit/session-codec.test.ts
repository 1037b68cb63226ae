import { describe, expect, it } from 'vitest';
import { isAppError } from '../../schemas/errors.ts';
import { closedSession, openedSession } from '../meter/meter-rig.contract.ts';
import type { Session } from '../fold/slot-state.ts';
import { CLOSE_CAUSES } from '../fold/slot-state.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { readSessions, writeSessions } from './session-codec.ts';

function bytesOf(sessions: readonly Session[]): Uint8Array {
  const writer = new ByteWriter();
  writeSessions(writer, sessions);
  return writer.take();
}

function again(sessions: readonly Session[]): Session[] {
  const reader = new ByteReader(bytesOf(sessions));
  const read = readSessions(reader);
  reader.end();
  return read;
}

const RICH = openedSession({
  group: 'pair',
  service: 'video',
  serviceClass: 'tv',
  multiId: 'm',
  parentId: 'p',
  nasIp: '192.0.2.1',
  framedIp: '2001:db8::7',
  counted: { down: 5, up: 6 },
  candidate: { down: 1, up: 2, atMs: 9 },
  restart: { down: 3, up: 4, atMs: -9 },
  moved: { down: 0, up: 1 },
  absurd: true,
});

describe('sessions', () => {
  it('come back in their order', () => {
    const closed = CLOSE_CAUSES.map((closedBy) => closedSession({ closedBy, sessionId: closedBy }));
    const all = [openedSession(), RICH, ...closed];
    expect(again(all)).toEqual(all);
  });

  it('cost nothing for what they are not', () => {
    const plain = openedSession({ nasIp: null, framedIp: null });
    const bytes = (fields: Partial<Session>): number => bytesOf([{ ...plain, ...fields }]).length;
    expect(bytes({})).toBeLessThan(40);
    // Its length and its letter; with it the marks take a byte more.
    expect(bytes({ group: 'g' })).toBe(bytes({}) + 3);
    expect(bytes({ absurd: true })).toBe(bytes({}));
    // Five bytes, and two more of marks.
    expect(bytes({ framedIp: '203.0.113.250' })).toBe(bytes({}) + 7);
    expect(bytes({ level: { ...plain.counted } })).toBe(bytes({}));
  });

  it.each(['0.0.0.0', '255.255.255.255', '10.0.0.1'])('keep the address %s', (framedIp) => {
    expect(again([openedSession({ framedIp })])[0]?.framedIp).toBe(framedIp);
  });

  it.each(['01.2.3.4', '1.2.3', '256.0.0.1', '1.2.3.4 ', '', '::ffff:1.2.3.4', '１.2.3.4'])(
    'keep the text %j, which is no packed address',
    (framedIp) => {
      expect(again([openedSession({ framedIp })])[0]?.framedIp).toBe(framedIp);
    },
  );

  it('that are cut are refused', () => {
    const bytes = bytesOf([RICH]);
    const corrupt = (read: () => unknown): boolean => {
      try {
        read();
        return false;
      } catch (error) {
        return isAppError(error, 'store-corrupt');
      }
    };
    for (let length = 0; length < bytes.length; length += 1)
      expect(corrupt(() => readSessions(new ByteReader(bytes.subarray(0, length))))).toBe(true);
  });
});
