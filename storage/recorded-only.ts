import type { ActionIntent } from '../schemas/action.ts';

/** Why an action is kept in the ledger and never sent; null = it is to be sent. */
export function recordedOnly(disposition: ActionIntent['disposition']): string | null {
  switch (disposition) {
    case 'send':
      return null;
    case 'superseded':
      return 'recorded only: another notice of the same moment says more';
    case 'stale':
      return 'recorded only: what it tells is older than 6 hours';
    case 'on-hold':
      return 'recorded only: the line is on hold';
  }
}
