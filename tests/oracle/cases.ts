import { DAY, LogBuilder, MINUTE, NOON } from '../factories.ts';
import { add, at, log, nas, replays, start, stop } from './case-logs.ts';
import type { Case } from './case-logs.ts';
import { LATER_CASES } from './later-cases.ts';
import { CYCLE_CASES } from './cycle-cases.ts';
import { TARIFF_CASES } from './tariff-cases.ts';

const G4 = 2 ** 32;
const JULY = Date.UTC(2026, 6, 1);

/** Cases 1 to 12 of accounting. */
const FIRST_CASES: readonly Case[] = [
  {
    name: '1: an interim charges what its totals grew by, a Stop in the same second too',
    log: log(start(), at(1, 100, 10), at(2, 250, 30), stop(2, 300, 30)),
    total: [300, 30],
    outcomes: { 'zero-delta': 1, metered: 3 },
    ends: [['User-Request', 300, 30]],
    open: 0,
  },
  {
    name: '2: a total beyond 2^53 with what the subscriber has used is a dead letter',
    log: log(start(), at(1, 2 ** 53 - 2), { ...at(2, 5), sessionId: 's2' }),
    letters: ['octets-beyond-2^53'],
    outcomes: { 'zero-delta': 1, metered: 1, 'dead-lettered': 1 },
  },
  {
    name: '3: a 32-bit counter that falls by more than half of its range has wrapped',
    log: add(nas({ gigawords: false }), start(), at(10, G4 - 1000), at(20, 500), at(30, 700)),
    total: [G4 + 700, 0],
    flags: { wrapped: 1, estimated: 3 },
  },
  {
    name: '3: with 64-bit counters the same is a fall',
    log: log(start(), at(10, G4 - 1000), at(20, 500)),
    total: [G4 - 1000, 0],
    flags: { fell: 1, estimated: 1 },
  },
  {
    name: '4: a record delivered again is a duplicate, whatever its packet',
    log: log(start(), at(1, 100), { ...at(1, 100), acctDelaySeconds: 5 }, at(1, 100)),
    total: [100, 0],
    outcomes: { 'zero-delta': 1, metered: 1, duplicate: 2 },
  },
  {
    name: '5: an older record with lower totals changes nothing; with higher ones it counts',
    log: log(start(), at(2, 250), at(1, 100), at(1.5, 260)),
    total: [260, 0],
    outcomes: { 'zero-delta': 1, metered: 2, reordered: 1 },
  },
  {
    name: '6: another start under the same id is another session, charged from 0',
    log: log(start(), at(5, 100), { ...at(15, 40), sessionTimeSeconds: 300 }),
    total: [140, 0],
    flags: { 'id-reused': 1, 'no-start': 1, estimated: 1 },
    ends: [['superseded', 100, 0]],
  },
  {
    name: '7: a low total waits, the next one above it confirms a restart and is charged from it',
    log: log(start(), at(5, 1000), at(10, 40), at(15, 90)),
    total: [1050, 0],
    flags: { fell: 1, restarted: 1 },
    outcomes: { 'zero-delta': 2, metered: 2 },
  },
  {
    name: '7: from 0 where the profile says that counters reset',
    log: add(nas({ countersReset: true }), start(), at(5, 1000), at(10, 40), at(15, 90)),
    total: [1090, 0],
  },
  {
    name: '7: from 0 where another NAS of the group took the session over',
    log: add(
      nas({ nasId: '*', redundancyGroup: 'pair' }),
      start(),
      at(5, 1000),
      { ...at(10, 40), nasId: 'nas-2' },
      { ...at(15, 90), nasId: 'nas-2' },
    ),
    total: [1090, 0],
  },
  {
    name: '7: back at the old total it was a glitch',
    log: log(start(), at(5, 1000), at(10, 40), at(15, 1010)),
    total: [1010, 0],
    flags: { fell: 1 },
  },
  {
    name: '7: what happened before the restart is held against the old total',
    log: log(start(), at(5, 1000), at(10, 40), at(15, 90), at(6, 1200), at(7, 1100)),
    total: [1250, 0],
    outcomes: { 'zero-delta': 2, metered: 3, reordered: 1 },
  },
  {
    name: '8: a Stop of zeros keeps what was counted',
    log: log(start(), at(5, 1000, 10), stop(6, 0, 0)),
    total: [1000, 10],
    ends: [['User-Request', 1000, 10]],
    open: 0,
  },
  {
    name: '8: of a Stop that falls, what did not fall counts',
    log: log(start(), at(5, 1000, 10), stop(6, 400, 15)),
    total: [1000, 15],
    flags: { fell: 1 },
  },
  {
    name: '9: the tail within 10 min, late after that',
    log: log(start(), stop(5, 100), at(10, 120), at(20, 150)),
    total: [150, 0],
    outcomes: { 'zero-delta': 1, metered: 2, late: 1 },
    ends: [['', 150, 0]],
    open: 0,
  },
  {
    name: '10: older than a week before its append time is a dead letter',
    log: new LogBuilder()
      .record(at(0, 100), NOON + 7 * DAY + 1)
      .record({ ...at(1, 100), sessionId: 's2' }, NOON + 7 * DAY),
    letters: ['beyond-horizon'],
    total: [100, 0],
  },
  {
    name: '10: replayed, it is an adjustment of its cycle, once',
    log: replays(at(5, 100), at(6, 130)),
    total: [0, 0],
    adjustments: [
      ['replay', JULY, 100, 0],
      ['replay', JULY, 30, 0],
    ],
  },
  {
    name: '11: without a Start the first total counts in full, over the time since the start',
    log: log({ ...at(10, 1000), sessionTimeSeconds: 600 }),
    total: [1000, 0],
    windows: [
      [0, 500, 0],
      [5, 500, 0],
    ],
    flags: { 'no-start': 1, estimated: 1 },
  },
  {
    name: '12: a session from before the feed counts is taken over, not charged',
    log: add(
      new LogBuilder().control({
        kind: 'feed-profile',
        feed: { feedId: 'feed-1', countFromMs: NOON + MINUTE },
      }),
      at(5, 1000),
      at(10, 1100),
    ),
    total: [100, 0],
    outcomes: { baselined: 1, metered: 1 },
  },
];

/** A log for each case of accounting, with what it must come to, reckoned by hand. */
export const CASES: readonly Case[] = [...FIRST_CASES, ...LATER_CASES, ...TARIFF_CASES, ...CYCLE_CASES];
