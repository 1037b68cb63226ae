import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { BacktestReport } from './report.ts';

use([BarChart, LineChart, GridComponent, LegendComponent, SVGRenderer]);

const WIDTH = 920;
/** Told apart by people who see colours otherwise, too (Okabe and Ito). */
const COLOURS = { draft: '#0072b2', against: '#7a7f87', gained: '#d55e00', lost: '#009e73' };
const FONT = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif';
const TEXT = { color: '#2b2f36', fontFamily: FONT, fontSize: 12 };
/** Bars that one chart has room for. */
const MOST_PLANS = 12;

/** One picture, as SVG without scripts or anything from elsewhere, and the numbers it shows. */
export interface Chart {
  title: string;
  /** what it shows, in one sentence */
  caption: string;
  svg: string;
  columns: string[];
  rows: (string | number)[][];
}

interface Series {
  name: string;
  colour: string;
  values: number[];
}

interface Picture {
  title: string;
  caption: string;
  /** head of the column of labels */
  of: string;
  labels: string[];
  series: Series[];
  kind: 'line' | 'bars' | 'across';
}

/** The pictures of a report that have anything to show. */
export function chartsOf(report: BacktestReport): Chart[] {
  const pictures = [reachOf(report), heldOf(report), actionsOf(report), changesOf(report), plansOf(report)];
  return pictures
    .filter(({ series }) => series.some(({ values }) => values.some((value) => value !== 0)))
    .map(drawn);
}

function reachOf({ byConsequence }: BacktestReport): Picture {
  return {
    title: 'Subscribers by what is done to them',
    caption: 'How many subscribers each side slows, redirects, blocks, charges or notifies at least once.',
    of: 'What',
    labels: byConsequence.map(({ consequence }) => consequence),
    series: [
      { name: 'draft', colour: COLOURS.draft, values: byConsequence.map(({ draft }) => draft) },
      { name: 'against', colour: COLOURS.against, values: byConsequence.map(({ against }) => against) },
    ],
    kind: 'bars',
  };
}

function heldOf({ byDay }: BacktestReport): Picture {
  return {
    title: 'Lines held each day',
    caption: 'Subscribers who were slowed, redirected or blocked at some time of the day.',
    of: 'Day',
    labels: byDay.map(({ date }) => date),
    series: [
      { name: 'draft', colour: COLOURS.draft, values: byDay.map(({ held }) => held.draft) },
      { name: 'against', colour: COLOURS.against, values: byDay.map(({ held }) => held.against) },
    ],
    kind: 'line',
  };
}

function actionsOf({ byDay }: BacktestReport): Picture {
  const count = (actions: Partial<Record<string, number>>): number =>
    Object.values(actions).reduce<number>((sum, one) => sum + (one ?? 0), 0);
  return {
    title: 'Actions each day',
    caption:
      'Everything that would leave: changes of speed, blocks, redirections, notices, paid blocks, top-ups.',
    of: 'Day',
    labels: byDay.map(({ date }) => date),
    series: [
      { name: 'draft', colour: COLOURS.draft, values: byDay.map(({ actions }) => count(actions.draft)) },
      {
        name: 'against',
        colour: COLOURS.against,
        values: byDay.map(({ actions }) => count(actions.against)),
      },
    ],
    kind: 'line',
  };
}

function changesOf({ byDay }: BacktestReport): Picture {
  return {
    title: 'Actions gained and lost each day',
    caption: 'Above the line what only the draft does, below what only the other side does.',
    of: 'Day',
    labels: byDay.map(({ date }) => date),
    series: [
      { name: 'gained', colour: COLOURS.gained, values: byDay.map(({ gained }) => gained) },
      { name: 'lost', colour: COLOURS.lost, values: byDay.map(({ lost }) => (lost === 0 ? 0 : -lost)) },
    ],
    kind: 'bars',
  };
}

function plansOf({ byPlan }: BacktestReport): Picture {
  const plans = byPlan.slice(0, MOST_PLANS);
  return {
    title: 'Subscribers gained and lost by plan',
    caption: `Whom only the draft acts on, and whom only the other side does${byPlan.length > MOST_PLANS ? `; the ${String(MOST_PLANS)} plans with most of them` : ''}.`,
    of: 'Plan',
    labels: plans.map(({ planId }) => planId ?? '(none)'),
    series: [
      { name: 'gained', colour: COLOURS.gained, values: plans.map(({ gained }) => gained) },
      { name: 'lost', colour: COLOURS.lost, values: plans.map(({ lost }) => lost) },
    ],
    kind: 'across',
  };
}

function drawn(picture: Picture): Chart {
  const { title, caption, of, labels, series } = picture;
  return {
    title,
    caption,
    svg: svgOf(picture),
    columns: [of, ...series.map(({ name }) => name)],
    rows: labels.map((label, i) => [label, ...series.map(({ values }) => Math.abs(values[i] ?? 0))]),
  };
}

function svgOf({ title, caption, labels, series, kind }: Picture): string {
  const isAcross = kind === 'across';
  const height = isAcross ? 90 + labels.length * 34 : 300;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  try {
    const names = {
      type: 'category' as const,
      data: labels,
      axisLabel: {
        ...TEXT,
        hideOverlap: true,
        ...(isAcross ? { width: 180, overflow: 'truncate' as const } : {}),
      },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: '#9aa0a8' } },
      inverse: isAcross,
    };
    const numbers = {
      type: 'value' as const,
      minInterval: 1,
      axisLabel: { ...TEXT, formatter: (value: number) => Math.abs(value).toLocaleString('en') },
      splitLine: { lineStyle: { color: '#e4e6ea' } },
    };
    chart.setOption({
      animation: false,
      textStyle: TEXT,
      legend: {
        selectedMode: false,
        top: 0,
        left: 0,
        itemGap: 20,
        textStyle: TEXT,
        data: series.map(({ name }) => name),
      },
      grid: { left: 8, right: 24, top: 40, bottom: 8, outerBoundsMode: 'same' as const },
      xAxis: isAcross ? numbers : names,
      yAxis: isAcross ? names : numbers,
      series: series.map(({ name, colour, values }) => ({
        name,
        silent: true,
        type: kind === 'line' ? ('line' as const) : ('bar' as const),
        data: values,
        itemStyle: { color: colour },
        ...(kind === 'line'
          ? {
              lineStyle: {
                color: colour,
                width: 2.5,
                type: name === 'draft' ? ('solid' as const) : ('dashed' as const),
              },
              symbol: name === 'draft' ? 'circle' : 'rect',
              symbolSize: labels.length > 62 ? 0 : 6,
            }
          : { barMaxWidth: 56, barGap: '8%', ...(title.includes('each day') ? { stack: 'day' } : {}) }),
        ...(title.includes('each day') || kind === 'line'
          ? {}
          : {
              label: {
                ...TEXT,
                show: true,
                position: isAcross ? ('right' as const) : ('top' as const),
                formatter: ({ value }: { value: unknown }) => Number(value).toLocaleString('en'),
              },
            }),
      })),
    });
    // Its only styles are for the pointer over things that could be clicked: nothing here can.
    const svg = chart.renderToSVGString().replaceAll(/<style[\s\S]*?<\/style>/g, '');
    return svg.replace('<svg ', `<svg role="img" aria-label="${escaped(`${title}. ${caption}`)}" `);
  } finally {
    chart.dispose();
  }
}

/** Text as HTML, also within an attribute. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
