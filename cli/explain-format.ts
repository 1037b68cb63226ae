import { comparisonWords } from '../pipeline/views/explain-conditions.ts';
import { desiredWords, shortVersion, valueWords } from '../pipeline/views/explain-words.ts';
import type { ConditionResult } from '../schemas/action.ts';
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
    ...(view.notes.length === 0 ? [] : ['', 'notes', ...view.notes.flatMap((note) => wrapped(note, 100))]),
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
  const isNow = view.basis === 'stored';
  const basis = isNow ? 'as far as records have been read' : 'put together anew';
  const look = nextDue === null ? 'with the next record' : `${clock(nextDue)}, also without a record`;
  const wishes = view.wishes.length > 1 ? view.wishes : [];
  return table([
    ['subscriber', view.subscriberId],
    ['time', `${clock(view.at)} ${view.zone}, ${basis}`],
    ['line', `${desiredWords(view.desired)}: ${view.because}`],
    ...wishes.map(({ by, wants, wins }) => ['', `${wins ? 'acts' : 'also'}  ${by}: ${wants}`]),
    ['network', lastChange === null ? 'was not told anything' : answerText(lastChange, clock)],
    ...(lastDecision === null ? [] : decisionRows(lastDecision, clock)),
    ...(isNow ? [['next look', look]] : []),
  ]);
}

function decisionRows(decision: TimelineAction & { at: string }, clock: Clock): string[][] {
  return [
    ['decided', `${actionText(decision)} at ${clock(decision.at)}`],
    ...reasonLines(decision.explanation).map((reason) => ['', reason]),
  ];
}

function answerText(action: TimelineAction, clock: Clock): string {
  const { state, detail, attempts, updatedAt } = action;
  const often = attempts === 1 ? 'sent once' : `sent ${attempts} times`;
  const answer = detail === '' ? '' : `: ${detail}`;
  return `${actionText(action)}, ${state}${answer} (${often}, ${clock(updatedAt)})`;
}

function actionText({ action, policyId, rule, policyVersion }: TimelineAction): string {
  return `${action} by ${policyId}/${rule}${policyVersion === '' ? '' : ` version ${shortVersion(policyVersion)}`}`;
}

function policyLines(policy: PolicyPartView, clock: Clock): string[] {
  const role = policy.role === 'candidate' ? 'candidate, ' : '';
  const title = `  ${policy.policyId} version ${shortVersion(policy.policyVersion)} (${role}${policy.mode}): ${policy.why}`;
  return [title, ...policy.rules.flatMap((rule) => ruleLines(rule, clock))];
}

function ruleLines(rule: RuleView, clock: Clock): string[] {
  const until = rule.until === null ? '' : `; held ${rule.until}`;
  return [
    `    ${rule.rule} ${actingText(rule, clock)}`,
    `      asks for: ${rule.asks}${until}`,
    ...rule.conditions.map(conditionLine),
  ];
}

/** Rules act as long as what they ask for lasts; others hold. */
function actingText({ acting, holds, since, until }: RuleView, clock: Clock): string {
  const verb = until === null ? 'holds' : 'acts';
  if (acting === null) return holds ? 'holds' : 'does not hold';
  if (acting)
    return `${verb} since ${since === null ? '?' : clock(since)}${holds ? '' : ', its conditions no longer hold'}`;
  return holds ? 'would begin with the next record' : `does not ${until === null ? 'hold' : 'act'}`;
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

/** Counts stand alone: the fact's name says of what. */
function valueText(value: unknown, unit: string): string {
  if (typeof value === 'string') return value;
  return valueWords(value, ['sessions', 'blocks', 'days', 'hours'].includes(unit) ? '' : unit);
}

/** The oldest first, as one reads; a line of its own where a day begins. */
function timelineLines(entries: readonly TimelineEntry[], clock: Clock): string[] {
  const told: string[] = [];
  let day = '';
  for (const entry of [...entries].reverse()) {
    const [date = '', time = ''] = clock(entry.at).split(' ');
    if (date !== day) told.push(`  ${date}`);
    day = date;
    told.push(
      `    ${(span(entry, clock) ?? time).padEnd(11)}  ${KINDS[entry.kind].padEnd(8)}  ${entry.text}`,
    );
    if (entry.kind === 'action' || entry.kind === 'shadow')
      told.push(...reasonLines(entry.explanation).map((reason) => `${' '.repeat(27)}${reason}`));
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

/** `12:00-13:00` of what lasts. */
function span(entry: TimelineEntry, clock: Clock): string | null {
  if (entry.kind !== 'usage') return null;
  const minutes = (iso: string): string => clock(iso).slice(11, 16);
  return `${minutes(entry.from)}-${minutes(entry.to)}`;
}

/** Conditions that a decision was made by, with the values of then. */
function reasonLines(explanation: readonly ConditionResult[]): string[] {
  return explanation.map((each) => `${RESULTS.get(each.result) ?? ''} ${comparisonWords(each, null)}`);
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
      found.push(`  ${line}`);
      line = `  ${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...found, `  ${line}`];
}
