import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { Registry, collectDefaultMetrics } from 'prom-client';
import type { LogLevel } from './config/variables.ts';
import { createMetrics } from './telemetry/metrics.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { startMetricsServer } from './telemetry/metrics-server.ts';
import type { MetricsServer } from './telemetry/metrics-server.ts';
import { readableLine } from './telemetry/readable-log.ts';
import { REDACTED_PATHS, scrub } from './telemetry/redaction.ts';

export interface TelemetryOptions {
  level: LogLevel;
  /** lines for a person instead of JSON; default false */
  pretty?: boolean;
  /** takes each line, with its line break; default standard output, written before the call returns */
  write?: (line: string) => void;
  /** metrics of the process itself (memory, event loop); default true. They watch the garbage collector: off in tests */
  processMetrics?: boolean;
}

/** Logs and metrics of one process. */
export interface Telemetry {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly registry: Registry;
  /** `fill` is called before each scrape, for gauges that are read rather than counted. If it fails, the scrape fails. */
  onScrape(fill: () => void | Promise<void>): void;
  /** The text of one scrape. */
  render(): Promise<string>;
  /** Serves them. Throws AppError 'port-in-use' or 'config-invalid' naming the variable to change. */
  serveMetrics(host: string, port: number): Promise<MetricsServer>;
}

/** Makes the logger and the metrics. No secret reaches a line: by field name, in URLs, and by the form of API keys. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const registry = new Registry();
  const metrics = createMetrics(registry);
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry });
  const fills: (() => void | Promise<void>)[] = [];
  const render = async (): Promise<string> => {
    for (const fill of fills) await fill();
    return registry.metrics();
  };
  return {
    log: logger(options),
    metrics,
    registry,
    onScrape: (fill) => {
      fills.push(fill);
    },
    render,
    serveMetrics: (host, port) => startMetricsServer(host, port, registry.contentType, render),
  };
}

function logger(options: TelemetryOptions): Logger {
  return pino(
    {
      level: options.level,
      base: {},
      redact: { paths: [...REDACTED_PATHS], censor: '[redacted]' },
      hooks: { streamWrite: scrub },
    },
    destination(options),
  );
}

function destination({ pretty, write }: TelemetryOptions): DestinationStream {
  const out = write ?? ((line: string) => process.stdout.write(line));
  if (pretty === true) return { write: (line) => out(readableLine(line)) };
  // Synchronous: the last lines before an exit are the ones that matter.
  return write === undefined ? pino.destination({ fd: 1, sync: true }) : { write: out };
}
