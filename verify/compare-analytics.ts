import type { Analytics, SessionRow, UsageLateRow, UsageWindowRow } from '../storage/analytics-ports.ts';
import type { Amount } from './amount.ts';
import { isNothing } from './amount.ts';
import { knownFromMs } from './check.ts';
import type { Findings, Part, Scope } from './check.ts';
import { NOTHING, bytesText, keyText, timeText } from './difference.ts';
import type { ExpectedWindow } from './expected.ts';
import type { LedgerRow, StoredWindow } from './readers.ts';

type Parts = ReadonlyMap<number, Part>;

/** Every window row of analytics against the log, version by version, and what is missing. */
export async function compareWindows(
  parts: Parts,
  analytics: Pick<Analytics, 'allWindows'>,
  scope: Scope,
  findings: Findings,
): Promise<void> {
  const seen = new Map<number, Set<string>>([...parts.keys()].map((partition) => [partition, new Set()]));
  for await (const rows of analytics.allWindows(scope.onlySubscriber ?? undefined)) {
    for (const row of rows) {
      const part = parts.get(row.partition);
      if (part === undefined) continue;
      seen
        .get(row.partition)
        ?.add(windowKey(row.subscriberId, row.windowStartMs, row.serviceClass, row.nasId));
      compareWindow(part, asStored(row), scope, 'window', findings);
    }
  }
  for (const part of parts.values()) {
    for (const [key, window] of part.run.expected.windows) {
      const [subscriberId, startMs] = JSON.parse(key) as [string, number];
      if (seen.get(part.partition)?.has(key) === true || isNothing(window)) continue;
      if (startMs < knownFromMs(part, subscriberId, scope) || !isDue(part, versionsOf(part, key))) continue;
      findings.put('waiting', 'window', part.partition, windowText(key), bytesText(window), NOTHING);
    }
  }
}

/** A row of a window as it is stored somewhere. */
export function compareWindow(
  part: Part,
  row: StoredWindow,
  scope: Scope,
  kind: 'window' | 'held-window',
  findings: Findings,
): void {
  const { partition, run, fromOffset } = part;
  const key = windowKey(row.subscriberId, row.startMs, row.serviceClass, row.nasId);
  if (scope.onlySubscriber !== null && row.subscriberId !== scope.onlySubscriber) return;
  if (row.startMs < knownFromMs(part, row.subscriberId, scope)) return;
  findings.compared += 1;
  const found = bytesText(exact(row));
  const known = versionsOf(part, key);
  const put = (to: 'wrong' | 'waiting', expected: string): void =>
    findings.put(to, kind, partition, windowText(key), expected, `${found} (version ${row.version})`);
  if (row.version > run.position)
    return findings.putAhead(kind, partition, windowText(key), found, row.version - 1);
  const same = known.find(({ version }) => version === row.version);
  const newest = known.at(-1);
  if (newest === undefined) {
    if (row.version > fromOffset) put('wrong', NOTHING);
  } else if (same === undefined) {
    const isOlder = row.version < (known[0]?.version ?? 0);
    put(isOlder ? 'waiting' : 'wrong', `${bytesText(newest)} (version ${newest.version})`);
  } else if (bytesText(same) !== found) put('wrong', `${bytesText(same)} (version ${same.version})`);
  else if (known.some(({ version }) => version > row.version && version <= part.settled))
    put('waiting', `${bytesText(newest)} (version ${newest.version})`);
}

export async function compareLate(
  parts: Parts,
  analytics: Pick<Analytics, 'allLate'>,
  scope: Scope,
  findings: Findings,
): Promise<void> {
  const missing = new Map<number, Map<string, Amount>>();
  for (const [partition, { run }] of parts) missing.set(partition, new Map(run.expected.late));
  for await (const rows of analytics.allLate(scope.onlySubscriber ?? undefined)) {
    for (const row of rows) {
      const part = parts.get(row.partition);
      if (part === undefined || row.fromMs < knownFromMs(part, row.subscriberId, scope)) continue;
      findings.compared += 1;
      const key = lateKey(row);
      const wanted = part.run.expected.late.get(key);
      missing.get(row.partition)?.delete(key);
      const [a, b] = [bytesText(wanted), bytesText({ down: BigInt(row.downBytes), up: BigInt(row.upBytes) })];
      if (a === b || row.offset < part.fromOffset) continue;
      if (row.offset >= part.run.position)
        findings.putAhead('late-row', row.partition, keyText(key), b, row.offset);
      else findings.put('wrong', 'late-row', row.partition, keyText(key), a, b);
    }
  }
  for (const [partition, rows] of missing) {
    const part = parts.get(partition);
    for (const [key, amount] of rows) {
      const [offset, subscriberId, fromMs] = JSON.parse(key) as [number, string, number];
      if (part === undefined || offset >= part.settled) continue;
      if (fromMs < knownFromMs(part, subscriberId, scope)) continue;
      findings.put('waiting', 'late-row', partition, keyText(key), bytesText(amount), NOTHING);
    }
  }
}

export async function compareSessionRows(
  parts: Parts,
  analytics: Pick<Analytics, 'allSessions'>,
  scope: Scope,
  findings: Findings,
): Promise<void> {
  const seen = new Map<number, Set<string>>([...parts.keys()].map((partition) => [partition, new Set()]));
  const text = (endMs: number, amount: Amount, cause: string): string =>
    `${bytesText(amount)}, ended ${timeText(endMs)} by ${cause === '' ? 'a Stop' : cause}`;
  const isOf = (part: Part, subscriberId: string, startMs: number, endMs: number): boolean =>
    endMs >= scope.sinceMs && startMs >= knownFromMs(part, subscriberId, { ...scope, sinceMs: 0 });
  for await (const rows of analytics.allSessions(scope.onlySubscriber ?? undefined)) {
    for (const row of rows) {
      const part = parts.get(row.partition);
      if (part === undefined || !isOf(part, row.subscriberId, row.startMs, row.endMs)) continue;
      findings.compared += 1;
      const key = sessionKey(row);
      seen.get(row.partition)?.add(key);
      const wanted = part.run.expected.sessionEnds.get(key);
      if (wanted === undefined && row.version <= part.fromOffset) continue;
      const expected = wanted === undefined ? NOTHING : text(wanted.endMs, wanted, wanted.cause);
      const amount = { down: BigInt(row.downBytes), up: BigInt(row.upBytes) };
      const found = text(row.endMs, amount, row.terminateCause);
      if (expected === found) continue;
      if (row.version > part.run.position) {
        findings.putAhead('session-row', row.partition, keyText(key), found, row.version - 1);
        continue;
      }
      const to = wanted !== undefined && wanted.version > row.version ? 'waiting' : 'wrong';
      findings.put(to, 'session-row', row.partition, keyText(key), expected, found);
    }
  }
  for (const part of parts.values()) {
    for (const [key, end] of part.run.expected.sessionEnds) {
      const [subscriberId, , , startMs] = JSON.parse(key) as [string, string, string, number];
      if (seen.get(part.partition)?.has(key) === true || end.version > part.settled) continue;
      if (!isOf(part, subscriberId, startMs, end.endMs)) continue;
      const expected = text(end.endMs, end, end.cause);
      findings.put('waiting', 'session-row', part.partition, keyText(key), expected, NOTHING);
    }
  }
}

/** Every action of the ledger is a row of analytics, and no other is. */
export async function compareActionRows(
  parts: Parts,
  analytics: Pick<Analytics, 'allActions'>,
  ledger: ReadonlyMap<string, LedgerRow>,
  scope: Scope,
  findings: Findings,
): Promise<void> {
  const missing = new Map(ledger);
  for await (const rows of analytics.allActions(scope.onlySubscriber ?? undefined)) {
    for (const row of rows) {
      const action = ledger.get(row.actionId);
      missing.delete(row.actionId);
      findings.compared += 1;
      const found = `${row.kind} of ${row.subscriberId} by ${row.policyId}/${row.rule}, ordinal ${row.ordinal}`;
      const expected = action === undefined ? NOTHING : actionText(action);
      const part = parts.get(row.partition);
      if (found === expected || part === undefined) continue;
      // The ledger may have taken it in while analytics was read.
      const isNew = action === undefined && row.offset >= part.run.position;
      if (isNew) findings.putAhead('action-row', row.partition, row.actionId, found, row.offset);
      else findings.put('wrong', 'action-row', row.partition, row.actionId, expected, found);
    }
  }
  for (const [id, action] of missing) {
    const part = parts.get(action.partition);
    if (part !== undefined && action.offset < part.settled)
      findings.put('waiting', 'action-row', action.partition, id, actionText(action), NOTHING);
  }
}

export function actionText({ kind, subscriberId, policyId, rule, ordinal }: LedgerRow): string {
  return `${kind} of ${subscriberId} by ${policyId}/${rule}, ordinal ${ordinal}`;
}

/** Versions that are remembered, oldest first. */
function versionsOf({ run }: Part, key: string): ExpectedWindow[] {
  const now = run.expected.windows.get(key);
  return run.expected.versions?.get(key) ?? (now === undefined ? [] : [now]);
}

function isDue({ settled }: Part, versions: readonly ExpectedWindow[]): boolean {
  return versions.some(({ version }) => version <= settled);
}

function asStored(row: UsageWindowRow): StoredWindow {
  const { subscriberId, windowStartMs: startMs, serviceClass, nasId, version, downBytes, upBytes } = row;
  return { subscriberId, startMs, serviceClass, nasId, version, down: downBytes, up: upBytes };
}

function exact({ down, up }: { down: number; up: number }): Amount {
  return { down: BigInt(down), up: BigInt(up) };
}

function windowKey(subscriberId: string, startMs: number, serviceClass: string, nasId: string): string {
  return JSON.stringify([subscriberId, startMs, serviceClass, nasId]);
}

function windowText(key: string): string {
  const [subscriberId, startMs, serviceClass, nasId] = JSON.parse(key) as [string, number, string, string];
  return `${subscriberId} ${timeText(startMs)} ${nasId} ${serviceClass}`.trimEnd();
}

function lateKey({ offset, subscriberId, fromMs, toMs, serviceClass, nasId }: UsageLateRow): string {
  return JSON.stringify([offset, subscriberId, fromMs, toMs, serviceClass, nasId]);
}

function sessionKey({ subscriberId, nasId, sessionId, startMs }: SessionRow): string {
  return JSON.stringify([subscriberId, nasId, sessionId, startMs]);
}
