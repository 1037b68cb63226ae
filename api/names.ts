/** Pattern of names and ids in paths and bodies: no NUL and no half of a character, which Postgres stores neither of. */
export const NAME_PATTERN = '^[^\\u0000\\p{Cs}]*$';

/** Schema of an id. */
export const NAME = { type: 'string', minLength: 1, maxLength: 256, pattern: NAME_PATTERN } as const;
