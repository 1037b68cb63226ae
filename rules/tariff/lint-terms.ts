import type { AddOnTerms, PlanTerms } from '../../schemas/tariff.ts';
import { exponentOf } from './currencies.ts';
import { checkTiers } from './tiers.ts';

/** Something in terms that cannot be charged or metered. */
export interface TermsFault {
  /** path of the field, `usage.tiers` */
  path: string;
  /** one line for people */
  message: string;
}

/** What of a version of a plan makes no sense, though its form is right; [] = nothing. */
export function planFaults(terms: PlanTerms): TermsFault[] {
  const faults: TermsFault[] = [];
  const { metering, currency, recurring, usage } = terms;
  checkCurrency(currency, faults);
  if (recurring !== null) checkPrice(recurring.feeMinor, 'recurring.feeMinor', faults);
  if (usage !== null) {
    const wrong = checkTiers(usage.tiers);
    if (wrong !== null) faults.push({ path: 'usage.tiers', message: wrong });
    checkWhole(usage.includedBytes, 'usage.includedBytes', faults);
  }
  for (const [kind, perMille] of Object.entries(terms.heldPerMille))
    if (!Number.isInteger(perMille) || perMille < 0 || perMille > 1000)
      faults.push({ path: `heldPerMille.${kind}`, message: 'must be a whole number from 0 to 1000' });
  checkMetering(metering, currency, faults);
  return faults;
}

/** The same of an add-on. */
export function addOnFaults(terms: AddOnTerms): TermsFault[] {
  const faults: TermsFault[] = [];
  checkCurrency(terms.currency, faults);
  checkPrice(terms.feeMinor, 'feeMinor', faults);
  checkWhole(terms.capBytes, 'capBytes', faults);
  return faults;
}

function checkMetering(metering: PlanTerms['metering'], currency: string, faults: TermsFault[]): void {
  const { capBytes, downBps, upBps, overage, carryOver, throttled } = metering;
  if (overage !== null) {
    if (overage.currency !== currency)
      faults.push({ path: 'metering.overage.currency', message: `must be the plan's: ${currency}` });
    if (capBytes === null)
      faults.push({ path: 'metering.overage', message: 'blocks beyond a cap, and there is none' });
    checkPrice(overage.blockPriceMinor, 'metering.overage.blockPriceMinor', faults);
  }
  if (carryOver !== undefined && capBytes === null)
    faults.push({ path: 'metering.carryOver', message: 'the rest of a cap, and there is none' });
  if (throttled === undefined) return;
  if (throttled.downBps > downBps || throttled.upBps > upBps)
    faults.push({ path: 'metering.throttled', message: 'is faster than the plan' });
}

function checkCurrency(currency: string, faults: TermsFault[]): void {
  if (exponentOf(currency) === null)
    faults.push({ path: 'currency', message: `${currency} is no currency of ISO 4217` });
}

/** Fees beyond it are slips; and prorated they stay far below 2^53. */
const MOST_MINOR = 1e12;

function checkPrice(amountMinor: number, path: string, faults: TermsFault[]): void {
  if (!Number.isSafeInteger(amountMinor) || amountMinor < 0 || amountMinor > MOST_MINOR)
    faults.push({ path, message: `must be a whole number of minor units from 0 to ${MOST_MINOR}` });
}

function checkWhole(value: number, path: string, faults: TermsFault[]): void {
  if (!Number.isSafeInteger(value) || value < 0)
    faults.push({ path, message: 'must be a whole number from 0' });
}
