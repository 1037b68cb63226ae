import fc from 'fast-check';

/** What of JSON Schema the API's documents use. */
export interface JsonSchema {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  maxProperties?: number;
  items?: JsonSchema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
}

/** Any JSON, with what breaks parsers of names and numbers. */
export const anyJson: fc.Arbitrary<unknown> = fc.jsonValue({ maxDepth: 3 });

const AWKWARD = [
  '',
  ' ',
  '__proto__',
  'constructor',
  '\u0000',
  '\ud800',
  '%00',
  '../x',
  '1e999',
  '-0',
  'null',
];

/** Values that a schema takes, or nearly all of them: what a format allows and no calendar has is among them. */
export function arbitraryOf(schema: JsonSchema, known: KnownNames = {}): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants !== undefined)
    return fc.oneof(...variants.map((variant) => arbitraryOf({ ...schema0(schema), ...variant }, known)));
  const [type = schema.properties === undefined ? 'any' : 'object'] = [schema.type ?? []].flat();
  switch (type) {
    case 'string':
      return textOf(schema);
    case 'integer':
      return fc.oneof(
        fc.maxSafeInteger().map((n) => bounded(n, schema)),
        fc.constantFrom(...[0, 1, Number.MAX_SAFE_INTEGER].map((n) => bounded(n, schema))),
      );
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => bounded(n, schema));
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(arbitraryOf(schema.items ?? {}, known), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(3, schema.maxItems ?? 3),
      });
    case 'object':
      return objectOf(schema, known);
    default:
      return anyJson;
  }
}

/** Values that are likely of a field or parameter, by its name: what is stored is called so. */
export type KnownNames = Readonly<Record<string, readonly unknown[]>>;

/** A field or parameter: what is known by its name, or anything that its schema takes. */
export function namedOf(name: string, schema: JsonSchema, known: KnownNames): fc.Arbitrary<unknown> {
  const likely = known[name];
  if (likely === undefined) return arbitraryOf(schema, known);
  return fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...likely) }, arbitraryOf(schema, known));
}

/** What the variants of a schema share. */
function schema0({ required, properties }: JsonSchema): JsonSchema {
  return {
    ...(required === undefined ? {} : { required }),
    ...(properties === undefined ? {} : { properties }),
  };
}

function objectOf(
  { properties = {}, required = [], additionalProperties }: JsonSchema,
  known: KnownNames,
): fc.Arbitrary<unknown> {
  if (typeof additionalProperties === 'object')
    return fc.dictionary(fc.string({ maxLength: 8 }), arbitraryOf(additionalProperties, known), {
      maxKeys: 3,
    });
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, one]) => [name, namedOf(name, one, known)]),
  );
  return fc.record(fields, { requiredKeys: required.filter((name) => name in properties) });
}

function textOf({ format, pattern, minLength = 0, maxLength = 40 }: JsonSchema): fc.Arbitrary<unknown> {
  if (format === 'date-time')
    return fc.oneof(
      fc
        .date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') })
        .map((date) => date.toISOString()),
      fc.constantFrom('2016-12-31T23:59:60Z', '2026-07-10T12:00:00+02:00', '0001-01-01T00:00:00Z'),
    );
  if (pattern !== undefined && !pattern.includes('\\p'))
    return fc.stringMatching(new RegExp(pattern, 'u')).map((text) => text.slice(0, Math.max(minLength, 200)));
  return fc
    .oneof(
      fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(40, maxLength) }),
      fc.constantFrom(...AWKWARD),
    )
    .map((text) => text);
}

function bounded(n: number, { minimum = -Infinity, maximum = Infinity }: JsonSchema): number {
  return Math.min(maximum, Math.max(minimum, n));
}

/** A value of the schema with one thing wrong: a field too many or too few, another type, an awkward text. */
export function nearlyOf(schema: JsonSchema, known: KnownNames = {}): fc.Arbitrary<unknown> {
  const awkward = fc.oneof(fc.constantFrom<unknown>(...AWKWARD, null, true, 1e21, -1, 0.5, [], {}), anyJson);
  return fc.tuple(arbitraryOf(schema, known), awkward, fc.nat()).map(([value, wrong, at]) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong;
    const names = [...Object.keys(value), 'unknown'];
    const name = names[at % names.length] ?? 'unknown';
    return { ...value, [name]: wrong };
  });
}
