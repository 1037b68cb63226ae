/** What is wrong with a server for keeping state. */
export interface SafetyFaults {
  /** cannot work at all */
  unusable: string[];
  /** may lose state without telling; acceptable for development only */
  unsafe: string[];
}

const OLDEST_MAJOR = 6;

/**
 * Judges the text that INFO answers. INFO rather than CONFIG GET: managed servers often disable CONFIG.
 * Something that INFO does not tell counts as unsafe.
 */
export function judgeServer(info: string): SafetyFaults {
  const fields = new Map(
    info
      .split(/\r?\n/)
      .map((line) => line.split(':'))
      .map(([name = '', ...rest]) => [name, rest.join(':')]),
  );
  const version = fields.get('redis_version') ?? 'unknown';
  const policy = fields.get('maxmemory_policy') ?? 'unknown';
  const faults: SafetyFaults = { unusable: [], unsafe: [] };
  if (!(Number.parseInt(version, 10) >= OLDEST_MAJOR)) {
    faults.unusable.push(`version is ${version}; 6 or later is needed`);
  }
  if (policy !== 'noeviction') {
    faults.unsafe.push(`maxmemory-policy is ${policy}: it would delete state; set it to noeviction`);
  }
  if (fields.get('aof_enabled') !== '1') {
    faults.unsafe.push('appendonly is off: a restart would lose state; set it to yes');
  }
  return faults;
}
