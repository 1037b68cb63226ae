import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Speed } from '../schemas/action.ts';
import { AppError } from '../schemas/errors.ts';
import { createProvider, type Provider, type ProviderOptions } from './provider.ts';

/** What of a simulated provider survives its process. */
export interface FeedState {
  version: 1;
  seed: number;
  /** when the provider was first started, ms since 1970 UTC */
  originMs: number;
  /** of the process that wrote this */
  generation: number;
  /** nothing in the log is later than this, ms since 1970 UTC */
  reservedUntilMs: number;
  /** speeds set by CoA, by user name */
  limits: [string, Speed][];
}

/** Reads the state; null where there is no file. Throws 'store-corrupt' when it is none: remove it to begin anew. */
export async function readFeedState(path: string): Promise<FeedState | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
    throw new AppError('unreachable', `cannot read ${path}`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError('store-corrupt', `${path} is not JSON; remove it to begin a new simulation`, {
      cause,
    });
  }
  if (!isFeedState(value)) {
    throw new AppError('store-corrupt', `${path} is not a simulation's state; remove it to begin a new one`);
  }
  return value;
}

/** Replaces the file as a whole: a reader sees the old or the new state, never a part. */
export async function writeFeedState(path: string, state: FeedState): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const next = `${path}.next`;
  await writeFile(next, `${JSON.stringify(state)}\n`);
  await rename(next, path);
}

/**
 * A provider that goes on where the state ends: same seed and origin (hence the same subscribers), later time, new
 * session ids; sessions that were open never get a Stop. Without state a new one from the options.
 */
export function resumeProvider(state: FeedState | null, options: ProviderOptions): Provider {
  if (state === null) return createProvider(options);
  const provider = createProvider({
    ...options,
    seed: state.seed,
    originMs: state.originMs,
    startMs: state.reservedUntilMs,
    generation: state.generation + 1,
  });
  provider.aaa.restore(state.limits);
  return provider;
}

function isFeedState(value: unknown): value is FeedState {
  if (typeof value !== 'object' || value === null) return false;
  const { version, seed, originMs, generation, reservedUntilMs, limits } = value as Record<
    keyof FeedState,
    unknown
  >;
  const numbers = [seed, originMs, generation, reservedUntilMs];
  return version === 1 && numbers.every((each) => Number.isSafeInteger(each)) && Array.isArray(limits);
}
