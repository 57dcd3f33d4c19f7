import { median, spread } from '../statistics.js';
import type { TurnSetupResult, TurnSetupRound } from '../turn-setups.js';
import { type Cell, escapeMarkup, figure, table } from './markup.js';

const NAME_COLUMNS = 34;

/** A TURN server's figures as texts, in the order of HEADS. */
interface Texts {
  readonly title: string;
  readonly texts: readonly string[];
}

const HEADS = [
  'A second',
  'Server’s CPU for each',
  'Client idle',
  'p50',
  'p99',
  'Failed',
  'Resident for each',
  'Kernel for each',
] as const;

function textsOf({ title, rounds }: TurnSetupResult): Texts {
  const middle = (of: (round: TurnSetupRound) => number) => median(rounds.map(of));
  const whole = (number: number) => Math.round(number).toLocaleString('en');
  const perSecond = spread(rounds.map((round) => round.perSecond));
  const failed = rounds.flatMap(({ failures }) => Object.values(failures));
  const kernels = rounds.flatMap(({ kernelBytes }) => kernelBytes ?? []);
  return {
    title,
    texts: [
      `${whole(perSecond.median)} (${whole(perSecond.min)}–${whole(perSecond.max)})`,
      `${whole(middle((round) => round.serverUs))} µs`,
      `${whole(100 * middle((round) => round.clientIdle))} %`,
      `${whole(middle((round) => round.p50Us))} µs`,
      `${whole(middle((round) => round.p99Us))} µs`,
      whole(failed.reduce((sum, count) => sum + count, 0)),
      `${whole(middle((round) => round.residentBytes))} B`,
      kernels.length === 0 ? 'not counted' : `${whole(median(kernels))} B`,
    ],
  };
}

/** Returns the section on allocations; empty if none were measured. */
export function turnSetupSection(results: readonly TurnSetupResult[]): string {
  const [first] = results;
  if (first === undefined) return '';
  const rows = results
    .map(textsOf)
    .map(({ title, texts }): Cell[] => [{ text: title }, ...texts.map((text) => figure(text))]);
  const count = first.allocations.toLocaleString('en');
  return (
    '<h2>TURN allocations</h2>' +
    `<p>${escapeMarkup(
      `${count} allocations: Allocate, its 401, Allocate with the credential, ChannelBind. A ` +
        'client that is seldom idle limits the figure. Memory is that of the server’s process, ' +
        'and of the kernel for it.',
    )}</p>${table(['', ...HEADS], rows)}`
  );
}

/** Returns the same as lines for a terminal. */
export function turnSetupLines(results: readonly TurnSetupResult[]): string[] {
  const lines = results.map(textsOf).map(({ title, texts }) => {
    const figures = texts.map((text, index) => `${HEADS[index]?.toLowerCase()} ${text}`);
    return `  ${title.padEnd(NAME_COLUMNS)} ${figures.join(', ')}`;
  });
  return lines.length === 0 ? [] : ['TURN allocations', ...lines];
}
