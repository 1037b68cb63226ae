/** A date that exists, YYYY-MM-DD, of the years 1 to 9999. */
export function isRealDate(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return false;
  const [year = 0, month = 0, day = 0] = match.slice(1).map(Number);
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  return day <= daysIn(year, month);
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

/** A time of day, HH:MM; 24:00 where `isEnd`. */
export function isTime(text: string, isEnd: boolean): boolean {
  return /^([01]\d|2[0-3]):[0-5]\d$/.test(text) || (isEnd && text === '24:00');
}
