import type { ServerResponse } from 'node:http';
import type { Fault } from './faults.ts';

const TRICKLE_MS = 20;
const HUGE_CHUNK = Buffer.alloc(65_536, 'x');

/**
 * Answers as the fault has it.
 *
 * @param write writes the true answer, where there is one
 */
export function misbehave(fault: Fault, response: ServerResponse, write: () => void = () => undefined): void {
  switch (fault.kind) {
    case 'cut':
      response.socket?.destroy();
      return;
    case 'hang':
      return;
    case 'status': {
      const headers = fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter };
      response.writeHead(fault.status, { 'content-type': 'application/problem+json', ...headers });
      response.end(JSON.stringify({ status: fault.status, detail: 'as it was told' }));
      return;
    }
    case 'garbage':
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('<html>\u0000{"id"');
      return;
    case 'slow': {
      const timer = setTimeout(write, fault.ms);
      response.on('close', () => clearTimeout(timer));
      return;
    }
    case 'redirect':
      response.writeHead(302, { location: 'http://127.0.0.1:9/elsewhere' });
      response.end();
      return;
    case 'trickle':
    case 'huge':
      endless(response, fault.kind === 'huge');
  }
}

function endless(response: ServerResponse, isFast: boolean): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const timer = setInterval(() => response.write(isFast ? HUGE_CHUNK : ' '), isFast ? 1 : TRICKLE_MS);
  response.on('close', () => clearInterval(timer));
}
