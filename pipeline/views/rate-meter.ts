/** Rate of a growing counter over the last ten seconds. */
export class RateMeter {
  private readonly samples: { atMs: number; count: number }[] = [];

  /** Takes the counter's value at a time; a counter that fell (state was restored) begins anew. */
  sample(atMs: number, count: number): void {
    const last = this.samples.at(-1);
    if (last !== undefined && count < last.count) this.samples.length = 0;
    this.samples.push({ atMs, count });
    while (this.samples.length > 2 && (this.samples[1]?.atMs ?? atMs) <= atMs - 10_000) this.samples.shift();
  }

  /** Per second, one decimal. */
  get perSecond(): number {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (first === undefined || last === undefined || last.atMs === first.atMs) return 0;
    return Math.round(((last.count - first.count) / (last.atMs - first.atMs)) * 10_000) / 10;
  }
}
