import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Directory } from '../storage/people-ports.ts';
import type { LogWriter } from '../storage/ports.ts';
import type { TariffStore } from '../storage/tariff-ports.ts';
import { readFeedState, resumeProvider, writeFeedState } from '../simulator/feed-state.ts';
import { Feeder } from '../simulator/feed.ts';
import { NasFleet } from '../simulator/nas.ts';
import type { Provider } from '../simulator/provider.ts';
import { seedDirectory, seedTerms } from '../simulator/seed-directory.ts';
import type { Config } from './config.ts';
import { recordEncoder } from './decode/encode.ts';
import { ACCOUNTING_SCHEMA_TEXT } from './source/accounting-schema.ts';

/** The simulated provider as a part of the program. */
export interface Simulation {
  provider: Provider;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A provider that goes on where the last process left it: its NAS listen on loopback, its tariffs and subscribers are in
 * the directory, its records go to the log at the configured speed of time.
 */
export async function composeSimulation(
  config: Config,
  settings: NonNullable<Config['simulator']>,
  { directory, tariffs }: { directory: Directory; tariffs: TariffStore },
  writer: LogWriter,
  log: Logger,
  onFatal: (error: unknown) => void,
): Promise<Simulation> {
  const statePath = join(config.dataDir, 'simulator.json');
  const provider = resumeProvider(await readFeedState(statePath), {
    seed: settings.seed,
    subscribers: settings.subscribers,
    startMs: Date.now(),
    keepsClosed: false,
  });
  const fleet = new NasFleet({
    provider,
    maxReceipts: 1000,
    onFailure: (error) => log.warn({ err: error }, 'a simulated NAS failed to answer'),
  });
  const feeder = new Feeder({
    provider,
    writer,
    encode: recordEncoder(ACCOUNTING_SCHEMA_TEXT, 'single-object'),
    speed: settings.speed,
    save: (state) => writeFeedState(statePath, state),
    onRetry: (error) => log.warn({ err: error }, 'the simulated feed could not append; it tries again'),
    onFailure: onFatal,
  });
  return {
    provider,
    start: async () => {
      await fleet.start();
      await seedTerms(tariffs, Date.now());
      await seedDirectory(directory, provider, fleet.access());
      await feeder.start();
    },
    stop: async () => {
      await feeder.stop();
      await fleet.stop();
    },
  };
}
