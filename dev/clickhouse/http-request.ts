import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';

/** One statement as ClickHouse's HTTP interface receives it, spread over URL, headers and body. */
export interface StatementRequest {
  readonly sql: string;
  /** Data of an INSERT whose statement came in the URL; empty otherwise. */
  readonly data: Buffer;
  readonly isInsert: boolean;
  /** False for an INSERT ... FORMAT without data: the server stores nothing and says OK. */
  readonly hasWork: boolean;
  readonly format: string;
  readonly database: string | undefined;
  /** Values for {name:Type}, already in ClickHouse's escaped text format. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly settings: ReadonlyMap<string, string>;
  /** GET may only read, as on a server. */
  readonly readonly: boolean;
  readonly queryId: string | undefined;
  readonly compressAnswer: boolean;
}

/** A request that the server refuses before it has looked at the statement. */
export class RefusedRequest extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'RefusedRequest';
    this.status = status;
  }
}

const MAX_BODY_BYTES = 256 * 1024 * 1024;

/** Parts of the URL that are no engine settings: they steer the HTTP layer of a server, which is not there. */
const HTTP_LAYER = new Set(
  `query query_id database default_format session_timeout session_check user password quota_key role compress
   buffer_size wait_end_of_query send_progress_in_http_headers http_response_buffer_size
   http_headers_progress_interval_ms enable_http_compression http_zlib_compression_level
   http_write_exception_in_output_format add_http_cors_header cancel_http_readonly_queries_on_client_close
   log_queries log_comment`.split(/\s+/),
);

/**
 * Reads a request to its end and takes it apart.
 *
 * @throws RefusedRequest for an unknown encoding, an oversized body, sessions, or no statement at all
 */
export async function readStatementRequest(request: IncomingMessage): Promise<StatementRequest> {
  const fields = new URL(request.url ?? '/', 'http://127.0.0.1').searchParams;
  let data = await readBody(request);
  const contentType = request.headers['content-type'] ?? '';
  if (contentType.startsWith('multipart/form-data')) {
    await addFormFields(fields, data, contentType);
    data = Buffer.alloc(0);
  }
  if (fields.has('session_id')) throw new RefusedRequest(501, 'sessions (session_id) are not supported here');
  if (fields.get('decompress') === '1')
    throw new RefusedRequest(501, 'the native compression is not supported');

  let sql = fields.get('query') ?? '';
  if (sql === '') {
    sql = data.toString('utf8');
    data = Buffer.alloc(0);
  }
  if (sql.trim() === '')
    throw new RefusedRequest(400, 'Code: 62. DB::Exception: Empty query. (SYNTAX_ERROR)');
  const isInsert = /^\s*insert\s/i.test(withoutLeadingComments(sql));
  const header = (name: string) => request.headers[name]?.toString();
  return {
    sql,
    data,
    isInsert,
    hasWork: !(isInsert && data.length === 0 && /\sformat\s+\w+\s*$/i.test(sql)),
    format: fields.get('default_format') ?? header('x-clickhouse-format') ?? 'TabSeparated',
    database: fields.get('database') ?? header('x-clickhouse-database'),
    parameters: new Map(
      [...fields].flatMap(([key, value]) => (key.startsWith('param_') ? [[key, value] as const] : [])),
    ),
    settings: new Map([...fields].filter(([key]) => !HTTP_LAYER.has(key) && !key.startsWith('param_'))),
    readonly: request.method === 'GET',
    queryId: fields.get('query_id') ?? undefined,
    compressAnswer:
      fields.get('enable_http_compression') === '1' && (header('accept-encoding') ?? '').includes('gzip'),
  };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new RefusedRequest(413, 'the body is too large');
    chunks.push(chunk);
  }
  const encoding = request.headers['content-encoding'] ?? 'identity';
  return await decompress(Buffer.concat(chunks), encoding);
}

async function decompress(bytes: Buffer, encoding: string): Promise<Buffer> {
  const options = { maxOutputLength: MAX_BODY_BYTES };
  switch (encoding) {
    case 'identity':
      return bytes;
    case 'gzip':
      return promisify(gunzip)(bytes, options);
    case 'deflate':
      return promisify(inflate)(bytes, options);
    case 'br':
      return promisify(brotliDecompress)(bytes, options);
    default:
      throw new RefusedRequest(415, `Content-Encoding ${encoding} is not supported`);
  }
}

async function addFormFields(fields: URLSearchParams, bytes: Buffer, contentType: string): Promise<void> {
  const form = await new Response(bytes, { headers: { 'content-type': contentType } }).formData();
  for (const [key, value] of form) fields.append(key, typeof value === 'string' ? value : await value.text());
}

function withoutLeadingComments(sql: string): string {
  return sql.replace(/^(?:\s+|--[^\n]*\n|\/\*[\s\S]*?\*\/)+/, '');
}
