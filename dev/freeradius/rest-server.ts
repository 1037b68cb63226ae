import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePackages, programPath } from '../debian-packages.ts';
import { freePort } from '../processes/ports.ts';
import type { RunningServer, ServerGroup } from '../processes/server-group.ts';
import { fillIn } from './configuration.ts';
import { freeradiusRequirements } from './server.ts';
import { answersStatus } from './status-request.ts';

/** What a documentation page tells people to put into FreeRADIUS's configuration. */
export interface RestSnippets {
  /** mods-enabled */
  module: string;
  /** in the server section */
  site: string;
}

/** A FreeRADIUS that passes accounting on by rlm_rest. */
export interface RestRadius {
  acctPort: number;
  secret: string;
  server: RunningServer;
}

/**
 * A FreeRADIUS of its own on loopback, always native: it must reach an HTTP server of the test on this machine.
 *
 * @param env what the snippets read by $ENV{...}, and TZ
 * @throws Error with the end of its log when it does not answer Status-Server within 20 s
 */
export async function startRestRadius(
  group: ServerGroup,
  snippets: RestSnippets,
  env: Readonly<Record<string, string>>,
): Promise<RestRadius> {
  await ensurePackages(freeradiusRequirements);
  const dir = await group.folder('freeradius-rest');
  const secret = randomBytes(12).toString('base64url');
  const acctPort = await freePort();
  const template = await readFile(new URL('rest.conf', import.meta.url), 'utf8');
  const values = new Map([
    ['DIR', dir],
    ['LIB', '/usr/lib/freeradius'],
    ['SECRET', secret],
    ['ACCT_PORT', String(acctPort)],
    ['MODULE', snippets.module],
    ['SITE', snippets.site],
  ]);
  await writeFile(join(dir, 'radiusd.conf'), fillIn(template, values), { mode: 0o600 });
  await writeFile(join(dir, 'dictionary'), '$INCLUDE /usr/share/freeradius/dictionary\n');
  const server = await group.start({
    name: 'freeradius-rest',
    command: await programPath('freeradius'),
    args: ['-f', '-d', dir, '-l', 'stdout'],
    env: { ...process.env, ...env },
    ready: () => answersStatus(acctPort, secret),
    readyTimeoutMs: 20_000,
  });
  return { acctPort, secret, server };
}
