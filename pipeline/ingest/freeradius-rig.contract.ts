import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { RestRadius, RestSnippets } from '../../dev/freeradius/rest-server.ts';

/** radclient's words for an Accounting-Response. */
export const ACCEPTED = 'Received Accounting-Response';
export const NO_ANSWER = 'No reply from server';

/** What docs/feeds.md tells people to put into FreeRADIUS, as it stands there. */
export async function documentedSnippets(): Promise<RestSnippets> {
  const page = await readFile(new URL('../../docs/feeds.md', import.meta.url), 'utf8');
  const snippet = (name: string): string => {
    const match = new RegExp(`<!-- tried by [^>]*: ${name} -->\n\`\`\`text\n([^]*?)\n\`\`\``).exec(page);
    if (match?.[1] === undefined) throw new Error(`docs/feeds.md has no snippet "${name}"`);
    return match[1];
  };
  return { module: snippet('module'), site: snippet('site') };
}

/** Sends one accounting packet once by radclient. Returns what it printed, an answer or none. */
export async function sendPacket(
  { acctPort, secret }: RestRadius,
  attributes: Readonly<Record<string, string | number>>,
  waitSeconds = 10,
): Promise<string> {
  const args = ['-x', '-r', '1', '-t', String(waitSeconds), `127.0.0.1:${acctPort}`, 'acct', secret];
  const child = promisify(execFile)('radclient', args);
  const text = Object.entries(attributes).map(([name, value]) =>
    typeof value === 'number' || value.startsWith('0x') ? `${name}=${value}` : `${name}="${value}"`,
  );
  child.child.stdin?.end(`${text.join(',')}\n`);
  return child.then(
    (done) => done.stdout + done.stderr,
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
}
