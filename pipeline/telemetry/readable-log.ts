const LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info ',
  40: 'WARN ',
  50: 'ERROR',
  60: 'FATAL',
};

/** Fields that say nothing on a screen, or what the message says already. */
const HIDDEN = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'err', 'live']);

/**
 * One JSON line of pino as a line for a person: `12:00:05 info  message  key=value`, local time.
 * An error adds its message; its stack comes on lines of its own from level error up. What is no JSON stays as it is.
 */
export function readableLine(json: string): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(json) as Record<string, unknown>;
  } catch {
    return json; // not pino's: shown as it came, since dropping a log line is worse than an ugly one
  }
  const level = Number(entry['level']);
  const time = new Date(Number(entry['time'])).toTimeString().slice(0, 8);
  const fields = Object.entries(entry)
    .filter(([name]) => !HIDDEN.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const message = typeof entry['msg'] === 'string' ? entry['msg'] : '';
  const line = [`${time} ${LEVELS[level] ?? ''} ${message}`, ...fields].join('  ');
  return `${line}${errorText(entry['err'], level)}\n`;
}

function errorText(err: unknown, level: number): string {
  if (typeof err !== 'object' || err === null) return '';
  const { message, stack, code } = err as Record<string, unknown>;
  const text = `: ${String(message)}${typeof code === 'string' ? ` (${code})` : ''}`;
  // An operating error says in its message what to do; only a defect needs its stack.
  const isDefect = level >= 50 && (err as Record<string, unknown>)['type'] !== 'AppError';
  return isDefect && typeof stack === 'string' ? `${text}\n${stack}` : text;
}
