import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import { OUTCOMES } from '../../schemas/outcome.ts';
import { NOON, SETTINGS, capPolicy, plan } from '../../tests/factories.ts';
import type { OneShotRow } from '../fold/effects.ts';
import { emptySlot, NEWEST_BLOB_VERSION } from '../fold/slot-state.ts';
import { windowKey } from '../window/window-key.ts';
import type { SlotState, WindowTotal } from '../fold/slot-state.ts';
import {
  decodeCatalogue,
  decodeCore,
  decodeOneShot,
  decodeWindow,
  encodeCatalogue,
  encodeCore,
  encodeOneShot,
  encodeWindow,
} from './slot-codec.ts';

const name = fc.string({ unit: 'binary', maxLength: 12 });

function sample(): SlotState {
  const state = emptySlot(
    0,
    { ...SETTINGS, partitionCount: 12, bucketCount: 64, defaultZone: 'Europe/Berlin' },
    77,
  );
  state.watermarkMs = NOON;
  state.controlsFolded = 5;
  state.windows = new Map([[NOON, 300]]);
  state.sweep = { bucket: 3, after: 'sub-1', left: 60 };
  OUTCOMES.forEach((outcome, i) => {
    state.counts[outcome] = i * 200;
  });
  state.flags.estimated = 3;
  state.controls = new Map([
    ['tick', NOON],
    ['relay', 4],
  ]);
  return state;
}

const GOLDEN_CORE =
  '050c400d4575726f70652f4265726c696e8088b2a00280b8992980bc98dff433050000000800c8019003d804a006e807' +
  'b009f80a0d03000000000000000000000000020572656c617904047469636b80bc98dff4330180bc98dff433ac020103' +
  '057375622d313c';
const GOLDEN_WINDOW = '5:2:sub-1tvnas-1 05ac028080808020050108686f6d652d313030';

describe('core of a slot', () => {
  it('comes back as it was', () => {
    const state = sample();
    const copy = emptySlot(0, SETTINGS, 77);
    decodeCore(encodeCore(state), copy);
    expect(copy).toEqual({ ...state, controls: new Map([...state.controls].reverse()) });
  });

  it('keeps its bytes from release to release', () => {
    expect(Buffer.from(encodeCore(sample())).toString('hex')).toBe(GOLDEN_CORE);
  });

  it('does not depend on the order in which sources were heard of', () => {
    const state = sample();
    state.controls = new Map([...state.controls].reverse());
    expect(encodeCore(state)).toEqual(encodeCore(sample()));
  });

  it('truncated is refused', () => {
    const bytes = encodeCore(sample());
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeCore(bytes.subarray(0, length), emptySlot(0, SETTINGS, 0))).toThrow(AppError);
    }
  });
});

describe('catalogue', () => {
  it('comes back, compiled; what was withdrawn does not', () => {
    const state = sample();
    state.plans.set('home:100', [plan(), plan({ version: 2, effectiveFromMs: NOON })]);
    state.policies.set('home-fup', capPolicy());
    state.feedProfiles.set('feed-1', { feedId: 'feed-1', countFromMs: NOON });
    state.nasEvents.set('nas-1', NOON);
    state.feeds.of('nas-1', NOON).openSessions = 3;
    const fields = [
      'plan:home:100',
      'policy:home-fup',
      'policy:gone',
      'nas:gone',
      'feed-profile:feed-1',
      'nas-events',
      'feed:nas-1',
    ];
    // Stores remove a field that is written empty.
    const meta = new Map(
      fields
        .map((field) => [field, encodeCatalogue(state, field)] as const)
        .filter(([, bytes]) => bytes.length > 0),
    );
    const copy = emptySlot(0, SETTINGS, 0);
    decodeCatalogue(meta, copy);
    expect(copy.plans).toEqual(state.plans);
    expect(copy.policies).toEqual(state.policies);
    expect(copy.nas.size).toBe(0);
    expect(copy.feedProfiles).toEqual(state.feedProfiles);
    expect(copy.nasEvents).toEqual(state.nasEvents);
    expect(copy.feeds.known('nas-1')).toEqual(state.feeds.known('nas-1'));
    expect(copy.compiled.all.map(({ policyId }) => policyId)).toEqual(['home-fup']);
  });
});

describe('window totals', () => {
  const named = fc.record({
    startMs: fc.constant(NOON),
    subscriberId: name,
    serviceClass: name,
    nasId: name,
    planId: name,
    estimated: fc.boolean(),
    version: fc.maxSafeNat(),
    down: fc.maxSafeNat(),
    up: fc.maxSafeNat(),
  });
  const total: fc.Arbitrary<WindowTotal> = named.map((row) => ({
    ...row,
    key: windowKey(row.subscriberId, row.serviceClass, row.nasId),
  }));

  it('come back from their key and bytes, whatever characters names hold', () => {
    fc.assert(
      fc.property(total, (row) => {
        expect(decodeWindow(NOON, row.key, encodeWindow(row, NEWEST_BLOB_VERSION))).toEqual(row);
      }),
      { numRuns: 200 },
    );
  });

  it('have a key each', () => {
    const names = fc.tuple(name, name, name);
    fc.assert(
      fc.property(names, names, (a, b) => {
        expect(windowKey(...a) === windowKey(...b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 200 },
    );
    expect(windowKey('a\u0000b', '', 'n')).not.toBe(windowKey('a', 'b', '\u0000n'));
    expect(windowKey('1:', '', '')).not.toBe(windowKey('1', ':', ''));
  });

  it('keep their bytes from release to release', () => {
    const row: WindowTotal = {
      startMs: NOON,
      key: windowKey('sub-1', 'tv', 'nas-1'),
      subscriberId: 'sub-1',
      serviceClass: 'tv',
      nasId: 'nas-1',
      planId: 'home-100',
      estimated: true,
      version: 300,
      down: 2 ** 33,
      up: 5,
    };
    const text = `${row.key} ${Buffer.from(encodeWindow(row, NEWEST_BLOB_VERSION)).toString('hex')}`;
    expect(text).toBe(GOLDEN_WINDOW);
  });

  it('with a name that is none are refused', () => {
    expect(() => decodeWindow(NOON, 'sub-1', new Uint8Array([NEWEST_BLOB_VERSION, 0, 0, 0, 0, 0]))).toThrow(
      AppError,
    );
    expect(() => decodeWindow(NOON, '9:9:a', new Uint8Array([NEWEST_BLOB_VERSION, 0, 0, 0, 0, 0]))).toThrow(
      AppError,
    );
  });
});

describe('one-shot rows', () => {
  it('come back as they were', () => {
    const row: OneShotRow = {
      kind: 'late',
      offset: 7,
      subscriberId: 'ü\u0000',
      fromMs: 1,
      toMs: 2,
      serviceClass: '',
      nasId: 'n',
      planId: '',
      down: Number.MAX_SAFE_INTEGER,
      up: 0,
    };
    expect(decodeOneShot(encodeOneShot(row, NEWEST_BLOB_VERSION))).toEqual(row);
  });
});
