import type { Cause } from '../decide/intents.ts';
import type { FoldContext } from '../fold/fold.ts';
import type { Folding } from '../fold/requests.ts';
import { lookAtPool } from './look-at-pool.ts';
import { leaveControl } from './own-control.ts';
import { presentMembers } from './pool.ts';
import type { Pool } from './pool.ts';
import { firstAfter } from './pool-table.ts';

/** Pools that one input looks at besides its own, at most. */
const MAX_LOOKS = 100;
/** Members that one input tells, at most; its numbers are counted for that (leaveControl). */
const MAX_EFFECTS = 90;

/** Pools whose time has come, then the sweep, then members who wait for word: at most MAX_LOOKS and MAX_EFFECTS an input. */
export function* drainPools(context: FoldContext, cause: Cause): Folding<void> {
  const { state, effects } = context;
  const { pools } = state;
  let looks = 0;
  while (looks < MAX_LOOKS) {
    const entry = pools.due.take(state.watermarkMs);
    const pool = entry === null ? undefined : pools.all.get(entry.key);
    if (pool === undefined) break;
    yield* lookAtPool(context, pool, cause);
    looks += 1;
  }
  if (pools.sweptTo !== null) {
    effects.catalogue.add('pool-sweep');
    for (; looks < MAX_LOOKS; looks += 1) {
      const pool = pools.nextSwept();
      if (pool === null) break;
      yield* lookAtPool(context, pool, cause);
    }
  }
  tellMembers(context, cause);
}

/** Goes round each pool's members by id. A change on the way makes the round a whole one from where it is. */
function tellMembers(context: FoldContext, cause: Cause): void {
  const { pools } = context.state;
  let room = MAX_EFFECTS;
  for (const poolId of [...pools.telling].sort()) {
    const pool = pools.all.get(poolId);
    const telling = pool?.telling ?? null;
    if (pool === undefined || telling === null) continue;
    if (room === 0) return;
    const members = presentMembers(pool);
    let { after, left } = telling;
    for (; room > 0 && left > 0 && members.length > 0; left -= 1, room -= 1) {
      const next = firstAfter(members, after) ?? members[0] ?? '';
      tellMember(context, pool, next, cause);
      after = next;
    }
    pool.telling = left === 0 || members.length === 0 ? null : { after, left };
    pools.note(pool);
    context.effects.catalogue.add(`pool:${poolId}`);
  }
}

/** Tells one member how the pool stood when members were told last. */
export function tellMember(context: FoldContext, pool: Pool, member: string, cause: Cause): void {
  const { poolId, seq, told } = pool;
  if (told === null) return;
  const { usedBytes, allowanceBytes, rules } = told;
  const effect = { poolId, member, seq, usedBytes, allowanceBytes, rules };
  leaveControl(context, { kind: 'pool-effect', effect }, cause);
}
