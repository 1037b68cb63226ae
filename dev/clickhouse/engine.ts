import { Session } from 'chdb';
import type { RawInsertParams } from 'chdb';
import type { StatementRequest } from './http-request.ts';

/** What a statement gave: the bytes in the asked format, and the counts of X-ClickHouse-Summary. */
export interface StatementResult {
  readonly bytes: Uint8Array;
  readonly readRows: number;
  readonly readBytes: number;
  readonly writtenRows: number;
  readonly elapsedNs: number;
}

/** chDB on one folder, one statement at a time. */
export interface Engine {
  /** Waits its turn. @throws Error whose message is ClickHouse's, "Code: N. DB::Exception: ..." */
  execute(request: StatementRequest): Promise<StatementResult>;
  /** Waits for the statements in hand, then releases the folder. */
  close(): Promise<void>;
}

const NOTHING: StatementResult = {
  bytes: new Uint8Array(),
  readRows: 0,
  readBytes: 0,
  writtenRows: 0,
  elapsedNs: 0,
};

/**
 * Opens the folder; must be called in the main thread (in a worker thread chDB ends the process with a fault).
 *
 * Settings, parameters and the database stick to a chDB session, so each request gets a session of its own on
 * the same folder: about 1 ms, and nothing leaks from one request into the next. One session held open keeps
 * the engine, and with it the lock on the folder.
 *
 * @throws Error when another process holds the folder
 */
export function openEngine(path: string): Engine {
  const keeper = new Session(path);
  let last: Promise<unknown> = Promise.resolve();
  return {
    execute: (request) => {
      if (!request.hasWork) return Promise.resolve(NOTHING);
      const turn = last.then(() => execute(path, request));
      // The next in line waits for the end of this one, whatever it is; the caller gets the failure itself.
      last = turn.catch(() => undefined);
      return turn;
    },
    close: async () => {
      await last;
      keeper.close();
    },
  };
}

async function execute(path: string, request: StatementRequest): Promise<StatementResult> {
  const session = new Session(path);
  try {
    const prelude = preludeOf(request);
    if (prelude !== '') await session.queryAsync(prelude);
    const target = request.data.length > 0 ? plainInsert(request.sql) : undefined;
    if (target !== undefined) {
      const stored = await session.insert({ ...target, values: request.data });
      return { ...NOTHING, writtenRows: stored.rowsWritten, elapsedNs: nanoseconds(stored.elapsed) };
    }
    const sql = request.data.length > 0 ? `${request.sql}\n${request.data.toString('utf8')}` : request.sql;
    const result = await session.queryAsync(sql, { format: request.format });
    return {
      bytes: request.isInsert ? NOTHING.bytes : result.bytes(),
      readRows: result.rowsRead,
      readBytes: result.bytesRead,
      // chDB does not tell for an INSERT that is not plain.
      writtenRows: 0,
      elapsedNs: nanoseconds(result.elapsed),
    };
  } finally {
    session.close();
  }
}

const PLAIN_INSERT = /^\s*insert\s+into\s+([\w.]+)\s*(?:\(([\w\s,]+)\))?\s*format\s+(\w+)\s*$/i;

/** The formats whose bytes chDB takes as they are, without a copy into a JavaScript string. */
const BYTE_FORMATS = ['JSONCompactEachRow', 'JSONEachRow', 'CSV', 'CSVWithNames', 'TabSeparated'] as const;

/** Takes `INSERT INTO table (columns) FORMAT format` apart; undefined for every other statement. */
function plainInsert(sql: string): Pick<RawInsertParams, 'table' | 'columns' | 'format'> | undefined {
  const [, table, columns, name] = PLAIN_INSERT.exec(sql) ?? [];
  const format = BYTE_FORMATS.find((known) => known.toLowerCase() === name?.toLowerCase());
  if (table === undefined || format === undefined) return undefined;
  if (columns === undefined) return { table, format };
  return { table, format, columns: columns.split(',').map((column) => column.trim()) };
}

function nanoseconds(seconds: number): number {
  return Math.round(seconds * 1e9);
}

function preludeOf(request: StatementRequest): string {
  const statements: string[] = [];
  if (request.database !== undefined) statements.push(`USE ${identifier(request.database)}`);
  const values = [...request.parameters, ...request.settings].map(
    ([key, value]) => `${key} = ${literal(value)}`,
  );
  if (request.readonly) values.push('readonly = 2');
  if (values.length > 0) statements.push(`SET ${values.join(', ')}`);
  return statements.join('; ');
}

function identifier(name: string): string {
  return `\`${name.replace(/[\\`]/g, '\\$&')}\``;
}

function literal(value: string): string {
  return `'${value.replace(/[\\']/g, '\\$&')}'`;
}
