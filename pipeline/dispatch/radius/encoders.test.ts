import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ENCODER_NAMES, decodeSpeed, encoderFor, type VendorEncoder } from './encoders.ts';
import { vendorAttribute } from './packet.ts';

function encoder(name: string): VendorEncoder {
  const found = encoderFor(name);
  if (found === undefined) throw new Error(name);
  return found;
}

const hexOf = (name: string, downBps: number, upBps: number): string[] =>
  encoder(name)
    .encodeSpeed({ downBps, upBps })
    .map(({ type, value }) => `${type}:${value.toString('hex')}`);

const rateLimit = (text: string): ReturnType<typeof decodeSpeed> =>
  decodeSpeed([vendorAttribute(14988, [{ type: 8, value: Buffer.from(text) }])]);

describe('mikrotik', () => {
  it('puts the upload first, as the router receives it', () => {
    // "512k/2M" as radclient 3.2.1 writes it.
    expect(hexOf('mikrotik', 2_000_000, 512_000)).toEqual(['26:00003a8c08093531326b2f324d']);
  });

  it.each([
    [1_500_500, 1000, '1k/1500500'],
    [10_000_000_000, 1_500_000, '1500k/10000M'],
    [1024, 2_048_000.9, '2048k/1024'],
  ])('spells %d down and %d up exactly, in decimal units', (downBps, upBps, text) => {
    const [attribute] = encoder('mikrotik').encodeSpeed({ downBps, upBps });
    expect(attribute?.value.subarray(6).toString()).toBe(text);
  });

  it('writes and reads a burst', () => {
    const speed = {
      downBps: 2_000_000,
      upBps: 512_000,
      burst: {
        downBps: 4_000_000,
        upBps: 1_000_000,
        thresholdDownBps: 1_500_000,
        thresholdUpBps: 384_000,
        seconds: 8,
      },
    };
    const attributes = encoder('mikrotik').encodeSpeed(speed);
    expect(attributes[0]?.value.subarray(6).toString()).toBe('512k/2M 1M/4M 384k/1500k 8/8');
    expect(decodeSpeed(attributes)).toEqual(speed);
  });

  it('reads one rate as both, and what is left out of a burst', () => {
    expect(rateLimit('3M')).toEqual({ downBps: 3_000_000, upBps: 3_000_000 });
    expect(rateLimit('512k/2M 1M/4M')?.burst).toEqual({
      downBps: 4_000_000,
      upBps: 1_000_000,
      thresholdDownBps: 2_000_000,
      thresholdUpBps: 512_000,
      seconds: 1,
    });
  });

  it.each(['', '/', 'x/2M', '512k/', '1k/2k/3k', '512K/2M', '-1/2', '1k/2k x', '1.5M/2M'])(
    'refuses "%s"',
    (text) => {
      expect(rateLimit(text)).toBeUndefined();
    },
  );
});

describe('wispr', () => {
  it('writes bit/s, up and down apart', () => {
    expect(hexOf('wispr', 2_000_000, 512_000)).toEqual([
      '26:0000372a07060007d000',
      '26:0000372a0806001e8480',
    ]);
  });

  it('sends a speed above 4.29 Gbit/s as the largest number, never wrapped', () => {
    expect(hexOf('wispr', 5_000_000_000, 4_294_967_296)).toEqual([
      '26:0000372a0706ffffffff',
      '26:0000372a0806ffffffff',
    ]);
  });

  it('reads nothing from half a pair or a short number', () => {
    const up = vendorAttribute(14122, [{ type: 7, value: Buffer.alloc(4) }]);
    const shortDown = vendorAttribute(14122, [{ type: 8, value: Buffer.alloc(3) }]);
    expect(decodeSpeed([up])).toBeUndefined();
    expect(decodeSpeed([up, shortDown])).toBeUndefined();
  });
});

describe('every encoder', () => {
  it.each(ENCODER_NAMES)('%s gives back what it wrote', (name) => {
    const bps = fc.integer({ min: 1, max: 4_294_967_295 });
    fc.assert(
      fc.property(bps, bps, (downBps, upBps) => {
        const attributes = encoder(name).encodeSpeed({ downBps, upBps });
        expect(decodeSpeed(attributes)).toEqual({ downBps, upBps });
      }),
    );
  });

  it.each(ENCODER_NAMES)('%s refuses what is no speed: 0 would mean "no limit"', (name) => {
    for (const bps of [0, 0.5, -1, Number.NaN, Infinity]) {
      expect(() => encoder(name).encodeSpeed({ downBps: bps, upBps: 1000 })).toThrow(RangeError);
    }
  });

  it('is found by name only', () => {
    expect(encoderFor('no-such-make')).toBeUndefined();
  });
});
