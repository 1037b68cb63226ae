const DECIMAL: Record<string, number> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 };
const BINARY: Record<string, number> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };
const SECONDS: Record<string, number> = {
  s: 1,
  sec: 1,
  second: 1,
  min: 60,
  m: 60,
  minute: 60,
  h: 3600,
  hour: 3600,
  d: 86_400,
  day: 86_400,
};

/**
 * The number that a text such as "10GB", "2 Mbit/s", "80 %" or "15 min" stands for in the unit that is wanted;
 * a text of digits alone stands for itself in any unit. null where it is not such a text, or of another unit.
 */
export function readQuantity(text: string, unit: string): number | null {
  const match = /^\s*([+-]?\d{1,16}(?:[.,]\d{1,6})?)\s*([A-Za-z%/]{0,12})\s*$/.exec(text);
  if (match === null) return null;
  const [, digits = '', suffix = ''] = match;
  const amount = Number(digits.replace(',', '.'));
  const factor = suffix === '' ? 1 : factorOf(suffix, unit);
  if (factor === null) return null;
  const result = Math.round(amount * factor * 1e6) / 1e6;
  return Number.isFinite(result) && Math.abs(result) <= Number.MAX_SAFE_INTEGER ? result : null;
}

function factorOf(suffix: string, unit: string): number | null {
  switch (unit) {
    case 'bytes': {
      const parts = /^([kmgtp]?)(i?)(b|bytes?|o)?$/i.exec(suffix);
      return parts === null ? null : scale(parts[1], parts[2]);
    }
    case 'bit/s': {
      const parts = /^([kmgt]?)(i?)(bit|bits|b)?(\/s|ps)?$/i.exec(suffix);
      return parts === null ? null : scale(parts[1], parts[2]);
    }
    case '%':
      return suffix === '%' || suffix.toLowerCase() === 'percent' ? 1 : null;
    case 'seconds':
      return SECONDS[suffix.toLowerCase()] ?? SECONDS[suffix.toLowerCase().replace(/s$/, '')] ?? null;
    case 'days':
    case 'hours':
      return suffix.toLowerCase().replace(/s$/, '') === unit.slice(0, -1) || suffix.toLowerCase() === unit[0]
        ? 1
        : null;
    default:
      return suffix.toLowerCase().replace(/s$/, '') === unit.replace(/s$/, '') ? 1 : null;
  }
}

function scale(prefix = '', binary = ''): number | null {
  const table = binary === '' ? DECIMAL : BINARY;
  return table[prefix.toLowerCase()] ?? null;
}
