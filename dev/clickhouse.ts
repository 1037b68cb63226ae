import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { openEngine } from './clickhouse/engine.ts';
import type { Engine, StatementResult } from './clickhouse/engine.ts';
import { readStatementRequest, RefusedRequest } from './clickhouse/http-request.ts';

/**
 * A process that owns chDB and answers the part of ClickHouse's HTTP interface that @clickhouse/client uses, so
 * that several processes can share one folder of data in tests. Loopback only, no users, one statement at a time.
 * More forgiving than a server in one thing: it accepts several statements in one request.
 *
 * Usage: tsx dev/clickhouse.ts --path FOLDER [--port N]   (port 0, the default, takes a free one)
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { path: { type: 'string' }, port: { type: 'string', default: '0' } },
  });
  if (values.path === undefined) throw new Error('usage: dev/clickhouse.ts --path FOLDER [--port N]');
  const engine = openEngine(values.path);
  const server = createServer((request, response) => {
    void answer(engine, request, response);
  });
  // Longer than the client's idle time, so that it is never the server that closes a kept connection.
  server.keepAliveTimeout = 60_000;
  server.listen(Number(values.port), '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`ready http://127.0.0.1:${String(port)}\n`);

  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    server.close(() => {
      void engine.close().then(() => process.exit(0));
    });
    server.closeIdleConnections();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

async function answer(engine: Engine, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('X-ClickHouse-Server-Display-Name', 'chdb');
  try {
    const path = (request.url ?? '/').split('?')[0];
    if (path === '/ping' || (path === '/' && request.method === 'GET' && request.url === '/')) {
      response.end('Ok.\n');
      return;
    }
    const statement = await readStatementRequest(request);
    const result = await engine.execute(statement);
    if (statement.queryId !== undefined) response.setHeader('X-ClickHouse-Query-Id', statement.queryId);
    response.setHeader('X-ClickHouse-Format', statement.format);
    response.setHeader('X-ClickHouse-Summary', summary(result));
    response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
    if (!statement.compressAnswer) {
      response.end(result.bytes);
      return;
    }
    response.setHeader('Content-Encoding', 'gzip');
    response.end(await promisify(gzip)(result.bytes));
  } catch (error) {
    refuse(response, error);
  }
}

/** The counts are strings: that is how a server sends them, and how the client's types have them. */
function summary(result: StatementResult): string {
  return JSON.stringify({
    read_rows: String(result.readRows),
    read_bytes: String(result.readBytes),
    written_rows: String(result.writtenRows),
    written_bytes: '0',
    total_rows_to_read: '0',
    result_rows: String(result.readRows),
    result_bytes: String(result.bytes.length),
    elapsed_ns: String(result.elapsedNs),
  });
}

/** Exception codes that a server answers with another status than 500. */
const STATUS_BY_CODE = new Map([
  [43, 400],
  [46, 404],
  [47, 404],
  [60, 404],
  [62, 400],
  [81, 404],
]);

function refuse(response: ServerResponse, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const code = Number(/^Code: (\d+)\./.exec(message)?.[1] ?? 0);
  response.statusCode = error instanceof RefusedRequest ? error.status : (STATUS_BY_CODE.get(code) ?? 500);
  if (code > 0) response.setHeader('X-ClickHouse-Exception-Code', String(code));
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
  response.end(`${message}\n`);
}

await main();
