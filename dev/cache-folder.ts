import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where what tests need besides npm packages is kept from run to run, by what it is and what it was made of. */
export function cacheFolder(of: string, hash: string): string {
  return join(userCache(), 'weir', of, hash);
}

function userCache(): string {
  const set = process.env['XDG_CACHE_HOME'];
  if (set !== undefined && set !== '') return set;
  return process.platform === 'darwin' ? join(homedir(), 'Library', 'Caches') : join(homedir(), '.cache');
}
