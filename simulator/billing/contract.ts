import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

type Json = Record<string, unknown>;

/** The parts of the contract that the server uses, checked as it is loaded. */
const documentForm = z.object({
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  components: z.object({ schemas: z.record(z.string(), z.record(z.string(), z.unknown())) }),
});

/** Names of the contract's schemas that bodies are checked against. */
export type BodyName =
  | 'Key'
  | 'Instant'
  | 'InvoiceItem'
  | 'StoredItem'
  | 'StoredItemPage'
  | 'Receipt'
  | 'Account'
  | 'CycleSpan'
  | 'Problem';

/** Why a value is not of a schema, one line; null = it is. */
export type Check = (name: BodyName, value: unknown) => string | null;

/** schemas/billing-api.yaml as it stands beside the code. Throws where it is no OpenAPI document. */
export function readContract(): { check: Check; operations: string[] } {
  const text = readFileSync(new URL('../../schemas/billing-api.yaml', import.meta.url), 'utf8');
  const { paths, components } = documentForm.parse(parse(text));
  const forms = new Map<string, z.ZodType>();
  // OpenAPI 3.1 is JSON Schema 2020-12, but for the place where its definitions stand.
  const defs = JSON.parse(
    JSON.stringify(components.schemas).replaceAll('"#/components/schemas/', '"#/$defs/'),
  ) as Record<string, Json>;
  const formOf = (name: string): z.ZodType => {
    const known = forms.get(name);
    if (known !== undefined) return known;
    const schema = defs[name];
    if (schema === undefined) throw new Error(`billing-api.yaml has no schema ${name}`);
    const form = z.fromJSONSchema({ ...schema, $defs: defs });
    forms.set(name, form);
    return form;
  };
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((method) => ['get', 'post', 'put', 'delete', 'patch'].includes(method))
      .map((method) => `${method.toUpperCase()} ${path}`),
  );
  return {
    operations,
    check: (name, value) => {
      const [issue] = formOf(name).safeParse(value).error?.issues ?? [];
      return issue === undefined ? null : `${issue.path.join('.') || 'body'}: ${issue.message}`;
    },
  };
}
