import { AppError } from '../../schemas/errors.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import { newField, tooLong } from '../derive-profile.ts';
import type { ChangeContext } from '../tariff-ports.ts';
import type { TariffTx } from '../tariff-transaction.ts';

/** The layout from which on readers understand all that tariffs tell. */
export const TARIFF_LAYOUT = 5;

/** What a change did, as it is answered, and as it is noted in the audit. */
export interface Outcome<T> {
  value: T;
  revision: number;
  items: BillingItem[];
  subject: string;
  content: Record<string, unknown>;
}

/** @param revision of what is there; 0 = nothing is */
export function checkRevision({ revision: expected }: ChangeContext, revision: number): void {
  if (expected === undefined || expected === revision) return;
  throw new AppError(
    'precondition-failed',
    revision === 0 ? 'there is none' : `it is of revision ${revision}`,
  );
}

export async function knowsTariffs(tx: TariffTx): Promise<boolean> {
  const layout = await tx.layout();
  return layout === null || layout >= TARIFF_LAYOUT;
}

/** @param field that older readers refuse; null = they read all of it */
export async function needLayout(tx: TariffTx, field: string | null): Promise<void> {
  if (field === null || (await knowsTariffs(tx))) return;
  throw new AppError(
    'conflict',
    `layout: not all workers understand ${field} yet: run weir upgrade-state ${TARIFF_LAYOUT} first`,
  );
}

/**
 * Brings profiles up to date.
 *
 * @throws AppError 'conflict' where readers of the log would refuse one: it would stay as it was, and nobody would know
 */
export async function tell(tx: TariffTx, subscriberIds: readonly string[]): Promise<void> {
  if (subscriberIds.length === 0) return;
  for (const profile of await tx.tell(subscriberIds)) {
    await needLayout(tx, newField(profile));
    const list = tooLong(profile);
    if (list !== null) throw new AppError('conflict', `too-many: ${list} of ${profile.subscriberId}`);
  }
}
