import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { compose } from './compose.ts';
import { readConfig } from './config.ts';
import type { Config } from './config.ts';
import { EXIT, exitCodeOf, Lifecycle } from './lifecycle.ts';
import { LiveScreen } from './live-line.ts';
import { createTelemetry } from './telemetry.ts';

/** `weir start`: reads the configuration, composes, runs until a signal or a defect. Returns the exit code. */
export async function run(env: NodeJS.ProcessEnv): Promise<number> {
  let config: Config;
  try {
    config = readConfig(env);
  } catch (error) {
    process.stderr.write(`weir: ${messageOf(error)}\n`);
    return exitCodeOf(error);
  }
  const isTTY = process.stdout.isTTY;
  const screen = new LiveScreen(process.stdout);
  const telemetry = createTelemetry({
    level: config.logLevel,
    pretty: config.logFormat === 'text',
    write: (line) => screen.log(line),
  });
  const { log } = telemetry;
  boundHeap();
  let lifecycle: Lifecycle | null = null;
  watchOutput(() => {
    screen.close();
    void lifecycle?.stop(EXIT.failed);
  });
  const onFatal = (error: unknown): void => {
    log.fatal({ err: error }, 'this cannot be mended while running: stopping');
    void lifecycle?.stop(EXIT.failed);
  };
  try {
    const { parts, stopOrder } = await compose(config, {
      version: version(),
      telemetry,
      screen,
      isTTY,
      onFatal,
    });
    lifecycle = new Lifecycle(parts, { log, graceMs: config.stopGraceMs, stopOrder });
    lifecycle.listen();
    if (screen.isClosed) void lifecycle.stop(EXIT.failed);
    await lifecycle.start();
    return await lifecycle.ended;
  } catch (error) {
    process.stderr.write(`weir: ${messageOf(error)}\n`);
    log.debug({ err: error }, 'start failed');
    return exitCodeOf(error);
  }
}

/**
 * Lets the heap grow to twice what is in use before it is collected, not to three or four times: a worker that keeps a million
 * lines holds 1.1 instead of 1.5 GB, at no cost that could be measured (load-tests/README.md, Memory). The collector reads
 * this with each cycle, so it may be set while the program runs.
 */
function boundHeap(): void {
  setFlagsFromString('--heap-growing-percent=100');
}

/**
 * `closed` is called when nobody reads the standard output any more (`weir start | head`). Without a listener each line would be an
 * exception that nobody caught, which is logged, and so on without end. A line that a full disk does not take is only lost.
 */
function watchOutput(closed: () => void): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') closed();
  });
  // There is nobody left to tell.
  process.stderr.on('error', () => undefined);
}

/** Version of this program, from package.json. */
export function version(): string {
  // dist/pipeline/main.js lies one folder deeper than pipeline/main.ts.
  for (const path of ['../package.json', '../../package.json']) {
    const text = readPackage(new URL(path, import.meta.url));
    if (text !== null) return (JSON.parse(text) as { version: string }).version;
  }
  return 'unknown';
}

function readPackage(url: URL): string | null {
  try {
    return readFileSync(url, 'utf8');
  } catch {
    // Not at this depth.
    return null;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

if (
  process.argv[1] !== undefined &&
  import.meta.url.endsWith(process.argv[1].replace(/^.*\/pipeline\//, '/pipeline/'))
) {
  // Exits explicitly: a native library's thread must not keep a stopped program alive.
  process.exit(await run(process.env));
}
