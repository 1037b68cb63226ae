import type {
  ConditionView,
  ExplainView,
  FactView,
  PolicyPartView,
  RuleView,
  TimelineAction,
  TimelineEntry,
} from '../schemas/timeline-views.ts';
import { lines, table } from './format.ts';

/** An explanation for a terminal: what acts and why, what the network answered, rules, facts, and what happened before. */
export function explainText(view: ExplainView): string {
  const clock = clockOf(view.zone);
  return lines([
    ...head(view, clock),
    ...view.notes.flatMap((note) => ['', ...wrapped(`note: ${note}`, 100)]),
    '',
    'rules',
    ...orNone(view.policies.flatMap((policy) => policyLines(policy, clock))),
    '',
    `facts ${view.basis === 'stored' ? 'as policies see them' : 'added up anew for that time'}`,
    ...factLines(view.facts),
    '',
    `what happened, in the time of ${view.zone}`,
    ...orNone(timelineLines(view.timeline, clock)),
  ]);
}

/** An instant in a zone: `2025-01-31 13:00:05`. */
type Clock = (iso: string) => string;

function clockOf(zone: string): Clock {
  const format = formatOf(zone);
  return (iso) => {
    const parts = new Map(format.formatToParts(new Date(iso)).map(({ type, value }) => [type, value]));
    const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? '';
    return `${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')}:${part('second')}`;
  };
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const two = '2-digit';
  const shown = { year: 'numeric', month: two, day: two, hour: two, minute: two, second: two } as const;
  try {
    return new Intl.DateTimeFormat('en-GB', { ...shown, timeZone: zone, hourCycle: 'h23' });
  } catch {
    // RangeError: a zone that Weir knows and this Node does not.
    return new Intl.DateTimeFormat('en-GB', { ...shown, timeZone: 'UTC', hourCycle: 'h23' });
  }
}

function head(view: ExplainView, clock: Clock): string[] {
  const { lastChange, lastDecision, nextDue } = view;
  const named = [
    ['subscriber', view.subscriberId],
    [
      'time',
      `${clock(view.at)} ${view.zone}${view.basis === 'stored' ? ', the newest that has been read' : ''}`,
    ],
    ['line', `${desiredText(view)}: ${view.because}`],
    ...view.wishes.map(({ by, wants, wins }) => ['', `${wins ? 'acts' : 'also'}  ${by}: ${wants}`]),
    ['network', lastChange === null ? 'it was never told anything' : answerText(lastChange, clock)],
    ...(lastDecision === null || lastDecision.id === lastChange?.id
      ? []
      : [['decided', `${clock(lastDecision.at)} ${actionText(lastDecision)}: ${lastDecision.state}`]]),
    ...(view.basis === 'stored'
      ? [
          [
            'next',
            nextDue === null ? 'nothing changes by itself' : `${clock(nextDue)} at the latest, without usage`,
          ],
        ]
      : []),
  ];
  return table(named);
}

function desiredText({ desired }: ExplainView): string {
  const speed = `${String(desired.downBps / 1e6)}/${String(desired.upBps / 1e6)} Mbit/s`;
  const profile = desired.profile === null ? '' : ` (${desired.profile})`;
  return `${desired.state}${profile}, ${speed}`;
}

function answerText(action: TimelineAction, clock: Clock): string {
  const { state, detail, attempts, updatedAt } = action;
  const often = attempts === 1 ? 'sent once' : `sent ${attempts} times`;
  const answer = detail === '' ? '' : `: ${detail}`;
  return `${actionText(action)}, ${state}${answer} (${often}, ${clock(updatedAt)})`;
}

function actionText({ action, policyId, rule, policyVersion }: TimelineAction): string {
  return `${action} by ${policyId}/${rule}${policyVersion === '' ? '' : ` version ${short(policyVersion)}`}`;
}

function short(version: string): string {
  return /^[0-9a-f]{64}$/.test(version) ? version.slice(0, 8) : version;
}

function policyLines(policy: PolicyPartView, clock: Clock): string[] {
  const role = policy.role === 'candidate' ? 'candidate, ' : '';
  const title = `  ${policy.policyId} version ${short(policy.policyVersion)} (${role}${policy.mode}): ${policy.why}`;
  return [title, ...policy.rules.flatMap((rule) => ruleLines(rule, clock))];
}

function ruleLines(rule: RuleView, clock: Clock): string[] {
  const acting =
    rule.acting === null
      ? rule.holds
        ? 'holds'
        : 'does not hold'
      : rule.acting
        ? `acts since ${rule.since === null ? '?' : clock(rule.since)}${rule.holds ? '' : ', though it holds no longer'}`
        : rule.holds
          ? 'holds, and has not begun'
          : 'does not act';
  const until = rule.until === null ? '' : `; held ${rule.until}`;
  return [
    `    ${rule.rule} ${acting}`,
    `      asks for: ${rule.asks}${until}`,
    ...rule.conditions.map(conditionLine),
  ];
}

const RESULTS = new Map<boolean | null, string>([
  [true, 'yes'],
  [false, 'no '],
  [null, '-  '],
]);

function conditionLine({ depth, result, text }: ConditionView): string {
  return `      ${RESULTS.get(result) ?? '-  '} ${'  '.repeat(depth)}${text}`;
}

/** Facts in the order of the catalogue; of service classes those that say something. */
function factLines(facts: readonly FactView[]): string[] {
  const shown = facts.filter(
    ({ name, value }) => !name.startsWith('byClass.') || (value !== 0 && value !== null),
  );
  return table(
    shown.map(({ name, value, unit, known }) => [
      `  ${name}`,
      known === 'as of now' ? `${valueText(value, unit)}  (as it is now)` : valueText(value, unit),
    ]),
  );
}

function valueText(value: unknown, unit: string): string {
  if (value === null || value === undefined) return 'none';
  if (typeof value !== 'number') return typeof value === 'string' ? value : JSON.stringify(value);
  switch (unit) {
    case 'bytes':
      return value < 1e6 ? `${value} bytes` : `${(value / 1e9).toFixed(3)} GB`;
    case 'bit/s':
      return `${Number((value / 1e6).toFixed(3))} Mbit/s`;
    case '%':
      return `${Math.floor(value * 100) / 100} %`;
    case 'hours':
    case '':
      return String(value);
    default:
      return `${value} ${unit}`;
  }
}

/** The oldest first, as one reads; a line of its own where a day begins. */
function timelineLines(entries: readonly TimelineEntry[], clock: Clock): string[] {
  const told: string[] = [];
  let day = '';
  for (const entry of [...entries].reverse()) {
    const [date = '', time = ''] = clock(entry.at).split(' ');
    if (date !== day) told.push(`  ${date}`);
    day = date;
    told.push(`    ${time}  ${KINDS[entry.kind].padEnd(10)}  ${entryText(entry, clock)}`, ...reasons(entry));
  }
  return told;
}

const KINDS: Record<TimelineEntry['kind'], string> = {
  usage: 'usage',
  'late-usage': 'late',
  'session-start': 'session',
  'session-end': 'session',
  'cycle-end': 'cycle',
  action: 'action',
  shadow: 'shadow',
  adjustment: 'billing',
  command: 'operator',
  'policy-change': 'policy',
  profile: 'profile',
};

function entryText(entry: TimelineEntry, clock: Clock): string {
  if (entry.kind !== 'usage') return entry.text;
  const [, to = ''] = clock(entry.to).split(' ');
  return `to ${to.slice(0, 5)}: ${entry.text}`;
}

/** Conditions that an action or a shadow was decided by. */
function reasons(entry: TimelineEntry): string[] {
  if (entry.kind !== 'action' && entry.kind !== 'shadow') return [];
  return entry.explanation.map(
    ({ fact, path, operator, expected, actual, result }) =>
      `${' '.repeat(26)}${RESULTS.get(result) ?? ''} ${fact}${path === undefined ? '' : ` ${path}`} ${operator} ${JSON.stringify(expected)}, it was ${JSON.stringify(actual)}`,
  );
}

function orNone(list: string[]): string[] {
  return list.length === 0 ? ['  none'] : list;
}

/** Words in lines of at most so many characters. */
function wrapped(text: string, width: number): string[] {
  const found: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      found.push(line);
      line = `  ${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...found, line];
}
