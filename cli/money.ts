import { InvalidArgumentError } from 'commander';
import { formatMoney, parseMoney } from '../rules/tariff/money.ts';
import type { Money } from '../schemas/tariff.ts';

/** Money for people; as the API has it where the currency is not one we know. */
export function moneyText(money: Money | null): string {
  if (money === null) return 'nothing';
  try {
    return formatMoney(money);
  } catch (error) {
    // RangeError: a newer Weir knows currencies that this one does not.
    if (error instanceof RangeError) return `${money.amountMinor} minor units of ${money.currency}`;
    throw error;
  }
}

/**
 * Money on the command line, `9.99 EUR`.
 *
 * @throws InvalidArgumentError
 */
export function moneyOf(text: string): Money {
  const [amount = '', currency = ''] = text.trim().split(/\s+/);
  const money = parseMoney(amount, currency);
  if (money !== null && money.amountMinor >= 0) return money;
  throw new InvalidArgumentError('It must be an amount and its currency, such as "9.99 EUR".');
}
