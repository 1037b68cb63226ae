import type { ActionIntent, ActionKind } from '../../schemas/action.ts';
import type { SideOutcome } from './replay-line.ts';
import type { SideName } from './task.ts';

/** What policies do to people; a restore only ends one of them, holds and boosts are none of theirs. */
export const CONSEQUENCES = ['throttle', 'redirect', 'block', 'overage', 'topup', 'notify'] as const;
export type Consequence = (typeof CONSEQUENCES)[number];

/** How a line fares under the draft, beside the other policies. */
export type Change = 'none' | 'same' | 'gained' | 'lost' | 'changed';

/** Actions that one side takes and the other does not, at the same moment and of the same content. */
export interface ActionDifference {
  gained: ActionIntent[];
  lost: ActionIntent[];
}

/** What one side did to a line within the range: by actions, or by what it held already. */
export function consequencesOf({ decisions, held }: SideOutcome): Set<Consequence> {
  const found = new Set<Consequence>();
  for (const { effect } of held) if (isConsequence(effect.state)) found.add(effect.state);
  for (const { intent } of decisions) if (isConsequence(intent.kind)) found.add(intent.kind);
  return found;
}

function isConsequence(kind: ActionKind): kind is Consequence {
  return CONSEQUENCES.some((one) => one === kind);
}

/** Compares actions by what they do and when, not by which policy asked: a rule that is renamed is the same to people. */
export function differenceOf(sides: Record<SideName, SideOutcome>): ActionDifference {
  const [draft, against] = [sides.draft, sides.against].map(({ decisions }) =>
    decisions.map(({ intent }) => intent),
  );
  return { gained: without(draft ?? [], against ?? []), lost: without(against ?? [], draft ?? []) };
}

/** Those of `all` that `others` has no counterpart for, one for one. */
function without(all: readonly ActionIntent[], others: readonly ActionIntent[]): ActionIntent[] {
  if (others.length === 0) return [...all];
  const left = new Map<string, number>();
  for (const other of others) left.set(deedOf(other), (left.get(deedOf(other)) ?? 0) + 1);
  return all.filter((one) => {
    const deed = deedOf(one);
    const count = left.get(deed) ?? 0;
    if (count > 0) left.set(deed, count - 1);
    return count === 0;
  });
}

function deedOf({ kind, decidedAtMs, desired, notice, overage, topUp }: ActionIntent): string {
  const what = { notify: notice, overage, topup: topUp?.productId, other: desired };
  const content = kind === 'notify' || kind === 'overage' || kind === 'topup' ? what[kind] : what.other;
  return JSON.stringify([kind, decidedAtMs, content]);
}

/** How the line fares, in one word. */
export function changeOf(
  draft: ReadonlySet<Consequence>,
  against: ReadonlySet<Consequence>,
  difference: ActionDifference,
): Change {
  if (draft.size === 0 && against.size === 0) return 'none';
  if (against.size === 0) return 'gained';
  if (draft.size === 0) return 'lost';
  const isSame = difference.gained.length === 0 && difference.lost.length === 0;
  return isSame && draft.size === against.size ? 'same' : 'changed';
}
