import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { Spread } from '../statistics.js';
import { CHART_COLOURS } from './style.js';

/** One bar of a chart. */
export interface Bar {
  readonly label: string;
  readonly value: Spread;
  /** Text at the bar's end. */
  readonly text: string;
  /** Whether it is Turnpike's, which has another colour. */
  readonly ours: boolean;
}

const WIDTH = 720;
const LABEL_WIDTH = 250;
const END_WIDTH = 90;
const ROW_HEIGHT = 26;
const TITLE_HEIGHT = 30;

/**
 * Draws horizontal bars from zero, with the range of the rounds as a line across each bar's end.
 * @param title - text alternative (aria-label)
 * @returns SVG with the colours of the page (`STYLE`)
 */
export function barChart(title: string, bars: readonly Bar[]): string {
  return draw(title, bars, 0, []).outerHTML;
}

/**
 * Draws the bars as a stand-alone SVG file, with its heading and colours.
 * @param title - the heading, also the text alternative
 */
export function standaloneChart(title: string, bars: readonly Bar[]): string {
  const heading = Plot.text([title], {
    ...{ frameAnchor: 'top-left', textAnchor: 'start', fontWeight: 600, fontSize: 13 },
    ...{ dx: -LABEL_WIDTH, dy: -TITLE_HEIGHT / 2, fill: 'var(--ink)' },
  });
  const chart = draw(title, bars, TITLE_HEIGHT, [heading]);
  chart.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  const colours = chart.ownerDocument.createElement('style');
  colours.textContent = CHART_COLOURS;
  chart.prepend(colours);
  return `${chart.outerHTML}\n`;
}

function draw(title: string, bars: readonly Bar[], marginTop: number, more: Plot.Markish[]) {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const rows = bars.map(({ label, value, text, ours }) => {
    const fill = ours ? 'var(--ours)' : 'var(--others)';
    return { label, text, fill, ...value };
  });
  const repeated = rows.filter(({ count }) => count > 1);
  const chart = Plot.plot({
    ...{ document, width: WIDTH, height: marginTop + rows.length * ROW_HEIGHT + 4 },
    ...{ marginLeft: LABEL_WIDTH, marginRight: END_WIDTH, marginTop, marginBottom: 4 },
    style: { fontSize: '12px', color: 'var(--ink)' },
    ariaLabel: title,
    x: { axis: null, zero: true },
    y: { domain: rows.map(({ label }) => label), label: null, tickSize: 0, padding: 0.4 },
    marks: [
      Plot.barX(rows, { x: 'median', y: 'label', fill: 'fill', rx: 2 }),
      Plot.ruleY(repeated, { x1: 'min', x2: 'max', y: 'label', stroke: 'var(--range)' }),
      Plot.text(rows, {
        ...{ x: 'max', y: 'label', text: 'text', textAnchor: 'start', dx: 8 },
        fill: 'var(--quiet)',
      }),
      Plot.ruleX([0], { stroke: 'var(--line)' }),
      ...more,
    ],
  });
  chart.setAttribute('role', 'img');
  return chart;
}
