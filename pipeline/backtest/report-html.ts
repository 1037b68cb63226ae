import type { ConditionResult } from '../../schemas/action.ts';
import { amountText, countText, signedAmountText } from './amounts.ts';
import { chartsOf, escaped } from './report-charts.ts';
import type { Chart } from './report-charts.ts';
import { PAGE_STYLE } from './report-style.ts';
import { againstText } from './report-words.ts';
import type { BacktestReport, ExplainedAction, MoneyReport, ReportedSample } from './report.ts';

/** Plans that the page lists; the JSON has all. */
const MOST_PLANS = 50;

/**
 * The report as one HTML page that needs nothing else: charts are SVG, there is no script, and the page forbids itself to load
 * anything. Every chart has its numbers as a table.
 */
export function backtestPage(report: BacktestReport): string {
  const title = `Backtest of ${report.draft.policyId}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>${escaped(title)}</h1>
<p class="lead">${escaped(report.draft.description)}</p>
${factsOf(report)}
</header>
<main>
${report.divergences === 0 ? '' : alarmOf(report)}
${headlineOf(report)}
${moneyOf(report.money)}
${chartsOf(report).map(figureOf).join('\n')}
${plansOf(report)}
${actionsOf(report)}
${samplesOf(report)}
<section><h2>How to read this</h2><ul>${report.notes.map((note) => `<li>${escaped(note)}</li>`).join('')}</ul></section>
</main>
</body>
</html>
`;
}

function factsOf(report: BacktestReport): string {
  const facts: [string, string][] = [
    ['Draft', `${report.draft.file} (${report.draft.version.slice(0, 12)})`],
    ['Against', againstText(report.against)],
    ['From', report.from],
    ['To', report.to],
    [
      'Subscribers',
      `${countText(report.subscribers)}${report.isSample ? ` of ${countText(report.known)}` : ''}`,
    ],
    ['Subscriber-days', countText(report.subscriberDays)],
    ['Looked at every', report.resolution],
  ];
  const items = facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${escaped(value)}</dd></div>`);
  return `<dl class="facts">${items.join('')}</dl>`;
}

function alarmOf({ divergences }: BacktestReport): string {
  return `<p class="alarm" role="alert">json-rules-engine disagrees with ${String(divergences)} of the samples' decisions. Do not trust these figures: report it.</p>`;
}

function headlineOf({ reach, money }: BacktestReport): string {
  const tiles: [string, string, string][] = [
    ['Acted on', countText(reach.draft), `subscribers; ${countText(reach.against)} by the other side`],
    ['Gained', countText(reach.gained), 'only the draft acts on them'],
    ['Lost', countText(reach.lost), 'only the other side does'],
    ['Fare differently', countText(reach.changed), 'gained, lost, or at another time'],
    ...money.map(({ currency, differenceMinor }): [string, string, string] => [
      'Money',
      signedAmountText(differenceMinor, currency),
      'draft less the other side',
    ]),
  ];
  const items = tiles.map(
    ([name, value, note]) =>
      `<div class="tile"><h2>${name}</h2><p class="value">${escaped(value)}</p><p class="note">${escaped(note)}</p></div>`,
  );
  return `<section class="tiles" aria-label="In short">${items.join('')}</section>`;
}

function moneyOf(money: readonly MoneyReport[]): string {
  if (money.length === 0) return '';
  const rows = money.flatMap(({ currency, draft, against, differenceMinor }) => [
    ...(['draft', 'against'] as const).map((side) => {
      const { blocks, blocksMinor, topUps, topUpsMinor } = side === 'draft' ? draft : against;
      return [
        `${currency}, ${side}`,
        countText(blocks),
        amountText(blocksMinor, currency),
        countText(topUps),
        amountText(topUpsMinor, currency),
        amountText(blocksMinor + topUpsMinor, currency),
      ];
    }),
    [`${currency}, difference`, '', '', '', '', signedAmountText(differenceMinor, currency)],
  ]);
  const columns = ['', 'Paid blocks', 'for', 'Top-ups', 'for', 'Together'];
  return `<section><h2>Money</h2>${tableOf('Money by currency', columns, rows)}</section>`;
}

function figureOf({ title, caption, svg, columns, rows }: Chart): string {
  const numbers = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? countText(cell) : cell)));
  return `<figure>
<figcaption><h2>${escaped(title)}</h2><p>${escaped(caption)}</p></figcaption>
${svg}
<details><summary>Numbers</summary>${tableOf(title, columns, numbers)}</details>
</figure>`;
}

function plansOf({ byPlan }: BacktestReport): string {
  const rows = byPlan
    .slice(0, MOST_PLANS)
    .map(({ planId, subscribers, draft, against, gained, lost, actions, money }) => [
      planId ?? '(none)',
      ...[subscribers, draft, against, gained, lost, actions.draft, actions.against].map(countText),
      money.map(({ currency, differenceMinor }) => signedAmountText(differenceMinor, currency)).join(', '),
    ]);
  const columns = [
    'Plan',
    'Subscribers',
    'Draft acts on',
    'Against acts on',
    'Gained',
    'Lost',
    'Actions, draft',
    'Actions, against',
    'Money',
  ];
  const rest =
    byPlan.length > MOST_PLANS ? `<p>and ${String(byPlan.length - MOST_PLANS)} more plans</p>` : '';
  return `<section><h2>By plan</h2>${tableOf('Figures by plan', columns, rows)}${rest}</section>`;
}

function actionsOf({ byAction, byConsequence, rules }: BacktestReport): string {
  const people = byConsequence.map(({ consequence, draft, against, gained, lost }) => [
    consequence,
    ...[draft, against, gained, lost].map(countText),
  ]);
  const kinds = byAction.map(({ kind, draft, against, gained, lost }) => [
    kind,
    ...[draft, against, gained, lost].map(countText),
  ]);
  const names = [...new Set([...rules.draft, ...rules.against].map(({ rule }) => rule))];
  const count = (side: 'draft' | 'against', name: string): string =>
    countText(rules[side].find(({ rule }) => rule === name)?.actions ?? 0);
  const byRule = names.map((name) => [name, count('draft', name), count('against', name)]);
  return `<section><h2>Subscribers by what is done to them</h2>
${tableOf('Subscribers by what is done to them', ['What', 'Draft', 'Against', 'Gained', 'Lost'], people)}
</section>
<section><h2>Actions</h2>
${tableOf('Actions by kind', ['Kind', 'Draft', 'Against', 'Gained', 'Lost'], kinds)}
<h3>By rule</h3>
${tableOf('Actions by rule', ['Policy and rule', 'Draft', 'Against'], byRule)}
</section>`;
}

function samplesOf({ samples }: BacktestReport): string {
  const groups = (
    [
      ['gained', 'Only the draft acts on them'],
      ['lost', 'Only the other side acts on them'],
      ['changed', 'Both act, otherwise or at other times'],
    ] as const
  ).filter(([change]) => samples[change].length > 0);
  if (groups.length === 0) return '';
  const parts = groups.map(
    ([change, title]) =>
      `<h3>${title}</h3>${samples[change].map((sample, i) => sampleOf(sample, i === 0)).join('')}`,
  );
  return `<section><h2>Some subscribers, with why</h2>${parts.join('')}</section>`;
}

function sampleOf({ subscriberId, planId, draft, against, more }: ReportedSample, isOpen: boolean): string {
  const side = (name: string, actions: readonly ExplainedAction[], unlisted: number): string =>
    actions.length === 0
      ? ''
      : `<h4>${name}</h4><ol>${actions.map(actionOf).join('')}</ol>${unlisted > 0 ? `<p>and ${String(unlisted)} more</p>` : ''}`;
  const held =
    draft.length + against.length === 0 ? '<p>No action in this time: a line held since before.</p>' : '';
  return `<details class="sample"${isOpen ? ' open' : ''}><summary><code>${escaped(subscriberId)}</code> plan ${escaped(planId ?? '(none)')}, ${String(draft.length + more.draft)} actions by the draft, ${String(against.length + more.against)} by the other side</summary>
${side('Draft', draft, more.draft)}${side('Against', against, more.against)}${held}</details>`;
}

function actionOf({ at, text, policyId, rule, conditions }: ExplainedAction): string {
  const why =
    conditions.length === 0
      ? '<p>The rule does not apply any more.</p>'
      : tableOf('Conditions', ['Condition', 'Value', 'Asked', 'Holds'], conditions.map(conditionRow));
  return `<li><p><time datetime="${escaped(at)}">${escaped(at)}</time> ${escaped(text)} <span class="rule">${escaped(`${policyId}/${rule}`)}</span></p>${why}</li>`;
}

function conditionRow({
  fact,
  path,
  operator,
  expected,
  expectedFrom,
  actual,
  result,
}: ConditionResult): string[] {
  const source = expectedFrom === undefined ? '' : ` (${expectedFrom.fact}${expectedFrom.path ?? ''})`;
  return [
    `${fact}${path ?? ''}`,
    valueText(actual),
    `${operator} ${valueText(expected)}${source}`,
    result ? 'yes' : 'no',
  ];
}

function valueText(value: unknown): string {
  if (typeof value !== 'number') return JSON.stringify(value) ?? '';
  return value.toLocaleString('en', { maximumFractionDigits: 2 });
}

/** First column is text, the others are numbers or short. */
function tableOf(caption: string, columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = columns.map((name) => `<th scope="col">${escaped(name)}</th>`).join('');
  const body = rows.map((row) => {
    const [first = '', ...cells] = row;
    return `<tr><th scope="row">${escaped(first)}</th>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`;
  });
  return `<div class="scroll"><table><caption>${escaped(caption)}</caption><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}
