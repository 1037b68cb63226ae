import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What differs between a native FreeRADIUS and one in a container. */
export interface RadiusSettings {
  /** The folder as FreeRADIUS sees it. */
  readonly dir: string;
  /** Where the package keeps mods-config and policy.d. */
  readonly system: string;
  /** Where the modules are. */
  readonly lib: string;
  readonly dictionary: string;
  readonly listen: string;
  /** Network that clients come from. */
  readonly clients: string;
  readonly secret: string;
  readonly authPort: number;
  readonly acctPort: number;
  readonly coaPort: number;
  /** URL of the database, as FreeRADIUS reaches it. */
  readonly databaseUrl: string;
}

/** Writes radiusd.conf and dictionary into a folder. @throws Error for a name in the template without a value */
export async function writeRadiusConfiguration(folder: string, settings: RadiusSettings): Promise<void> {
  const database = new URL(settings.databaseUrl);
  const values = new Map([
    ['DIR', settings.dir],
    ['SYSTEM', settings.system],
    ['LIB', settings.lib],
    ['LISTEN', settings.listen],
    ['CLIENTS', settings.clients],
    ['SECRET', settings.secret],
    ['AUTH_PORT', String(settings.authPort)],
    ['ACCT_PORT', String(settings.acctPort)],
    ['COA_PORT', String(settings.coaPort)],
    ['SQL_HOST', database.hostname],
    ['SQL_PORT', database.port],
    ['SQL_USER', database.username],
    ['SQL_PASSWORD', database.password],
    ['SQL_DATABASE', database.pathname.slice(1)],
  ]);
  const template = await readFile(new URL('radiusd.conf', import.meta.url), 'utf8');
  await writeFile(join(folder, 'radiusd.conf'), fillIn(template, values), { mode: 0o644 });
  await writeFile(join(folder, 'dictionary'), `$INCLUDE ${settings.dictionary}\n`, { mode: 0o644 });
}

/** Puts values for the @NAMES@ of a template, but in comments. @throws Error for a name without a value */
export function fillIn(template: string, values: ReadonlyMap<string, string>): string {
  const fill = (line: string): string =>
    line.replace(/@([A-Z_]+)@/g, (_, name: string) => {
      const value = values.get(name);
      if (value === undefined) throw new Error(`radiusd.conf: no value for @${name}@`);
      return value;
    });
  return template
    .split('\n')
    .map((line) => (line.startsWith('#') ? line : fill(line)))
    .join('\n');
}
