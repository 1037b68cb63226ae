import type { TopUp } from '../../schemas/profile.ts';
import { billingItemsContract } from '../billing-items.contract.ts';
import { MemoryBillingItems } from './billing-items.ts';

billingItemsContract('memory', () => {
  const topUps: TopUp[] = [];
  const items = new MemoryBillingItems((subscriberId, topUp) => {
    if (subscriberId !== 's-1') return false;
    topUps.push(topUp);
    return true;
  });
  return Promise.resolve({ items, topUps: () => Promise.resolve(topUps) });
});
