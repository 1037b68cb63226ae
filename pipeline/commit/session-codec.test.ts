import { describe, expect, it } from 'vitest';
import { isAppError } from '../../schemas/errors.ts';
import { closedSession, openedSession } from '../meter/meter-rig.contract.ts';
import type { Session } from '../fold/slot-state.ts';
import { CLOSE_CAUSES, NEWEST_BLOB_VERSION } from '../fold/slot-state.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { readSessions, writeSessions } from './session-codec.ts';
import { OLDEST_BLOB_VERSION } from './subscriber-codec.ts';

function bytesOf(sessions: readonly Session[], version = NEWEST_BLOB_VERSION): Uint8Array {
  const writer = new ByteWriter();
  writeSessions(writer, sessions, version);
  return writer.take();
}

function again(sessions: readonly Session[], version = NEWEST_BLOB_VERSION): Session[] {
  const reader = new ByteReader(bytesOf(sessions, version));
  const read = readSessions(reader, version);
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
  it.each([OLDEST_BLOB_VERSION, NEWEST_BLOB_VERSION])('of layout %i come back in their order', (version) => {
    const closed = CLOSE_CAUSES.map((closedBy) => closedSession({ closedBy, sessionId: closedBy }));
    const all = [openedSession(), RICH, ...closed];
    expect(again(all, version)).toEqual(all);
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

  it('of the older layout have addresses as text, and are as they were when read', () => {
    const older = bytesOf([RICH], OLDEST_BLOB_VERSION);
    expect(Buffer.from(older).includes(Buffer.from('192.0.2.1'))).toBe(true);
    expect(Buffer.from(bytesOf([RICH])).includes(Buffer.from('192.0.2.1'))).toBe(false);
    expect(again(again([RICH], OLDEST_BLOB_VERSION), NEWEST_BLOB_VERSION)).toEqual([RICH]);
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

  it('that the older layout can not hold are refused, and so are cut ones', () => {
    const newer = bytesOf([RICH]);
    const corrupt = (read: () => unknown): boolean => {
      try {
        read();
        return false;
      } catch (error) {
        return isAppError(error, 'store-corrupt');
      }
    };
    expect(corrupt(() => readSessions(new ByteReader(newer), OLDEST_BLOB_VERSION))).toBe(true);
    for (let length = 0; length < newer.length; length += 1)
      expect(
        corrupt(() => readSessions(new ByteReader(newer.subarray(0, length)), NEWEST_BLOB_VERSION)),
      ).toBe(true);
  });
});
