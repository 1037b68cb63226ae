import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { readKeyFile } from '../api/admin-key.ts';
import type { Config } from '../pipeline/config.ts';
import { AppError, isAppError } from '../schemas/errors.ts';

const TIMEOUT_MS = 10_000;

/** Where the running process answers, and with which key to ask. */
export interface ApiTarget {
  /** `http://host:port` */
  url: string;
  keyFile: string;
}

/** The target that the configuration names, with what the command line says put over it. */
export function apiTarget(config: Config, given: { url?: string; keyFile?: string }): ApiTarget {
  return { url: given.url ?? urlOf(config.api), keyFile: given.keyFile ?? config.adminKeyFile };
}

/** A process that listens everywhere is asked on loopback. */
function urlOf({ host, port }: { host: string; port: number }): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * GET from the API of the running process.
 *
 * @param path begins with /
 * @throws AppError that says what to do: 'not-found' (no key file, or nothing there), 'unreachable', 'timeout',
 *   'unauthorised', 'forbidden', 'invalid-input'
 */
export async function getView<T>(target: ApiTarget, path: string, timeoutMs = TIMEOUT_MS): Promise<T> {
  return answered<T>(target, path, {}, timeoutMs);
}

/**
 * POST of JSON, or of nothing where the body is undefined. After 'timeout' or 'unreachable' what was asked may be done all the same.
 *
 * @param path begins with /
 * @throws AppError as getView
 */
export async function postView<T>(
  target: ApiTarget,
  path: string,
  body: unknown,
  timeoutMs = TIMEOUT_MS,
): Promise<T> {
  if (body === undefined) return answered<T>(target, path, { method: 'POST' }, timeoutMs);
  const headers = { 'content-type': 'application/json' };
  return answered<T>(target, path, { method: 'POST', headers, body: JSON.stringify(body) }, timeoutMs);
}

/** Waits before a request that is safe to repeat is sent again, ms; Weir may just be starting anew. */
const REPEATS_MS = [500, 2_000];

/**
 * POST of JSON that may charge somebody: once, however often it has to be sent. Where it may be done and no answer says so (a
 * time-out, a cut connection, an error of the server) it is sent again with its key.
 *
 * @param path begins with /
 * @param key of an earlier try, to be answered as that one; a new one if not given
 * @throws AppError as getView; where it may be done all the same the message tells the key
 */
export async function postOnce<T>(
  target: ApiTarget,
  path: string,
  body: unknown,
  key: string = randomUUID(),
): Promise<T> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const request = { method: 'POST', headers, body: JSON.stringify(body) };
  for (let tries = 0, mayBeDone = false; ; tries++) {
    try {
      return await answered<T>(target, path, request, TIMEOUT_MS);
    } catch (error) {
      mayBeDone ||= isUnknown(error);
      if (!mayBeDone || !isAppError(error, 'timeout', 'unreachable')) throw error;
      const waitMs = REPEATS_MS[tries];
      if (waitMs === undefined) throw untold(error, key);
      await setTimeout(waitMs);
    }
  }
}

/** It may be done: what is retriable was sent. */
function isUnknown(error: unknown): boolean {
  return isAppError(error, 'timeout') || (isAppError(error, 'unreachable') && error.retriable);
}

function untold(error: AppError, key: string): AppError {
  const how = `it may be done all the same: the same command with --idempotency-key ${key} does it once`;
  return new AppError(error.code, `${error.message}; ${how}`, { retriable: true, cause: error });
}

/**
 * POST of a file as it is read. After 'timeout' or 'unreachable' what was asked may be done all the same.
 *
 * @param type of its content
 * @throws AppError as getView
 */
export async function postFile<T>(
  target: ApiTarget,
  path: string,
  type: string,
  bytes: ReadableStream<Uint8Array>,
  timeoutMs: number,
): Promise<T> {
  const request: RequestInit & { headers: Record<string, string>; duplex: 'half' } = {
    method: 'POST',
    headers: { 'content-type': type },
    body: bytes,
    duplex: 'half',
  };
  return answered<T>(target, path, request, timeoutMs);
}

/** GET, with the revision that it shows for a change of it; null = it has none. */
export async function getTagged<T>(
  target: ApiTarget,
  path: string,
): Promise<{ view: T; etag: string | null }> {
  const answer = await ok(target, path, {}, TIMEOUT_MS);
  return { view: (await answer.json()) as T, etag: answer.headers.get('etag') };
}

/** GET of text, line by line; as getView. What is cut off before its end is an error of `fetch`. */
export async function getText(target: ApiTarget, path: string, timeoutMs: number): Promise<string> {
  return (await ok(target, path, {}, timeoutMs)).text();
}

/**
 * PUT of JSON, as postView. Idempotent.
 *
 * @param etag of what it replaces
 */
export async function putView<T>(
  target: ApiTarget,
  path: string,
  body: unknown,
  etag: string | null = null,
): Promise<T> {
  const headers = {
    'content-type': 'application/json',
    ...(etag === null ? {} : { 'if-match': etag }),
  };
  return answered<T>(target, path, { method: 'PUT', headers, body: JSON.stringify(body) }, TIMEOUT_MS);
}

/** PATCH of JSON over what `etag` says; as postView. */
export async function patchView<T>(
  target: ApiTarget,
  path: string,
  body: unknown,
  etag: string | null,
): Promise<T> {
  const headers = { 'content-type': 'application/json', 'if-match': etag ?? '*' };
  return answered<T>(target, path, { method: 'PATCH', headers, body: JSON.stringify(body) }, TIMEOUT_MS);
}

/** DELETE, as postView. Idempotent. */
export async function deleteView<T>(target: ApiTarget, path: string): Promise<T> {
  return answered<T>(target, path, { method: 'DELETE' }, TIMEOUT_MS);
}

async function answered<T>(...asked: Parameters<typeof ok>): Promise<T> {
  return (await (await ok(...asked)).json()) as T;
}

/** @throws AppError for any other answer */
async function ok(
  target: ApiTarget,
  path: string,
  request: RequestInit & { headers?: Record<string, string> },
  timeoutMs: number,
): Promise<Response> {
  const key = await keyOf(target);
  // By its name the API knows that a change came from the commands.
  const headers = { ...request.headers, authorization: `Bearer ${key}`, 'user-agent': 'weir-cli' };
  const answer = await ask(new URL(path, target.url), { ...request, headers }, timeoutMs);
  if (answer.ok) return answer;
  throw failure(answer.status, await detailOf(answer), target);
}

async function keyOf({ keyFile }: ApiTarget): Promise<string> {
  const key = await keyIn(keyFile);
  if (key !== null && key !== '') {
    // Anything else could not be sent as a header.
    if (/^[!-~]{1,200}$/.test(key)) return key;
    throw new AppError('invalid-input', `what ${keyFile} holds is no API key`);
  }
  throw new AppError(
    'not-found',
    `there is no API key in ${keyFile}: start Weir once in this folder (it makes one), ` +
      'or name another file by --key-file or WEIR_ADMIN_KEY_FILE',
  );
}

async function keyIn(file: string): Promise<string | null> {
  try {
    return await readKeyFile(file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('invalid-input', `cannot read the API key in ${file}: ${why}`, { cause });
  }
}

async function ask(url: URL, request: RequestInit, timeoutMs: number): Promise<Response> {
  try {
    return await fetch(url, {
      ...request,
      // A redirect would carry the key to somebody else.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') {
      throw new AppError('timeout', `${url.origin} did not answer within ${timeoutMs / 1000} s`, {
        cause: error,
      });
    }
    if (!NOT_SENT.has(codeOf(error)))
      throw new AppError('unreachable', `the connection to ${url.origin} was cut before the answer`, {
        retriable: true,
        cause: error,
      });
    throw new AppError(
      'unreachable',
      `nothing answers at ${url.origin}: start Weir (npm start), or set WEIR_API_HOST and WEIR_API_PORT or --url ` +
        'to where it listens',
      { cause: error },
    );
  }
}

/** Why nothing was sent, by the codes of Node and of its `fetch`. */
const NOT_SENT = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EADDRNOTAVAIL'],
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Of whatever caused it: `fetch` wraps it, and where a host has several addresses Node does once more. */
function codeOf(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if ('code' in cause && typeof cause.code === 'string') return cause.code;
  return '';
}

async function detailOf(answer: Response): Promise<string> {
  try {
    const { detail } = (await answer.json()) as { detail?: unknown };
    return typeof detail === 'string' ? detail : `status ${answer.status}`;
  } catch {
    // Not Weir's problem document: something else listens there.
    return `status ${answer.status}, not in Weir's words; does something else listen there?`;
  }
}

function failure(status: number, detail: string, { url, keyFile }: ApiTarget): AppError {
  if (status === 401) {
    const message = `the process at ${url} does not know the key in ${keyFile}: is it another data folder's?`;
    return new AppError('unauthorised', message);
  }
  if (status === 403) return new AppError('forbidden', `the key in ${keyFile} may not do this: ${detail}`);
  if (status === 404) return new AppError('not-found', detail);
  if (status === 409) return new AppError('conflict', detail);
  if (status === 412 || status === 428) return new AppError('precondition-failed', detail);
  if (status === 400 || status === 413 || status === 422) return new AppError('invalid-input', detail);
  // A fault of the server may come after the deed; what it refuses (429) it has not done.
  return new AppError('unreachable', `${url} could not answer: ${detail}`, { retriable: status >= 500 });
}
