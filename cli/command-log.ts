import type { Logger } from 'pino';
import { createTelemetry } from '../pipeline/telemetry.ts';
import type { CliIo } from './commands.ts';

/** The log of a command that opens stores itself: what goes wrong, to be read by a person. */
export function commandLog(io: Pick<CliIo, 'err'>): Logger {
  return createTelemetry({
    level: 'warn',
    pretty: true,
    processMetrics: false,
    write: (line) => io.err(line),
  }).log;
}
