import { setTimeout as pause } from 'node:timers/promises';
import type { ImportView } from '../schemas/import-views.ts';
import type { SubscriberView } from '../schemas/views.ts';

const LOOK_MS = 100;
/** Between two looks at whether a change is folded. */
const FOLDED_LOOK_MS = 10;
/** A change that is not folded by then fails the run. */
const LONGEST_CHANGE_MS = 120_000;

/** Where the program answers, and a key of its admin. */
export interface ApiAccess {
  url: string;
  key: string;
}

/** Of one file: seconds of the parts, one after the other. */
export interface ImportTimes {
  /** until the file was sent, read to its end, staged and checked */
  checkSeconds: number;
  /** until every chunk was committed */
  applySeconds: number;
}

/** One request; throws with what was answered where it is refused. */
export async function ask<T>(
  { url, key }: ApiAccess,
  method: string,
  path: string,
  body?: unknown,
  idempotencyKey?: string,
): Promise<T> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${String(response.status)} ${text}`);
  return JSON.parse(text) as T;
}

/** Sends a file as it is made, and waits until it is in. Throws where it is refused or stops. */
export async function bringIn(
  access: ApiAccess,
  kind: ImportView['kind'],
  pieces: Iterable<string>,
): Promise<ImportTimes> {
  const begin = performance.now();
  const response = await fetch(`${access.url}/v1/imports?kind=${kind}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access.key}`, 'content-type': 'text/csv' },
    body: ReadableStream.from(encoded(pieces)),
    duplex: 'half',
  } as RequestInit);
  if (!response.ok) throw new Error(`the import of ${kind}: ${await response.text()}`);
  let view = (await response.json()) as ImportView;
  const read = performance.now();
  while (view.state === 'applying') {
    await pause(LOOK_MS);
    view = await ask<ImportView>(access, 'GET', `/v1/imports/${view.importId}`);
  }
  if (view.state !== 'done') {
    const faults = await ask(access, 'GET', `/v1/imports/${view.importId}/faults?limit=3`);
    throw new Error(`the import of ${kind} is ${view.state}: ${JSON.stringify({ view, faults })}`);
  }
  const done = performance.now();
  return { checkSeconds: (read - begin) / 1000, applySeconds: (done - read) / 1000 };
}

function* encoded(pieces: Iterable<string>): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (const piece of pieces) yield encoder.encode(piece);
}

/** Gives a subscriber another plan; ms from the request until it was answered, and until a worker had folded it. */
export async function changePlan(
  access: ApiAccess,
  subscriberId: string,
  planId: string,
  idempotencyKey: string,
): Promise<{ answeredMs: number; foldedMs: number }> {
  const begin = performance.now();
  const path = `/v1/subscribers/${subscriberId}`;
  await ask(access, 'POST', `${path}/assignments`, { planId, at: 'now' }, idempotencyKey);
  const answeredMs = performance.now() - begin;
  for (;;) {
    const { plan } = await ask<SubscriberView>(access, 'GET', path);
    const foldedMs = performance.now() - begin;
    if (plan?.planId === planId) return { answeredMs, foldedMs };
    if (foldedMs > LONGEST_CHANGE_MS) throw new Error(`the plan of ${subscriberId} was not folded in time`);
    await pause(FOLDED_LOOK_MS);
  }
}
