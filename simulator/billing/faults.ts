import { z } from 'zod';

/** What goes wrong with a request. */
export const FAULT_KINDS = [
  /** the connection is cut */
  'cut',
  /** no answer ever comes */
  'hang',
  /** an answer of `status` */
  'status',
  /** 200 with bytes that are no JSON */
  'garbage',
  /** the true answer after `ms` */
  'slow',
  /** 200 with a byte a while, without end */
  'trickle',
  /** 200 with an answer without end */
  'huge',
  /** 302 to another address */
  'redirect',
] as const;

const faultForm = z.strictObject({
  kind: z.enum(FAULT_KINDS),
  /** before anything is done, or when all of it is done */
  when: z.enum(['before', 'after']).default('before'),
  /** of the request; absent = any */
  method: z.enum(['GET', 'POST', 'PUT']).optional(),
  /** a part of the path; absent = any */
  path: z.string().min(1).optional(),
  /** how many requests it meets; absent = all */
  times: z.int().positive().optional(),
  status: z.int().min(200).max(599).default(500),
  retryAfter: z.string().max(100).optional(),
  ms: z.int().min(0).max(600_000).default(0),
});

const settingsForm = z.strictObject({
  faults: z.array(faultForm).max(100).default([]),
  /** how long the key of a request is remembered, ms; absent = for ever. An item stays. */
  forgetKeysAfterMs: z.int().min(0).optional(),
});

/** One fault, complete. */
export type Fault = z.output<typeof faultForm>;
/** One fault as it is asked for. */
export type FaultGiven = z.input<typeof faultForm>;
/** All that can be told by `PUT /_faults`. */
export type FaultSettings = z.input<typeof settingsForm>;

/** What the server is told to get wrong. The first fault that fits a request meets it. */
export class FaultPlan {
  #faults: { fault: Fault; left: number }[] = [];
  #forgetMs = Number.POSITIVE_INFINITY;

  get forgetKeysAfterMs(): number {
    return this.#forgetMs;
  }

  /** Replaces everything. Returns why it is not of the form, null = it is. */
  set(given: unknown): string | null {
    const { data, error } = settingsForm.safeParse(given);
    if (data === undefined) return z.prettifyError(error);
    this.#faults = data.faults.map((fault) => ({ fault, left: fault.times ?? Number.POSITIVE_INFINITY }));
    this.#forgetMs = data.forgetKeysAfterMs ?? Number.POSITIVE_INFINITY;
    return null;
  }

  /** The fault that a request meets, and one less of it is left. */
  take(method: string, path: string): Fault | null {
    const met = this.#faults.find(
      ({ fault, left }) => left > 0 && (fault.method ?? method) === method && path.includes(fault.path ?? ''),
    );
    if (met === undefined) return null;
    met.left -= 1;
    return met.fault;
  }
}
