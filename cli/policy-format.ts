import type {
  PolicyDetailView,
  PolicyFindingView,
  PolicyInForceView,
  PolicyListView,
  PolicyPublishedView,
  PolicyView,
  ShadowReportView,
  ShadowSampleView,
} from '../schemas/policy-views.ts';
import { lines, table } from './format.ts';

/** Policies as a table, with what is not as it should be below. */
export function policyListText(list: PolicyListView): string {
  const rows = list.policies.flatMap((policy) => [
    ...[policy.base, policy.candidate].flatMap((one) =>
      one === null ? [] : [inForceRow(policy, one, list.partitions)],
    ),
    ...(policy.base === null && policy.candidate === null
      ? [[policy.id, 'not in force', '', '', '', '', headline(policy.description)]]
      : []),
  ]);
  if (rows.length === 0) return lines(['no policies yet: weir policy publish FILE', ...faultLines(list)]);
  const head = ['policy', 'mode', 'version', 'since', 'by', 'partitions', ''];
  return lines([...table([head, ...rows]), ...faultLines(list)]);
}

function inForceRow({ id, description }: PolicyView, one: PolicyInForceView, partitions: number): string[] {
  const on = `${one.partitions} of ${partitions}`;
  return [id, modeText(one), short(one.version), one.publishedAt, byText(one), on, headline(description)];
}

/** What workers run and what was refused, for those who watch. */
export function policyStatusText(list: PolicyListView): string {
  const settled = list.policies.filter(({ elsewhere }) => elsewhere === 0).length;
  return lines([
    `partitions   ${list.reporting} of ${list.partitions} say what they run`,
    `policies     ${list.policies.length}, ${settled} everywhere as published`,
    ...list.policies
      .filter(({ elsewhere }) => elsewhere > 0)
      .map(
        ({ id, elsewhere }) => `  ${id}: ${elsewhere} of ${list.partitions} partitions run something else`,
      ),
    ...list.policies
      .filter(({ waiting }) => waiting > 0)
      .map(
        ({ id, waiting }) =>
          `  ${id}: ${waiting} of ${list.partitions} partitions leave out some of its rules until weir upgrade-state`,
      ),
    ...list.policies
      .filter(({ folderVersion }) => folderVersion !== null)
      .map(
        ({ id, folderVersion }) =>
          `  ${id}: the folder has ${short(folderVersion ?? '')}, which is not in force`,
      ),
    ...faultLines(list),
  ]);
}

function faultLines({ refused }: PolicyListView): string[] {
  return refused.flatMap(({ file, faults }) => [
    `refused: ${file}; what was in force stays`,
    ...faults.map((fault) => `  ${fault}`),
  ]);
}

/** One policy with its history. */
export function policyText(policy: PolicyDetailView): string {
  const side = (name: string, one: PolicyInForceView | null): string =>
    `${name.padEnd(12)} ` +
    (one === null
      ? 'none'
      : `${modeText(one)}, ${short(one.version)} since ${one.publishedAt} by ${byText(one)}, ` +
        `on ${one.partitions} of ${policy.ofPartitions} partitions${commentText(one.comment)}`);
  return lines([
    `policy       ${policy.id}: ${policy.description}`,
    side('base', policy.base),
    side('candidate', policy.candidate),
    ...(policy.newest === null ? [] : [`newest       ${short(policy.newest)}, not in force`]),
    ...(policy.folderVersion === null
      ? []
      : [`folder       has ${short(policy.folderVersion)}, not in force`]),
    ...policy.faults.map((fault) => `fault        ${fault}`),
    'versions',
    ...table(
      policy.versions.map((one) => [
        `  ${one.version}`,
        modeText(one),
        one.storedAt,
        byText(one),
        `${one.description}${commentText(one.comment)}`,
      ]),
    ),
    'changes',
    ...table(
      policy.changes.map(({ at, kind, base, candidate, comment, ...author }) => [
        `  ${at}`,
        kind,
        `base ${base === null ? 'none' : short(base)}`,
        `candidate ${candidate === null ? 'none' : short(candidate)}`,
        `${byText(author)}${commentText(comment)}`,
      ]),
    ),
  ]);
}

/** What checking found: one line a finding, as compilers print them. */
export function findingsText(findings: readonly PolicyFindingView[]): string {
  if (findings.length === 0) return '';
  return lines(
    findings.map(
      ({ file, line, column, severity, code, message }) =>
        `${file}:${line}:${column}: ${severity} ${code}: ${message}`,
    ),
  );
}

/** What a change did. */
export function publishedText({
  id,
  changed,
  base,
  candidate,
  actsOn,
  subscribers,
}: PolicyPublishedView): string {
  const now = `${id}: base ${base === null ? 'none' : short(base)}, candidate ${candidate === null ? 'none' : short(candidate)}`;
  const acts = actsOn === null ? [] : [`it acts on about ${actsOn} of ${subscribers} subscribers at once`];
  if (!changed) return lines([`${now}: it was so already`]);
  return lines([now, ...acts, 'on its way to the partitions: weir policy status']);
}

/** What a shadow decided beside what the same policy did live. */
export function shadowReportText(report: ShadowReportView): string {
  const counts = (side: ShadowReportView['shadow']): string =>
    side.length === 0
      ? 'nothing'
      : side
          .map(({ kind, decisions, subscribers }) => `${decisions} ${kind} (${subscribers} subscribers)`)
          .join(', ');
  return lines([
    `policy       ${report.id}, since ${report.since}`,
    `shadow       ${counts(report.shadow)}`,
    `live         ${counts(report.live)}`,
    `the same     ${report.same} subscribers`,
    `gained       ${report.gained}: only the shadow acts on them; ${report.gainedHeld} of them are held by another policy or a hold`,
    `lost         ${report.lost}: only the live policy acts on them`,
    'by plan',
    ...table([
      ['  plan', 'same', 'gained', 'lost'],
      ...report.byPlan.map(({ planId, same, gained, lost }) => [
        `  ${planId ?? 'not known'}`,
        ...[same, gained, lost].map(String),
      ]),
    ]),
    ...samples('gained, for example', report.gainedSamples),
    ...samples('lost, for example', report.lostSamples),
  ]);
}

function samples(title: string, list: readonly ShadowSampleView[]): string[] {
  if (list.length === 0) return [];
  return [
    title,
    ...list.flatMap(({ subscriberId, planId, rule, kind, decidedAt, explanation }) => [
      `  ${subscriberId} (${planId ?? 'plan not known'}): ${kind ?? 'its rule is gone'} by ${rule} at ${decidedAt}`,
      ...explanation.map(
        ({ fact, operator, expected, actual, result }) =>
          `    ${result ? 'true ' : 'false'} ${fact} ${operator} ${JSON.stringify(expected)}: ${JSON.stringify(actual)}`,
      ),
    ]),
  ];
}

/** The first sentence, as far as a line of a table has room. */
function headline(description: string): string {
  const [first = ''] = description.split(/[.\n]/);
  return first.length > 60 ? `${first.slice(0, 59)}…` : first;
}

function modeText({ mode, percent }: { mode: string; percent: number | null }): string {
  return percent === null ? mode : `${percent} %`;
}

function byText({ by, source }: { by: string | null; source: string | null }): string {
  if (by === null) return source ?? 'not known';
  return source === null || source === by ? by : `${by} (${source})`;
}

function commentText(comment: string): string {
  return comment === '' ? '' : `: ${comment}`;
}

/** Enough of a version for people. */
function short(version: string): string {
  return version.slice(0, 12);
}
