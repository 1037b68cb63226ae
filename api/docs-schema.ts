/** A schema of the document, as far as it is shown; anything else in it is passed over. */
export interface ShownSchema {
  $ref?: string;
  type?: string | readonly string[];
  enum?: readonly unknown[];
  const?: unknown;
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  description?: string;
  properties?: Readonly<Record<string, ShownSchema>>;
  required?: readonly string[];
  items?: ShownSchema;
  additionalProperties?: boolean | ShownSchema;
  anyOf?: readonly ShownSchema[];
  oneOf?: readonly ShownSchema[];
  allOf?: readonly ShownSchema[];
}

/** Deeper than this a schema of the page is cut: what is that deep is named by itself. */
const MAX_DEPTH = 6;

/** Text as HTML shows it. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${String(sign.charCodeAt(0))};`);
}

/** Name of the component that a reference leads to; null = it leads nowhere else in the document. */
export function nameOf({ $ref }: ShownSchema): string | null {
  return /^#\/components\/schemas\/([\w.-]+)$/.exec($ref ?? '')?.[1] ?? null;
}

/** What a value is, in a few words of HTML. */
export function kindHtml(schema: ShownSchema): string {
  const name = nameOf(schema);
  if (name !== null) return `<a href="#schema-${name}">${name}</a>`;
  if (schema.const !== undefined) return `<code>${escaped(JSON.stringify(schema.const))}</code>`;
  if (schema.enum !== undefined)
    return schema.enum.map((value) => `<code>${escaped(JSON.stringify(value))}</code>`).join(' | ');
  const forms = schema.anyOf ?? schema.oneOf;
  if (forms !== undefined) return forms.map(kindHtml).join(' or ');
  if (schema.items !== undefined) return `list of ${kindHtml(schema.items)}`;
  const kind = [schema.type ?? 'any'].flat().join(' or ');
  return escaped([kind, ...bounds(schema)].join(', '));
}

function bounds({ format, pattern, minimum, maximum, minLength, maxLength }: ShownSchema): string[] {
  return [
    ...(format === undefined ? [] : [format]),
    ...(minimum === undefined ? [] : [`from ${String(minimum)}`]),
    ...(maximum === undefined ? [] : [`to ${String(maximum)}`]),
    ...(minLength === undefined ? [] : [`${String(minLength)} characters or more`]),
    ...(maxLength === undefined ? [] : [`${String(maxLength)} at most`]),
    ...(pattern === undefined ? [] : [`like ${pattern}`]),
  ];
}

/** The fields of an object and of the objects in it as rows of a table; nothing for what has none. */
export function fieldsHtml(schema: ShownSchema): string {
  const rows = fieldRows(schema, '', 0);
  if (rows.length === 0) return '';
  return `<table><tr><th>field</th><th>what</th><th></th></tr>${rows.join('')}</table>`;
}

function fieldRows(schema: ShownSchema, prefix: string, depth: number): string[] {
  if (depth > MAX_DEPTH || schema.$ref !== undefined) return [];
  const forms = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, value]) => {
    const path = `${prefix}${name}`;
    const mark = schema.required?.includes(name) === true ? '' : '?';
    const row = `<tr><td><code>${escaped(path)}</code>${mark}</td><td>${kindHtml(value)}</td><td>${escaped(value.description ?? '')}</td></tr>`;
    return [row, ...fieldRows(value, `${path}.`, depth + 1)];
  });
  const listed = schema.items === undefined ? [] : fieldRows(schema.items, `${prefix}[].`, depth + 1);
  const mapped =
    typeof schema.additionalProperties === 'object'
      ? fieldRows(schema.additionalProperties, `${prefix}*.`, depth + 1)
      : [];
  return [...own, ...listed, ...mapped, ...forms.flatMap((form) => fieldRows(form, prefix, depth + 1))];
}

/** A value of the schema, as an example; not one that makes sense. */
export function exampleOf(schema: ShownSchema, depth = 0): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const [form] = schema.anyOf ?? schema.oneOf ?? [];
  const given = depth > MAX_DEPTH ? undefined : form;
  if (given !== undefined && schema.properties === undefined) return exampleOf(given, depth + 1);
  const [kind] = [schema.type ?? 'object'].flat();
  if (kind === 'array') return schema.items === undefined ? [] : [exampleOf(schema.items, depth + 1)];
  if (kind === 'integer' || kind === 'number') return schema.minimum ?? 1;
  if (kind === 'boolean') return true;
  if (kind === 'null') return null;
  if (kind === 'string') return schema.format === 'date-time' ? '2026-01-01T00:00:00Z' : '...';
  const required = Object.entries(schema.properties ?? {}).filter(
    ([name]) => depth <= MAX_DEPTH && schema.required?.includes(name) === true,
  );
  return Object.fromEntries(required.map(([name, value]) => [name, exampleOf(value, depth + 1)]));
}
