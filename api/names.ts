/**
 * Pattern of names and ids in paths and bodies: no NUL and no half of a character, which Postgres stores neither of. Without
 * `\p{Cs}`, which readers of the document in other languages do not know.
 */
export const NAME_PATTERN = '^[^\\u0000\\uD800-\\uDFFF]*$';

/** Schema of an id. */
export const NAME = { type: 'string', minLength: 1, maxLength: 256, pattern: NAME_PATTERN } as const;
