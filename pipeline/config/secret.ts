import { inspect } from 'node:util';

/**
 * A value that must not be printed: a password, a key, a URL with credentials in it.
 * Templates, JSON, util.inspect and loggers get `shown`; only `reveal()` gives the value.
 */
export class Secret {
  readonly #value: string;
  readonly #shown: string;

  /** @param shown what stands in its place wherever it is printed */
  constructor(value: string, shown = '[secret]') {
    this.#value = value;
    this.#shown = shown;
  }

  /** The value itself, for the driver that needs it. Never log or throw what this returns. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return this.#shown;
  }

  toJSON(): string {
    return this.#shown;
  }

  [inspect.custom](): string {
    return this.#shown;
  }
}

/** A URL that may hold credentials; printed with scheme, host and path only (queries may hold passwords too). */
export function secretUrl(text: string): Secret {
  const { protocol, host, pathname } = new URL(text);
  return new Secret(text, `${protocol}//${host}${pathname === '/' ? '' : pathname}`);
}
