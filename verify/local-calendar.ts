const DAY_MS = 86_400_000;

/**
 * Cycle and day boundaries from nothing but Intl's rendering of local time, by bisection: slow and obvious, so that it shares
 * no code and no library with the product's calendar.
 */
export class LocalCalendar {
  private readonly formats = new Map<string, Intl.DateTimeFormat>();
  private readonly anchors = new Map<string, number>();
  private readonly days = new Map<string, { startMs: number; endMs: number }[]>();
  private readonly found = new Map<string, { startMs: number; endMs: number }[]>();

  /** The cycle [startMs, endMs) that contains an instant. */
  cycleAt(zone: string, anchorDay: number, atMs: number): { startMs: number; endMs: number } {
    const key = `${zone} ${anchorDay}`;
    const known = this.found.get(key) ?? [];
    const hit = known.find(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
    if (hit !== undefined) return hit;
    const utc = new Date(atMs);
    let month = utc.getUTCFullYear() * 12 + utc.getUTCMonth() + 1;
    while (this.anchor(zone, anchorDay, month) > atMs) month -= 1;
    const cycle = {
      startMs: this.anchor(zone, anchorDay, month),
      endMs: this.anchor(zone, anchorDay, month + 1),
    };
    known.push(cycle);
    this.found.set(key, known);
    return cycle;
  }

  /** The local calendar day [startMs, endMs) that contains an instant. */
  dayAt(zone: string, atMs: number): { startMs: number; endMs: number } {
    const known = this.days.get(zone) ?? [];
    const hit = known.find(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
    if (hit !== undefined) return hit;
    let date = this.localDate(zone, atMs);
    // Where clocks went back over midnight the next day has begun already.
    while (this.begins(zone, date + DAY_MS) <= atMs) date += DAY_MS;
    const day = { startMs: this.begins(zone, date), endMs: this.begins(zone, date + DAY_MS) };
    known.unshift(day);
    this.days.set(zone, known.slice(0, 100));
    return day;
  }

  /** First instant of the anchor day in a month (months since year 0). */
  private anchor(zone: string, anchorDay: number, month: number): number {
    const key = `${zone} ${anchorDay} ${month}`;
    const known = this.anchors.get(key);
    if (known !== undefined) return known;
    const year = Math.floor(month / 12);
    const daysInMonth = new Date(Date.UTC(year, (month % 12) + 1, 0)).getUTCDate();
    const wanted = Date.UTC(year, month % 12, Math.min(anchorDay, daysInMonth));
    const found = this.begins(zone, wanted);
    this.anchors.set(key, found);
    return found;
  }

  /** First instant of a local date, given as the UTC midnight of the same name. */
  private begins(zone: string, wanted: number): number {
    // No zone is further than 15 hours from UTC; transitions fall on whole minutes.
    let before = wanted / 60_000 - 24 * 60;
    let after = wanted / 60_000 + 24 * 60;
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (this.localDate(zone, middle * 60_000) >= wanted) after = middle;
      else before = middle;
    }
    return after * 60_000;
  }

  /** Local calendar date, as the UTC midnight of the same name. */
  private localDate(zone: string, atMs: number): number {
    let format = this.formats.get(zone);
    if (format === undefined) {
      format = new Intl.DateTimeFormat('en-US', {
        timeZone: zone,
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
      });
      this.formats.set(zone, format);
    }
    const [month = 0, day = 0, year = 0] = format.format(atMs).split('/').map(Number);
    return Date.UTC(year, month - 1, day);
  }
}
