import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { ROOT } from '../load/programs.js';
import { ALL_CONTESTANTS, CONTESTANTS } from './contestants/index.js';
import type { Job } from './run/job.js';

/** What the command line asks for. */
export interface SimulateFlags {
  readonly quick?: boolean;
  readonly seed: number;
  readonly seeds?: number;
  readonly regions?: number;
  readonly relays?: number;
  readonly clusters?: number;
  readonly providers: number;
  readonly hours?: number;
  readonly calls?: number;
  readonly contestants?: readonly string[];
  readonly matrices?: string;
  readonly burst: boolean;
  readonly workers: number;
  readonly out: string;
  readonly list?: boolean;
}

/** Sizes of a run. */
type Size = Pick<
  Job,
  | 'regions'
  | 'relays'
  | 'clusters'
  | 'hours'
  | 'calls'
  | 'warmUpCalls'
  | 'warmUpHours'
  | 'burstLegs'
> & { readonly seeds: number };

const WHOLE: Size = {
  ...{ seeds: 4, regions: 250, relays: 2_500, clusters: 750, hours: 3, calls: 8_000 },
  ...{ warmUpCalls: 80_000, warmUpHours: 2, burstLegs: 500 },
};
const QUICK: Size = {
  ...{ seeds: 2, regions: 60, relays: 360, clusters: 90, hours: 0.4, calls: 1_200 },
  ...{ warmUpCalls: 6_000, warmUpHours: 0.5, burstLegs: 500 },
};
/** Relays of a region, if only the number of regions is given. */
const RELAYS_PER_REGION = 6;
const CLUSTERS_PER_REGION = 3;

const REGIONS_MIN = 12;
const REGIONS_MAX = 1_000;

function whole(least: number, most: number) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most) {
      const range = `${least.toLocaleString('en')} to ${most.toLocaleString('en')}`;
      throw new InvalidArgumentError(`A whole number of ${range} is needed.`);
    }
    return value;
  };
}

function hours(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 168)) {
    throw new InvalidArgumentError('A number of hours above 0 and up to 168 is needed.');
  }
  return value;
}

function contestant(text: string, before: readonly string[] | undefined): string[] {
  const found = ALL_CONTESTANTS.filter(({ name }) => name === text || name.startsWith(`${text}-`));
  if (found.length === 0) {
    throw new InvalidArgumentError(`No contestant is called ${text}: see --list.`);
  }
  return [...(before ?? []), ...found.map(({ name }) => name)];
}

/** Returns the parser of the command line. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .description(
      'Lets rules that select relays compete for the same calls on a simulated planet, or on ' +
        'measured matrices of round-trip times, beside an oracle that knows everything. Prints ' +
        'tables, and writes simulation.json and simulation.html. Sends nothing.',
    )
    .option('--quick', 'a small planet with few calls: under two minutes on two processors')
    .option('--seed <number>', 'first seed; another seed is another planet', whole(0, 1e9), 1)
    .option(
      '--seeds <number>',
      `number of seeds (${WHOLE.seeds}; --quick ${QUICK.seeds})`,
      whole(1, 100),
    )
    .option(
      '--regions <number>',
      `regions of all providers (${WHOLE.regions}; --quick ${QUICK.regions})`,
      whole(REGIONS_MIN, REGIONS_MAX),
    )
    .option('--relays <number>', 'relays, at least one a region', whole(1, 20_000))
    .option('--clusters <number>', 'access networks, each in one city', whole(10, 4_000))
    .option('--providers <number>', 'one with a backbone, the others public', whole(1, 12), 4)
    .option('--hours <number>', 'simulated time of the calls', hours)
    .option('--calls <number>', 'judged calls of each seed', whole(10, 10_000_000))
    .option(
      '--contestants <names...>',
      'only these; top means all of top-4, top-8 …; part shows what bounds Turnpike',
      contestant,
    )
    .option('--matrices <folder>', 'replay the matrices there instead (docs/simulation.md)')
    .option('--no-burst', 'leave out the burst between two reports of load')
    .option('--workers <number>', 'processes at a time', whole(1, 256), availableParallelism())
    .option('--out <folder>', 'folder of the results', join(ROOT, 'bench', 'results'))
    .option('--list', 'show the contestants')
    .addHelpText(
      'after',
      '\nStart with --quick. Read the generator’s table first: where a row is off, the planet' +
        '\nis not like the measured Internet. Then compare p95/oracle: 1.000 is as good as' +
        '\nknowing every path at every minute. Intervals need several seeds.\n' +
        '\nExamples:\n  npm run simulate -- --quick\n' +
        '  npm run simulate -- --seed 7 --seeds 8 --regions 1000 --relays 10000\n' +
        '  npm run simulate -- --quick --contestants turnpike nearest top\n' +
        '  npm run simulate -- --quick --matrices my-measurements',
    );
}

/**
 * Returns the jobs' common settings, and the number of seeds.
 * @throws Error if settings contradict each other
 */
export function jobSettings(flags: SimulateFlags): { job: Omit<Job, 'seed'>; seeds: number } {
  const size = flags.quick === true ? QUICK : WHOLE;
  const { regions = size.regions, providers } = flags;
  const isResized = flags.regions !== undefined;
  const relays = flags.relays ?? (isResized ? RELAYS_PER_REGION * regions : size.relays);
  const clusters = flags.clusters ?? (isResized ? CLUSTERS_PER_REGION * regions : size.clusters);
  if (relays < regions) throw new Error(`--relays ${relays} are fewer than ${regions} regions`);
  const calls = flags.calls ?? size.calls;
  const job = {
    ...{ regions, relays, clusters, providers, calls, hours: flags.hours ?? size.hours },
    warmUpCalls: Math.round((size.warmUpCalls / size.calls) * calls),
    warmUpHours: size.warmUpHours,
    burstLegs: flags.burst ? size.burstLegs : 0,
    contestants: flags.contestants ?? CONTESTANTS.map(({ name }) => name),
  };
  return { job, seeds: flags.seeds ?? size.seeds };
}
