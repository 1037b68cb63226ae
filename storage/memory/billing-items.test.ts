import { billingItemsContract } from '../billing-items.contract.ts';
import { MemoryBillingItems } from './billing-items.ts';

billingItemsContract('memory', () => Promise.resolve(new MemoryBillingItems()));
