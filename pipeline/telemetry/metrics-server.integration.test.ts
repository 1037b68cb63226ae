import { describe, expect, it } from 'vitest';
import { isAppError } from '../../schemas/errors.ts';
import { createTelemetry } from '../telemetry.ts';

describe('the metrics server', () => {
  it('answers GET /metrics with Node’s metrics too, and nothing else', async () => {
    const telemetry = createTelemetry({ level: 'silent' });
    const server = await telemetry.serveMetrics('127.0.0.1', 0);
    try {
      const answer = await fetch(server.url);
      expect(answer.headers.get('content-type')).toContain('text/plain');
      const text = await answer.text();
      expect(text).toContain('weir_batches_total 0');
      expect(text).toContain('process_resident_memory_bytes');
      expect((await fetch(new URL('/', server.url))).status).toBe(404);
      expect((await fetch(server.url, { method: 'POST' })).status).toBe(405);
    } finally {
      await server.close();
      await server.close();
    }
  });

  it('answers 500 and lives on when a gauge cannot be read', async () => {
    const telemetry = createTelemetry({ level: 'silent', processMetrics: false });
    telemetry.onScrape(() => Promise.reject(new Error('ledger away')));
    const server = await telemetry.serveMetrics('127.0.0.1', 0);
    try {
      expect((await fetch(server.url)).status).toBe(500);
      expect((await fetch(server.url)).status).toBe(500);
    } finally {
      await server.close();
    }
  });

  it('names the variable to change when the port is in use', async () => {
    const telemetry = createTelemetry({ level: 'silent', processMetrics: false });
    const server = await telemetry.serveMetrics('127.0.0.1', 0);
    try {
      const port = Number(new URL(server.url).port);
      const failure = await telemetry.serveMetrics('127.0.0.1', port).catch((error: unknown) => error);
      expect(isAppError(failure, 'port-in-use')).toBe(true);
      expect(String(failure)).toContain('WEIR_METRICS_PORT');
    } finally {
      await server.close();
    }
  });

  it('names the variable to change when the address is not ours', async () => {
    const telemetry = createTelemetry({ level: 'silent', processMetrics: false });
    const failure = await telemetry.serveMetrics('203.0.113.1', 0).catch((error: unknown) => error);
    expect(isAppError(failure, 'config-invalid')).toBe(true);
    expect(String(failure)).toContain('WEIR_METRICS_HOST');
  });
});
