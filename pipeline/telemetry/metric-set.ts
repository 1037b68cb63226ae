import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

/** What docs/metrics.md says of one metric. */
export interface MetricDescription {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  labels: readonly string[];
  help: string;
}

/** Defines metrics in a registry and remembers what they are. Labels must have few values: never a subscriber or NAS. */
export class MetricSet {
  readonly descriptions: MetricDescription[] = [];
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  counter<L extends string = never>(name: string, help: string, labels: readonly L[] = []): Counter<L> {
    this.descriptions.push({ name, type: 'counter', labels, help });
    return new Counter<L>({ name, help, labelNames: [...labels], registers: [this.#registry] });
  }

  gauge<L extends string = never>(name: string, help: string, labels: readonly L[] = []): Gauge<L> {
    this.descriptions.push({ name, type: 'gauge', labels, help });
    return new Gauge<L>({ name, help, labelNames: [...labels], registers: [this.#registry] });
  }

  /** A counter of a closed list: each value is there from the start, so that a rate exists before the first event. */
  counterOf<L extends string>(name: string, help: string, label: L, values: readonly string[]): Counter<L> {
    const counter = this.counter(name, help, [label]);
    for (const value of values) counter.inc({ [label]: value } as Record<L, string>, 0);
    return counter;
  }

  histogram<L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: readonly L[] = [],
  ): Histogram<L> {
    this.descriptions.push({ name, type: 'histogram', labels, help });
    return new Histogram<L>({
      name,
      help,
      buckets: [...buckets],
      labelNames: [...labels],
      registers: [this.#registry],
    });
  }
}
