import type { Whole } from '../lint/shape.ts';

/** A JSON Schema (2020-12), or a part of one. */
export type Schema = Record<string, unknown>;

export const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/** A whole number within bounds, with its unit. */
export function whole({ unit, min, max }: Whole): Schema {
  const limits = { type: 'integer', minimum: min, maximum: max };
  return unit === '' ? limits : { ...limits, description: unit };
}

/** An object that has no other keys. */
export function closed(properties: Schema, required: string[] = []): Schema {
  return { type: 'object', properties, required, additionalProperties: false };
}

/** A choice of texts, each with what it means: editors show that beside it. */
export function oneOf(texts: Readonly<Record<string, string>>): Schema {
  const options = Object.entries(texts);
  return {
    type: 'string',
    enum: options.map(([name]) => name),
    markdownEnumDescriptions: options.map(([, description]) => description),
  };
}
