import type { Spread } from '../statistics.js';
import { escapeMarkup } from './markup.js';
import { CHART_STYLE } from './style.js';

/** One bar of a chart. */
export interface Bar {
  readonly label: string;
  readonly value: Spread;
  /** What the bar's end says. */
  readonly text: string;
  /** Ours stand out; all others share one colour. */
  readonly ours: boolean;
}

const WIDTH = 720;
const LABEL_WIDTH = 250;
const END_WIDTH = 90;
const ROW_HEIGHT = 26;
const BAR_HEIGHT = 16;
const TITLE_HEIGHT = 30;

/**
 * Horizontal bars from zero, with the range of the rounds as a line across each bar's end.
 * @param title - what is shown, for those who cannot see it
 * @returns SVG whose colours come from the page
 */
export function barChart(title: string, bars: readonly Bar[]): string {
  const { height, drawing } = draw(bars);
  const head = `viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeMarkup(title)}"`;
  return `<svg ${head}>\n${drawing}\n</svg>`;
}

/**
 * The same as a file of its own, with its title and colours in it.
 * @param title - what is shown; the picture's heading
 */
export function standaloneChart(title: string, bars: readonly Bar[]): string {
  const { height, drawing } = draw(bars);
  const heading = escapeMarkup(title);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height + TITLE_HEIGHT}" ` +
    `viewBox="0 ${-TITLE_HEIGHT} ${WIDTH} ${height + TITLE_HEIGHT}" role="img">\n` +
    `<title>${heading}</title><style>${CHART_STYLE}</style>\n` +
    `<text class="title" x="0" y="-10">${heading}</text>\n${drawing}\n</svg>\n`
  );
}

/** Axis and bars, and how high they are together. */
function draw(bars: readonly Bar[]): { height: number; drawing: string } {
  const top = Math.max(...bars.map(({ value }) => value.max), 1e-9);
  const scale = (WIDTH - LABEL_WIDTH - END_WIDTH) / top;
  const height = bars.length * ROW_HEIGHT + 4;
  const rows = bars.map((bar, index) => row(bar, index * ROW_HEIGHT + 4, scale)).join('\n');
  const axis = `<line class="axis" x1="${LABEL_WIDTH}" x2="${LABEL_WIDTH}" y1="0" y2="${height}"/>`;
  return { height, drawing: `${axis}\n${rows}` };
}

function row({ label, value, text, ours }: Bar, y: number, scale: number): string {
  const middle = y + BAR_HEIGHT / 2;
  const x = (figure: number) => (LABEL_WIDTH + figure * scale).toFixed(1);
  const width = Math.max(1, value.median * scale).toFixed(1);
  const whisker =
    value.count < 2
      ? ''
      : `<line class="range" x1="${x(value.min)}" x2="${x(value.max)}" ` +
        `y1="${middle}" y2="${middle}"/>`;
  const end = Number(x(value.max)) + 8;
  const kind = ours ? 'ours' : 'others';
  const name = escapeMarkup(label);
  return (
    `<g><text class="label" x="${LABEL_WIDTH - 8}" y="${middle + 4}">${name}</text>` +
    `<rect class="${kind}" x="${LABEL_WIDTH}" y="${y}" ` +
    `width="${width}" height="${BAR_HEIGHT}" rx="2"/>` +
    `${whisker}<text class="value" x="${end}" y="${middle + 4}">${escapeMarkup(text)}</text></g>`
  );
}
