import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bindError } from '../bind-error.ts';

/** A server that is up. */
export interface MetricsServer {
  /** `http://host:port/metrics`, with the real port where 0 was asked for */
  url: string;
  /** Idempotent; a scrape in hand is cut off. */
  close(): Promise<void>;
}

/**
 * Serves `GET /metrics` on a bind of its own, without a key, so that the API's port can be public while this is not.
 *
 * @param render the text of the exposition format
 * @throws AppError 'port-in-use' or 'config-invalid' naming the variable to change
 */
export async function startMetricsServer(
  host: string,
  port: number,
  contentType: string,
  render: () => Promise<string>,
): Promise<MetricsServer> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    void answer(request, response, contentType, render);
  });
  await listening(server, host, port);
  const address = server.address() as AddressInfo;
  const shownHost = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  let closing: Promise<void> | undefined;
  return {
    url: `http://${shownHost}:${address.port}/metrics`,
    close: () => (closing ??= closed(server)),
  };
}

/** Never rejects. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  contentType: string,
  render: () => Promise<string>,
): Promise<void> {
  const path = (request.url ?? '').split('?')[0];
  if (path !== '/metrics') return end(response, 404, 'text/plain', 'not here: GET /metrics\n');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return end(response, 405, 'text/plain', 'GET only\n');
  }
  try {
    end(response, 200, contentType, await render());
  } catch (error) {
    end(response, 500, 'text/plain', `metrics could not be collected: ${String(error)}\n`);
  }
}

function end(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type });
  response.end(body);
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const names = { hostVariable: 'WEIR_METRICS_HOST', portVariable: 'WEIR_METRICS_PORT' };
      reject(bindError(error, { host, port, ...names }));
    });
    server.listen({ host, port }, resolve);
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
