import type { PartitionAssigner } from 'kafkajs';
import { AssignerProtocol } from 'kafkajs';

/** A member of the group and the partitions that it says it holds. */
export interface StickyMember {
  memberId: string;
  owned: readonly number[];
}

/**
 * Shares partitions out evenly (counts differ by at most one); a member keeps what it holds as far as that allows,
 * so that a rebalance moves as few slots as possible. Deterministic; each partition goes to exactly one member.
 */
export function stickyAssignment(
  members: readonly StickyMember[],
  partitions: readonly number[],
): Map<string, number[]> {
  const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const free = new Set(partitions);
  const kept = sorted.map((member) => ({
    memberId: member.memberId,
    partitions: member.owned.filter((partition) => free.delete(partition)),
  }));
  const least = Math.floor(partitions.length / sorted.length);
  let larger = partitions.length % sorted.length;
  // Who holds most keeps one more, so that it has to give up less.
  for (const member of [...kept].sort((a, b) => b.partitions.length - a.partitions.length)) {
    const quota = least + (larger > 0 && member.partitions.length > least ? 1 : 0);
    if (quota > least) larger -= 1;
    for (const partition of member.partitions.splice(quota)) free.add(partition);
  }
  const rest = [...free].sort((a, b) => a - b);
  for (const member of kept) while (member.partitions.length < least) take(member.partitions, rest);
  for (const member of kept)
    if (member.partitions.length === least && rest.length > 0) take(member.partitions, rest);
  return new Map(kept.map((member) => [member.memberId, member.partitions.sort((a, b) => a - b)]));
}

function take(to: number[], from: number[]): void {
  const next = from.shift();
  if (next !== undefined) to.push(next);
}

/** kafkajs assigner of one topic; `owned` gives the partitions held now, sent with each join. */
export function stickyAssigner(topic: string, owned: () => number[]): PartitionAssigner {
  const { MemberMetadata, MemberAssignment } = AssignerProtocol;
  const name = 'weir-sticky';
  const version = 1;
  return ({ cluster }) => ({
    name,
    version,
    assign({ members }) {
      const partitions = cluster.findTopicPartitionMetadata(topic).map((metadata) => metadata.partitionId);
      const claims = members.map(({ memberId, memberMetadata }) => ({
        memberId,
        owned: parseOwned(MemberMetadata.decode(memberMetadata)?.userData),
      }));
      const assignment = stickyAssignment(claims, partitions);
      return Promise.resolve(
        [...assignment].map(([memberId, mine]) => ({
          memberId,
          memberAssignment: MemberAssignment.encode({
            version,
            assignment: { [topic]: mine },
            userData: Buffer.alloc(0),
          }),
        })),
      );
    },
    protocol({ topics }) {
      const userData = Buffer.from(JSON.stringify(owned()), 'utf8');
      return { name, metadata: MemberMetadata.encode({ version, topics, userData }) };
    },
  });
}

/** What a member says it holds; nothing where it cannot be read: then it only loses its claim. */
function parseOwned(userData: Buffer | undefined): number[] {
  if (userData === undefined || userData.length === 0) return [];
  try {
    const value: unknown = JSON.parse(userData.toString('utf8'));
    return Array.isArray(value) ? value.filter((item): item is number => Number.isSafeInteger(item)) : [];
  } catch {
    // Another version of the protocol: the member starts without a claim.
    return [];
  }
}
