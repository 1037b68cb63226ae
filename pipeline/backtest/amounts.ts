/** Digits after the point of each currency, as Intl knows them; 2 where it does not. */
function digitsOf(currency: string): number {
  try {
    const { maximumFractionDigits } = new Intl.NumberFormat('en', {
      style: 'currency',
      currency,
    }).resolvedOptions();
    return maximumFractionDigits ?? 2;
  } catch {
    return 2; // RangeError: not of the form of a currency code
  }
}

/** An amount of minor units for people: `EUR 1,234.50`. */
export function amountText(minor: number, currency: string): string {
  const digits = digitsOf(currency);
  const number = new Intl.NumberFormat('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${currency} ${number.format(minor / 10 ** digits)}`;
}

/** The same with its sign, also where it is positive. */
export function signedAmountText(minor: number, currency: string): string {
  return minor > 0 ? `+${amountText(minor, currency)}` : amountText(minor, currency);
}

/** A number with separators of thousands. */
export function countText(count: number): string {
  return count.toLocaleString('en');
}
