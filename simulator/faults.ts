import type { Random } from './random.ts';

/** Shares (0 to 1) of records, sessions or days that go wrong, as they do in real networks. */
export interface FaultRates {
  /** of records: the same record a second time */
  exactDuplicates: number;
  /** of records: again with another record_id and a delay (the NAS saw no answer) */
  retransmissions: number;
  /** of records: held up to one and a half interims, so that later ones overtake it */
  reordering: number;
  /** of sessions: no Stop arrives */
  missingStops: number;
  /** of sessions: no Start arrives */
  missingStarts: number;
  /** of sessions: the id of an earlier session of that device on that NAS */
  reusedIds: number;
  /** of records: no Event-Timestamp */
  nullEventTimes: number;
  /** reboots a NAS and day: its Stops are lost, it sends Accounting-On */
  rebootsPerNasDay: number;
}

/** What a provider with ordinary equipment sees. */
export const USUAL_FAULTS: FaultRates = {
  exactDuplicates: 0.005,
  retransmissions: 0.01,
  reordering: 0.01,
  missingStops: 0.03,
  missingStarts: 0.02,
  reusedIds: 0.05,
  nullEventTimes: 0.01,
  rebootsPerNasDay: 0.1,
};

/** Nothing goes wrong. */
export const NO_FAULTS: FaultRates = {
  exactDuplicates: 0,
  retransmissions: 0,
  reordering: 0,
  missingStops: 0,
  missingStarts: 0,
  reusedIds: 0,
  nullEventTimes: 0,
  rebootsPerNasDay: 0,
};

/** How one record travels; all delays in ms. */
export interface Travel {
  /** NAS to feeder */
  networkMs: number;
  /** feeder to log */
  heldMs: number;
  nullEventTime: boolean;
  /** feeder to log of the second copy, after the first; null = none */
  duplicateMs: number | null;
  /** NAS to feeder of the repeat, after the event; whole seconds; null = none */
  retransmitMs: number | null;
}

/** Draws one record's way. Always the same number of draws, so that one fault's rate does not move the others. */
export function drawTravel(random: Random, rates: FaultRates, interimSeconds: number): Travel {
  const networkMs = random.between(20, 400);
  const normalMs = random.between(5, 100);
  const heldMs = random.between(1_000, interimSeconds * 1_500);
  const held = random.chance(rates.reordering);
  const nullEventTime = random.chance(rates.nullEventTimes);
  const duplicateMs = random.between(1, 30_000);
  const duplicated = random.chance(rates.exactDuplicates);
  const retransmitMs = random.between(2, 60) * 1_000;
  const retransmitted = random.chance(rates.retransmissions);
  return {
    networkMs,
    heldMs: held ? heldMs : normalMs,
    nullEventTime,
    duplicateMs: duplicated ? duplicateMs : null,
    retransmitMs: retransmitted ? retransmitMs : null,
  };
}
