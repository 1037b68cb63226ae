import type { Form } from './forms.ts';

/** One environment variable: how it is read and what a person must know about it. */
export interface Variable<T> {
  readonly form: Form<NonNullable<T>>;
  /** text of the default; null = none: the value is null while the variable is not set */
  readonly fallback: string | null;
  /** what it is, with its unit; one sentence or two, for docs/configuration.md */
  readonly about: string;
  /** without this variable it has no effect, so that setting it alone is a fault */
  readonly needs: string | null;
}

/** A variable with a default. */
export function preset<T extends NonNullable<unknown>>(
  form: Form<T>,
  fallback: string,
  about: string,
  needs?: string,
): Variable<T> {
  return { form, fallback, about, needs: needs ?? null };
}

/** A variable that may be absent: null then. */
export function optional<T extends NonNullable<unknown>>(
  form: Form<T>,
  about: string,
  needs?: string,
): Variable<T | null> {
  return { form, fallback: null, about, needs: needs ?? null };
}

/** Values by name, as a table of variables describes them. */
export type ValuesOf<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends Variable<infer T> ? T : never;
};
