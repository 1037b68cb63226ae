import type { PlanTerms } from '../../schemas/tariff.ts';
import type { AddOnTerms } from '../../schemas/tariff.ts';
import { itemBookContract } from '../item-book.contract.ts';

import type { GivenTariff } from '../item-book-factory.contract.ts';
import { MemoryInvoiceLedger } from './invoice-ledger.ts';
import { MemoryItemBook } from './item-book.ts';
import type { BilledInMemory } from './cycle-book.ts';
import type { MemoryTariffSource } from './item-book.ts';
import { MemoryActionLedger } from './ledger.ts';

/** Tariffs as the contract gives them. */
class GivenTariffs implements MemoryTariffSource {
  readonly given: GivenTariff[] = [];
  planTerms: readonly PlanTerms[] = [];
  addOnTerms: readonly AddOnTerms[] = [];
  readonly plans = {
    plan: (planId: string) => this.planTerms.filter((terms) => terms.planId === planId),
    addOn: (addOnId: string) => this.addOnTerms.filter((terms) => terms.addOnId === addOnId),
  };

  give(tariff: GivenTariff): number {
    const known = this.given.findIndex(({ subscriberId }) => subscriberId === tariff.subscriberId);
    if (known === -1) return this.given.push(tariff);
    this.given[known] = tariff;
    return known + 1;
  }

  billed(subscriberNo: number): BilledInMemory | null {
    const given = this.given[subscriberNo - 1];
    if (given === undefined) return null;
    const { subscriberId, currency, overageConsent, ...rest } = given;
    if (currency === null) return { subscriberId, bill: null, overageConsent };
    const timeline = { ...rest, currency, taxClass: 'standard' };
    return { subscriberId, bill: { accountId: `acct-${subscriberId}`, timeline }, overageConsent };
  }

  numberOf(subscriberId: string): number | null {
    const at = this.given.findIndex((given) => given.subscriberId === subscriberId);
    return at === -1 ? null : at + 1;
  }

  numbers(): number[] {
    return this.given.map((_, index) => index + 1);
  }
}

itemBookContract('memory', () => {
  const tariffs = new GivenTariffs();
  const deliveries = new MemoryInvoiceLedger({ now: () => 0 });
  const faults: unknown[] = [];
  const book = new MemoryItemBook(tariffs, deliveries, {
    now: () => 0,
    onFault: (error) => faults.push(error),
  });
  return Promise.resolve({
    book,
    ledger: new MemoryActionLedger({ money: book, now: () => 0 }),
    deliveries,
    keeping: book,
    run: (work) => work(null),
    give: (tariff) => Promise.resolve(tariffs.give(tariff)),
    terms(plans, addOns) {
      tariffs.planTerms = plans;
      tariffs.addOnTerms = addOns;
      return Promise.resolve();
    },
    cyclesOf: (subscriberId) => Promise.resolve(book.cyclesOf(subscriberId)),
    faults,
  });
});
