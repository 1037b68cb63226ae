import { partitionOfText } from '../schemas/partitioning.ts';
import type { Findings, Part } from './check.ts';
import { NOTHING } from './difference.ts';

type Parts = ReadonlyMap<number, Part>;

/**
 * What members told their pools has reached the pool's partition, and what members heard of a pool is what its partition's log
 * says of it. That nobody else's totals are in a pool follows: contributions that no log gives are named too.
 */
export function comparePools(parts: Parts, findings: Findings): void {
  const told = new Set<string>();
  for (const { partition, run, settled } of parts.values()) {
    for (const { contribution, offset } of run.expected.contributions) {
      const text = JSON.stringify(contribution);
      told.add(text);
      if (offset >= settled) continue;
      const owner = parts.get(partitionOfText(contribution.poolId, run.settings.partitionCount));
      if (owner === undefined) continue;
      findings.compared += 1;
      if (owner.run.expected.receivedContributions.has(text)) continue;
      const key = `${contribution.member} to ${contribution.poolId}`;
      findings.put('waiting', 'pool', partition, key, `told by offset ${offset}: ${text}`, NOTHING);
    }
  }
  for (const { partition, run } of parts.values()) {
    if (run.settings.unknownBeforeMs !== null) continue;
    for (const text of run.expected.receivedContributions) {
      if (told.has(text) || hasOlderParts(parts)) continue;
      findings.put('waiting', 'pool', partition, text, NOTHING, text);
    }
    for (const { effect, offset } of run.expected.receivedEffects) {
      const owner = parts.get(partitionOfText(effect.poolId, run.settings.partitionCount));
      if (owner === undefined || owner.fromOffset > 0) continue;
      const { poolId, member, seq, usedBytes, allowanceBytes, rules } = effect;
      findings.compared += 1;
      const expected = owner.run.expected.poolEffects.get(JSON.stringify([poolId, seq])) ?? NOTHING;
      const found = JSON.stringify([usedBytes, allowanceBytes, rules]);
      if (expected === found) continue;
      const key = `${poolId} to ${member}, number ${seq}, offset ${offset}`;
      findings.put(expected === NOTHING ? 'waiting' : 'wrong', 'pool', partition, key, expected, found);
    }
  }
}

/** What was told before the log that is read begins cannot be held against it. */
function hasOlderParts(parts: Parts): boolean {
  return [...parts.values()].some(({ fromOffset }) => fromOffset > 0);
}
