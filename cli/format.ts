import type {
  ActionView,
  BytesView,
  OverviewView,
  RunningCycleView,
  SubscriberView,
} from '../schemas/views.ts';

/** An overview for a terminal. */
export function overviewText(view: OverviewView): string {
  const outcomes = Object.entries(view.outcomes).filter(([, count]) => count > 0);
  const actions = Object.entries(view.actions).filter(([, count]) => count > 0);
  return lines([
    `Weir ${view.version}, up since ${view.startedAt}`,
    `records      ${view.recordsPerSecond.toFixed(1)}/s; ${pairs(outcomes)}`,
    `subscribers  ${view.subscribers}, ${view.throttledSubscribers} throttled; ${view.openSessions} open sessions`,
    `actions      ${pairs(actions)}`,
    `analytics    ${view.flush.backlogRows} rows waiting, ${view.flush.lagSeconds.toFixed(1)} s`,
    `lag          ${view.lag} entries`,
    ...view.partitions.map(
      ({ partition, position, lag, watermark, status, reason }) =>
        `  partition ${partition}: ${status}, position ${position}, lag ${lag}, event time ${watermark ?? '-'}` +
        (reason === null ? '' : `: ${reason}`),
    ),
    'recent actions',
    ...actionLines(view.recentActions),
  ]);
}

/** One subscriber for a terminal. */
export function subscriberText(view: SubscriberView): string {
  const { plan, cycle, speed } = view;
  const capBytes = plan?.capBytes ?? null;
  const cap = capBytes === null ? 'no cap' : `cap ${gigabytes(capBytes)}`;
  return lines([
    `subscriber   ${view.subscriberId}${view.userName === null ? '' : ` (${view.userName})`}`,
    `plan         ${plan === null ? 'none' : `${plan.planId}, ${cap}, ${megabits(plan)}`}`,
    `speed        ${megabits(speed)}: ${speed.reason}`,
    cycle === null
      ? 'cycle        nothing used yet'
      : `cycle        ${cycle.start} to ${cycle.end}: ${usage(cycle)}` +
        (cycle.capUsedPercent === null ? '' : `, ${cycle.capUsedPercent.toFixed(1)} % of the cap`),
    ...(cycle === null ? [] : allowanceLines(cycle)),
    ...view.previousCycles.map((past) => `  before     ${past.start} to ${past.end}: ${usage(past)}`),
    'open sessions',
    ...orNone(
      view.sessions.map(
        (session) =>
          `  ${session.nasId} ${session.sessionId} ${session.framedIp ?? '-'} since ${session.start}: ${usage(session)}`,
      ),
    ),
    'last hour',
    ...orNone(
      view.windows.map(
        (window) => `  ${window.start} ${window.nasId} ${window.serviceClass}: ${usage(window)}`,
      ),
    ),
    'actions',
    ...actionLines(view.actions),
  ]);
}

function allowanceLines({
  allowanceBytes,
  topUpRemainingBytes,
  countedBytes,
  parts,
}: RunningCycleView): string[] {
  const left = topUpRemainingBytes === '0' ? '' : `, ${gigabytes(topUpRemainingBytes)} of top-ups left`;
  return [
    ...(allowanceBytes === null
      ? []
      : [`  counted    ${gigabytes(countedBytes)} of ${gigabytes(allowanceBytes)}${left}`]),
    ...parts.map(
      (part) =>
        `  part       ${part.from} to ${part.to}: ${part.planId ?? 'no plan'}` +
        `${part.unlimited ? ', unlimited' : ''}: ${usage(part)}`,
    ),
  ];
}

function actionLines(actions: readonly ActionView[]): string[] {
  return orNone(
    actions.map(
      ({ decidedAt, kind, subscriberId, policyId, rule, state, detail, desired }) =>
        `  ${decidedAt} ${kind} ${subscriberId} to ${megabits(desired)} by ${policyId}/${rule}: ${state}` +
        (detail === '' ? '' : ` (${detail})`),
    ),
  );
}

function orNone(list: string[]): string[] {
  return list.length === 0 ? ['  none'] : list;
}

function pairs(entries: readonly [string, number][]): string {
  return entries.length === 0 ? 'none' : entries.map(([name, count]) => `${count} ${name}`).join(', ');
}

function usage({ downBytes, upBytes }: BytesView): string {
  return `${gigabytes(downBytes)} down, ${gigabytes(upBytes)} up`;
}

/** Exact to the megabyte, whatever the size: octets may exceed what a number holds. */
function gigabytes(octets: string): string {
  const megabytes = BigInt(octets) / 1_000_000n;
  return `${megabytes / 1000n}.${String(megabytes % 1000n).padStart(3, '0')} GB`;
}

function megabits({ downBps, upBps }: { downBps: number; upBps: number }): string {
  return `${downBps / 1_000_000}/${upBps / 1_000_000} Mbit/s`;
}

/** One string; control characters that a record may have carried must not reach the terminal. */
export function lines(list: readonly string[]): string {
  // eslint-disable-next-line no-control-regex -- they are what is taken out
  return `${list.map((line) => line.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')).join('\n')}\n`;
}

/** Columns as wide as their widest text; the last one is free. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((text, column) => (widths[column] = Math.max(widths[column] ?? 0, text.length)));
  return rows.map((row) =>
    row
      .map((text, column) => (column === row.length - 1 ? text : text.padEnd(widths[column] ?? 0)))
      .join('  '),
  );
}
