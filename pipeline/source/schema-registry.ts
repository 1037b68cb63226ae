import { AppError } from '../../schemas/errors.ts';
import type { RawBatch } from '../../storage/ports.ts';
import { neededSchemas } from '../decode/framing.ts';
import type { WriterSchema, WriterSchemas } from '../decode/writer-schema.ts';
import { compileWriterSchema, schemaFingerprint } from '../decode/writer-schema.ts';

/** How writer schemas are found. */
export interface WriterSchemaOptions {
  /** text of accounting-record.avsc: the reader's schema, whose fingerprint is always known */
  accountingText: string;
  /** base URL of a Confluent-compatible registry, user and password allowed in it; null = none */
  registryUrl: string | null;
  /** schema text of records without framing; null = such records are dead letters */
  bareText?: string | null;
  /** schema texts of feeders that write single-object encoding with schemas of their own */
  knownTexts?: readonly string[];
  maxRecordBytes: number;
  /** of one request, ms */
  timeoutMs?: number;
  /** how long a 404 is believed, ms */
  unknownForMs?: number;
  now?: () => number;
}

const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_UNKNOWN_FOR_MS = 60_000;
/** A registry's answer beyond this is refused. Bytes. */
const MAX_ANSWER_BYTES = 1024 * 1024;
/** Ids kept; garbage that looks framed can name 2^32 of them. */
const MAX_CACHED_IDS = 10_000;
const MAX_PARALLEL = 4;

/**
 * Finds the writer schemas of a batch before it is decoded: GET /schemas/ids/<id>, each id once.
 * A 404 makes the id unknown for a minute (its records become dead letters); an outage never does: resolve throws
 * 'registry-unavailable' (retriable) and the source delivers the batch again.
 */
export class WriterSchemaResolver {
  readonly #options: WriterSchemaOptions;
  readonly #byId = new Map<number, WriterSchema>();
  /** ids that nobody knows -> when to ask again, ms */
  readonly #askAgainMs = new Map<number, number>();
  readonly #registry: { base: string; headers: Record<string, string> } | null;
  readonly #schemas: WriterSchemas;

  /** Throws 'config-invalid' for a registry URL or a configured schema that can not be used. */
  constructor(options: WriterSchemaOptions) {
    this.#options = options;
    this.#registry = options.registryUrl === null ? null : registryOf(options.registryUrl);
    const compile = (text: string): WriterSchema => configured(text, options.accountingText);
    const known = [options.accountingText, ...(options.knownTexts ?? [])];
    const bareText = options.bareText ?? null;
    this.#schemas = {
      byId: this.#byId,
      byFingerprint: new Map(known.map((text) => [schemaFingerprint(text), compile(text)])),
      bare: bareText === null ? null : compile(bareText),
    };
  }

  /**
   * Schemas for the batch; resolves at once where all are cached. The returned maps are the cache itself:
   * use them for this batch only.
   */
  async resolve(batch: RawBatch): Promise<WriterSchemas> {
    const bareExpected = this.#schemas.bare !== null;
    const ids = neededSchemas(batch, bareExpected, this.#options.maxRecordBytes);
    const missing = ids.filter((id) => this.#isMissing(id));
    if (missing.length === 0) return this.#schemas;
    this.#makeRoom(missing.length, ids);
    for (let at = 0; at < missing.length; at += MAX_PARALLEL) {
      await Promise.all(missing.slice(at, at + MAX_PARALLEL).map((id) => this.#fetch(id)));
    }
    return this.#schemas;
  }

  #isMissing(id: number): boolean {
    if (!this.#byId.has(id)) return true;
    const askAgainMs = this.#askAgainMs.get(id);
    return askAgainMs !== undefined && this.#now() >= askAgainMs;
  }

  /** Forgets the oldest ids, never those of the batch in hand. */
  #makeRoom(count: number, needed: readonly number[]): void {
    const keep = new Set(needed);
    let excess = this.#byId.size + count - MAX_CACHED_IDS;
    for (const id of this.#byId.keys()) {
      if (excess <= 0) return;
      if (keep.has(id)) continue;
      this.#byId.delete(id);
      this.#askAgainMs.delete(id);
      excess -= 1;
    }
  }

  async #fetch(id: number): Promise<void> {
    const found = this.#registry === null ? NO_REGISTRY : await this.#ask(this.#registry, id);
    this.#byId.set(id, found);
    if (found.kind === 'unknown') {
      this.#askAgainMs.set(id, this.#now() + (this.#options.unknownForMs ?? DEFAULT_UNKNOWN_FOR_MS));
    } else {
      this.#askAgainMs.delete(id);
    }
  }

  async #ask(registry: { base: string; headers: Record<string, string> }, id: number): Promise<WriterSchema> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    let text: string;
    try {
      const response = await fetch(`${registry.base}/schemas/ids/${id}`, {
        headers: registry.headers,
        signal,
        redirect: 'error',
      });
      if (response.status === 404) {
        await response.body?.cancel();
        return { kind: 'unknown', detail: 'the schema registry does not know it' };
      }
      if (!response.ok) {
        await response.body?.cancel();
        throw unavailable(`answered ${response.status} for schema id ${id}`);
      }
      text = await boundedText(response);
    } catch (error) {
      if (error instanceof AppError) throw error;
      throw unavailable(`did not answer for schema id ${id}`, error);
    }
    return this.#compile(text, id);
  }

  #compile(text: string, id: number): WriterSchema {
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch (error) {
      throw unavailable(`gave no JSON for schema id ${id}`, error);
    }
    const { schema, schemaType, references } = (answer ?? {}) as Record<
      'schema' | 'schemaType' | 'references',
      unknown
    >;
    if (typeof schema !== 'string') throw unavailable(`gave no schema for schema id ${id}`);
    if (schemaType !== undefined && schemaType !== 'AVRO')
      return { kind: 'incompatible', detail: 'not an Avro schema' };
    if (Array.isArray(references) && references.length > 0) {
      return { kind: 'incompatible', detail: 'schemas with references are not read' };
    }
    return compileWriterSchema(schema, this.#options.accountingText);
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

const NO_REGISTRY: WriterSchema = { kind: 'unknown', detail: 'no schema registry is configured' };

/** Splits user and password off the URL, so that no message can hold them. */
function registryOf(text: string): { base: string; headers: Record<string, string> } {
  if (!URL.canParse(text)) throw new AppError('config-invalid', 'SCHEMA_REGISTRY_URL is not a URL');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new AppError('config-invalid', 'SCHEMA_REGISTRY_URL is not an http or https URL');
  }
  const headers: Record<string, string> = {
    accept: 'application/vnd.schemaregistry.v1+json, application/json',
  };
  if (url.username !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers['authorization'] = `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`;
  }
  return { base: `${url.origin}${url.pathname.replace(/\/+$/, '')}`, headers };
}

function configured(text: string, accountingText: string): WriterSchema {
  const schema = compileWriterSchema(text, accountingText);
  if (schema.kind === 'decoder') return schema;
  throw new AppError('config-invalid', `a configured record schema can not be used: ${schema.detail}`);
}

function unavailable(what: string, cause?: unknown): AppError {
  return new AppError('registry-unavailable', `the schema registry ${what}`, { retriable: true, cause });
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw unavailable(`answered more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
