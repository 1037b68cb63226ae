import { amountText, countText, signedAmountText } from '../pipeline/backtest/amounts.ts';
import { againstText } from '../pipeline/backtest/report-words.ts';
import type { BacktestReport, ReportedSample } from '../pipeline/backtest/report.ts';
import type { SideName } from '../pipeline/backtest/task.ts';
import { lines } from './format.ts';

/** Samples of each kind that fit a terminal; the JSON and the page have all. */
const SAMPLES = 2;
const ACTIONS = 3;

/** A backtest for a terminal: what the draft gains and loses, by what it does, plan, money, a few subscribers, and what to know. */
export function backtestText(report: BacktestReport): string {
  const { draft, reach, subscribers, subscriberDays } = report;
  return lines([
    `${draft.policyId} (${draft.file}) against ${againstText(report.against)}, ${report.from} to ${report.to}`,
    `${countText(subscribers)} subscribers, ${countText(subscriberDays)} subscriber-days, looked at every ${report.resolution}`,
    '',
    ...table([
      ['subscribers', 'draft', 'against', 'gained', 'lost'],
      ['any', ...figures(reach)],
      ...report.byConsequence.map((one) => [one.consequence, ...figures(one)]),
    ]),
    `${countText(reach.changed)} fare differently`,
    '',
    ...table([
      ['actions', 'draft', 'against', 'gained', 'lost'],
      ...report.byAction.map((one) => [one.kind, ...figures(one)]),
    ]),
    ...moneyLines(report),
    '',
    ...table([
      ['plan', 'subscribers', 'draft', 'against', 'gained', 'lost'],
      ...report.byPlan
        .slice(0, 10)
        .map((one) => [one.planId ?? '(none)', countText(one.subscribers), ...figures(one)]),
    ]),
    ...sampleLines(report),
    ...(report.divergences === 0
      ? []
      : [
          '',
          `ALARM: json-rules-engine disagrees with ${String(report.divergences)} of the samples' decisions`,
        ]),
    '',
    ...report.notes.map((note) => `- ${note}`),
  ]);
}

function figures(reach: Record<'draft' | 'against' | 'gained' | 'lost', number>): string[] {
  return [reach.draft, reach.against, reach.gained, reach.lost].map(countText);
}

/** First column to the left, numbers to the right. */
function table(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
}

function moneyLines({ money }: BacktestReport): string[] {
  return money.flatMap(({ currency, draft, against, differenceMinor }) => {
    const side = (name: SideName): string => {
      const { blocks, blocksMinor, topUps, topUpsMinor } = name === 'draft' ? draft : against;
      return `${amountText(blocksMinor + topUpsMinor, currency)} (${countText(blocks)} blocks, ${countText(topUps)} top-ups)`;
    };
    return [
      '',
      `money: draft ${side('draft')}, against ${side('against')}, difference ${signedAmountText(differenceMinor, currency)}`,
    ];
  });
}

function sampleLines({ samples }: BacktestReport): string[] {
  return (['gained', 'lost', 'changed'] as const).flatMap((change) =>
    samples[change].slice(0, SAMPLES).flatMap((sample) => ['', ...oneSample(change, sample)]),
  );
}

function oneSample(change: string, { subscriberId, planId, draft, against }: ReportedSample): string[] {
  const side = (name: string, actions: ReportedSample['draft']): string[] =>
    actions
      .slice(0, ACTIONS)
      .flatMap(({ at, text, policyId, rule, conditions }) => [
        `  ${name} ${at} ${text} (${policyId}/${rule})`,
        ...conditions.map(
          ({ fact, path, operator, expected, actual, result }) =>
            `    ${result ? 'yes' : 'no '} ${fact}${path ?? ''} ${JSON.stringify(actual)} ${operator} ${JSON.stringify(expected)}`,
        ),
      ]);
  return [
    `${change}: ${subscriberId}, plan ${planId ?? '(none)'}`,
    ...side('draft', draft),
    ...side('against', against),
  ];
}
