import { describe, expect, it } from 'vitest';
import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import { MeterRig, NOON, nasProfile } from './meter-rig.contract.ts';
import type { Report } from './meter-rig.contract.ts';

describe('a record by its NAS profile', () => {
  const record = { inputOctets: 100, outputOctets: 7, ipv6InputOctets: 20, ipv6OutputOctets: 2 };

  it.each<[string, Partial<NasProfile>, Partial<UsageEvent>, [down: number, up: number]]>([
    ['case 17: Input is upload', {}, {}, [7, 100]],
    ['case 17: reversed', { reversed: true }, {}, [100, 7]],
    ['case 18: kilobytes', { unit: 'kilobytes' }, {}, [7000, 100_000]],
    ['case 23: IPv6 counters are part of the octets', { ipv6: 'subset' }, {}, [7, 100]],
    ['case 23: IPv6 counters come on top', { ipv6: 'additive' }, {}, [9, 120]],
    ['case 23: on top, where there are some', { ipv6: 'additive' }, { ipv6InputOctets: null }, [9, 100]],
    ['case 23: without octets they count nothing', { ipv6: 'additive' }, { inputOctets: null }, [9, 0]],
    [
      'case 23: on top, by unit and direction',
      { ipv6: 'additive', unit: 'kilobytes', reversed: true },
      {},
      [120_000, 9000],
    ],
  ])('%s', (_name, fields, also, [down, up]) => {
    const rig = new MeterRig({ nas: nasProfile(fields) });
    rig.report({ at: 5, fields: { ...record, ...also } });
    expect(rig.sum).toEqual({ down, up });
  });

  const classes = [
    { match: 'iptv', serviceClass: 'video' },
    { match: 'gold', serviceClass: 'premium' },
  ];
  it.each<[string, Partial<UsageEvent>, string]>([
    ['its own', { serviceClass: 'voice', serviceName: 'iptv', radiusClass: 'gold' }, 'voice'],
    ['by service name', { serviceName: 'iptv', radiusClass: 'gold' }, 'video'],
    ['by RADIUS Class', { serviceName: 'other', radiusClass: 'gold' }, 'premium'],
    ['an empty one is none', { serviceClass: '', radiusClass: 'gold' }, 'premium'],
    ['the default one', { serviceName: 'other', radiusClass: 'silver' }, ''],
    ['nothing said', {}, ''],
  ])('case 19: service class: %s', (_name, fields, serviceClass) => {
    const rig = new MeterRig({ nas: nasProfile({ classes }) });
    rig.report({ at: 5, totals: [100, 10], fields });
    expect(Object.fromEntries(rig.shares)).toEqual({ [serviceClass]: { down: 100, up: 10 } });
  });

  it('case 19: the first record of a session says its class', () => {
    const rig = new MeterRig();
    rig.report({ at: 5, totals: [100, 10], fields: { serviceClass: 'voice' } });
    rig.report({ at: 10, totals: [110, 10], fields: { serviceClass: 'video' } });
    expect([...rig.shares.keys()]).toEqual(['voice']);
  });
});

describe('a claim beyond what the line carries', () => {
  // 8 kbit/s down: 1,000 octets a second, 4 times as much is believed.
  const lineBps = { down: 8000, up: 800 };
  const start: Report = { at: 0, kind: 'start' };

  it.each<[string, Report[], string[]]>([
    ['as much as is believed', [start, { at: 5, totals: [1_200_000, 120_000] }], ['zero-delta', 'metered']],
    ['more down', [start, { at: 5, totals: [1_200_001, 0] }], ['zero-delta', 'metered absurd']],
    ['more up', [start, { at: 5, totals: [0, 120_001] }], ['zero-delta', 'metered absurd']],
    [
      'a minute at least is allowed',
      [start, { at: 0, time: 0, totals: [240_000, 0] }],
      ['zero-delta', 'metered'],
    ],
    [
      'the first record since its derived start',
      [{ at: 10, time: 600, totals: [2_400_000, 0] }],
      ['metered no-start estimated'],
    ],
    [
      'the first record, more',
      [{ at: 10, time: 600, totals: [2_400_001, 0] }],
      ['metered no-start estimated absurd'],
    ],
  ])('case 20: %s', (_name, reports, came) => {
    const rig = new MeterRig({ lineBps });
    expect(rig.all(reports)).toEqual(came);
    expect(rig.subscriber.sessions[0]?.absurd).toBe(came.some((each) => each.includes('absurd')));
  });

  const absurd: Report = { at: 5, time: 300, totals: [9_000_000, 0] };
  it.each<[string, Report[], boolean]>([
    ['believed once the next record does not fall back', [{ at: 10, totals: [9_000_001, 0] }], false],
    ['a repeat is no proof', [{ ...absurd, at: 6 }], true],
    ['nor is an older record', [{ at: 4, totals: [9_000_000, 0] }], true],
    ['nor one without octets', [{ at: 10 }], true],
    ['a fall keeps it', [{ at: 10, totals: [1000, 0] }], true],
    [
      'a restart keeps it',
      [
        { at: 10, totals: [1000, 0] },
        { at: 15, totals: [2000, 0] },
      ],
      true,
    ],
    [
      'and the one after a restart is believed',
      [
        { at: 10, totals: [1000, 0] },
        { at: 15, totals: [2000, 0] },
        { at: 20, totals: [3000, 0] },
      ],
      false,
    ],
  ])('case 20: counted all the same, %s', (_name, reports, stays) => {
    const rig = new MeterRig({ lineBps });
    rig.all([start, absurd, ...reports]);
    expect(rig.sum.down).toBeGreaterThanOrEqual(9_000_000);
    expect(rig.subscriber.sessions[0]?.absurd).toBe(stays);
  });

  it('case 20: an absurd Stop waits for an operator', () => {
    const rig = new MeterRig({ lineBps });
    rig.all([start, { at: 5, kind: 'stop', totals: [9_000_000, 0] }]);
    expect(rig.subscriber.tombstones[0]?.absurd).toBe(true);
    expect(rig.metered.at(-1)).toMatchObject({ outcome: 'metered', flags: ['absurd'], fromMs: NOON });
  });
});
