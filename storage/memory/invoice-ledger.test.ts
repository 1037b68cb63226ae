import { invoiceLedgerContract } from '../invoice-ledger.contract.ts';
import { MemoryInvoiceLedger } from './invoice-ledger.ts';

invoiceLedgerContract('memory', () => {
  let now = Date.UTC(2026, 2, 1);
  let ref: string | null = null;
  const deliveries = new MemoryInvoiceLedger({
    now: () => now,
    accountRef: (accountId) => (accountId === 'acct-7' ? ref : null),
  });
  return Promise.resolve({
    deliveries,
    second: deliveries,
    book(items, isDelivered) {
      deliveries.add(items, isDelivered);
      return Promise.resolve();
    },
    nameAccount(name) {
      ref = name;
      return Promise.resolve();
    },
    now: () => now,
    passTime(ms) {
      now += ms;
      return Promise.resolve();
    },
  });
});
