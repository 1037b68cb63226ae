/** What happened in a run, line by line; equal seeds give equal digests. */
export class Trace {
  readonly lines: string[] = [];
  /** how often what happened, by name */
  readonly counts = new Map<string, number>();
  #digest = 0x811c9dc5;
  readonly #keep: boolean;

  /** @param keep lines are kept, not only digested */
  constructor(keep: boolean) {
    this.#keep = keep;
  }

  say(line: string): void {
    for (let i = 0; i < line.length; i += 1) {
      this.#digest = Math.imul(this.#digest ^ line.charCodeAt(i), 0x01000193);
    }
    if (this.#keep) this.lines.push(line);
  }

  count(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  /** Of all lines, kept or not. */
  get digest(): string {
    return (this.#digest >>> 0).toString(16).padStart(8, '0');
  }
}
