import { isJsonObject } from './read-record.ts';
import { radiusCount, radiusOctets, radiusText } from './radius-values.ts';

/** Avro's int; RADIUS integers are unsigned. */
const MAX_INT = 2 ** 31 - 1;

/**
 * Attributes of one packet in JSON: `{"User-Name": {"type": "string", "value": ["ann"]}}` as rlm_rest writes them,
 * `{"User-Name": {"type": "string", "value": "ann"}}` or `{"User-Name": "ann"}` as rlm_json does. Of several values of an
 * attribute the first counts, as everywhere in FreeRADIUS. What nobody asks for is not looked at.
 *
 * What can not be read becomes null and a line in `problems`.
 */
export class RadiusAttributes {
  readonly problems: string[] = [];
  readonly #attributes: Readonly<Record<string, unknown>>;

  constructor(attributes: Readonly<Record<string, unknown>>) {
    this.#attributes = attributes;
  }

  /** As it stands in JSON: a scalar, undefined where there is none. */
  raw(name: string): string | number | undefined {
    const given = Object.hasOwn(this.#attributes, name) ? this.#attributes[name] : undefined;
    const values = isJsonObject(given) ? given['value'] : given;
    const value: unknown = Array.isArray(values) ? values[0] : values;
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'string' || typeof value === 'number') return value;
    this.problems.push(`${name} is neither text nor a number`);
    return undefined;
  }

  text(name: string): string | null {
    const value = this.#textual(name);
    return value === null ? null : radiusText(value);
  }

  /** An attribute of type octets; see radiusOctets. */
  octets(name: string): string | null {
    const value = this.#textual(name);
    return value === null ? null : radiusOctets(value);
  }

  /** A whole number up to 2^53 - 1; null = absent. */
  count(name: string): number | null {
    const value = this.raw(name);
    if (value === undefined) return null;
    const count = radiusCount(value);
    if (count === null) this.problems.push(`${name} is not a whole number from 0 on`);
    return count;
  }

  /** The same up to 2^31 - 1. */
  int(name: string): number | null {
    const count = this.count(name);
    if (count === null || count <= MAX_INT) return count;
    this.problems.push(`${name} is beyond ${MAX_INT}`);
    return null;
  }

  #textual(name: string): string | null {
    const value = this.raw(name);
    if (typeof value !== 'number') return value ?? null;
    this.problems.push(`${name} is not text`);
    return null;
  }
}
