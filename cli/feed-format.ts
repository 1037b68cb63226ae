import type {
  FeedHourView,
  FeedProfilesView,
  FeedProfileView,
  FeedsView,
  FeedSummaryView,
  NasProfilesView,
  TakenView,
} from '../schemas/feed-views.ts';
import type { NasProfile } from '../schemas/profile.ts';
import { defaultNasProfile } from '../schemas/profile.ts';
import { lines, table } from './format.ts';

/** Feed quality as a table: a line a NAS, or a line an hour and NAS. */
export function feedsText(view: FeedsView, byHour: boolean): string {
  const rows = byHour ? hourRows(view.hours) : summaryRows(view.nas);
  return lines([
    `feeds from ${view.from} to ${view.to}`,
    ...(rows.length > 1 ? table(rows) : ['  no record of any NAS']),
    ...(view.truncated
      ? ['there is more than is listed: ask for less time (--from, --to) or one NAS (--nas)']
      : []),
  ]);
}

function summaryRows(nas: readonly FeedSummaryView[]): string[][] {
  const head = [
    'nas',
    'records',
    'duplicates',
    'dead letters',
    'missing stops',
    ...SKEW_HEAD,
    'sessions',
    'last hour',
  ];
  const rows = nas.map((view) => [
    nameOf(view.nasId),
    String(view.records),
    percent(view.duplicateShare),
    String(view.deadLetters),
    String(view.missingStops),
    ...skewColumns(view),
    String(view.openSessions),
    view.lastHour + mark(view),
  ]);
  return [head, ...rows];
}

function hourRows(hours: readonly FeedHourView[]): string[][] {
  const head = ['hour', 'nas', 'records', ...SKEW_HEAD, 'sessions', 'outcomes and flags'];
  const rows = hours.map((view) => [
    view.hour,
    nameOf(view.nasId),
    String(view.records),
    ...skewColumns(view),
    String(view.openSessions),
    [...counted(view.outcomes), ...counted(view.flags)].join(', ') + mark(view),
  ]);
  return [head, ...rows];
}

const SKEW_HEAD = ['skew', 'greatest', 'interim'];

function skewColumns(view: Pick<FeedHourView, 'skewMedianMs' | 'skewMaxMs' | 'interimSeconds'>): string[] {
  const interim = view.interimSeconds;
  return [
    seconds(view.skewMedianMs),
    seconds(view.skewMaxMs),
    interim === null ? 'unknown' : interim === 0 ? 'none' : `${interim} s`,
  ];
}

function counted(counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`);
}

function mark({ notBillable }: { notBillable: boolean }): string {
  return notBillable ? '  NOT BILLABLE' : '';
}

function nameOf(nasId: string): string {
  return nasId === '' ? '(others)' : nasId;
}

/** Never 0 % where there is any. */
function percent(share: number): string {
  return share > 0 && share < 0.0005 ? '<0.1 %' : `${(share * 100).toFixed(1)} %`;
}

function seconds(ms: number): string {
  // Not -0.0.
  return `${(Math.round(ms / 100) / 10 || 0).toFixed(1)} s`;
}

/** Profiles, each as what sets it apart from a NAS that nobody described. */
export function nasText({ profiles }: NasProfilesView): string {
  if (profiles.length === 0) return lines(['none: every NAS is read as by default']);
  return lines(table(profiles.map((profile) => [profile.nasId, differences(profile)])));
}

/** One profile likewise. */
export function nasProfileText(profile: NasProfile): string {
  return lines([`${profile.nasId}  ${differences(profile)}`]);
}

function differences(profile: NasProfile): string {
  const usual = new Map<string, unknown>(Object.entries(defaultNasProfile(profile.nasId)));
  const told = Object.entries(profile).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(usual.get(name)),
  );
  if (told.length === 0) return 'as by default';
  return told
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}

/** Feeds with a time from which on they count. */
export function feedProfilesText({ profiles }: FeedProfilesView): string {
  if (profiles.length === 0) return lines(['none: everything of every feed is charged']);
  return lines(profiles.map(feedLine));
}

/** One of them. */
export function feedProfileText(profile: FeedProfileView): string {
  return lines([feedLine(profile)]);
}

function feedLine({ feedId, countFrom }: FeedProfileView): string {
  const name = feedId === '' ? '(records without a feed id)' : feedId;
  return `${name}  ${countFrom === null ? 'everything is charged' : `sessions count from ${countFrom}`}`;
}

/** A change that is on its way. */
export function takenText({ of, change, by }: TakenView, look: string): string {
  return lines([`taken: ${change} of ${of} by ${by}; it takes effect within seconds: ${look}`]);
}
