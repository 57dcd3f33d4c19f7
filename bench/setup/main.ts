/** Measures only the set-up of connections: `npx tsx bench/setup/main.ts --help`. */
import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { measureSetup } from './measure-setup.js';
import type { Arrangement, SetupResult } from './result.js';
import { summary } from './summary.js';

interface Flags {
  readonly connections: number;
  readonly arrangement: Arrangement | 'both';
  readonly window: number;
  readonly workers: number;
  readonly flow: number;
  readonly expire?: readonly number[];
  readonly relayNodeOptions?: string;
  readonly json?: string;
}

const count = (text: string) => {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`not a positive number: ${text}`);
  return number;
};

const program = new Command('setup')
  .description('Measures how fast relays set up and end connections, and their memory.')
  .option('--connections <number>', 'connections to set up', count, 20_000)
  .addOption(
    new Option('--arrangement <which>', 'both legs at one relay, or at two')
      .choices(['same-relay', 'two-relays', 'both'])
      .default('both'),
  )
  .option('--window <number>', 'set-ups under way at once', count, 64)
  .option('--workers <number>', 'data-plane threads of each relay', count, 2)
  .option('--flow <rate>', 'packets a second of the steady flow', count, 20_000)
  .option('--expire <numbers>', 'connections to let expire, comma-separated', (text: string) =>
    text.split(',').map(count),
  )
  .option('--relay-node-options <options>', "more options for the relays' Node")
  .option('--json <file>', 'write the results there');

const flags = program.parse().opts<Flags>();
const arrangements: readonly Arrangement[] =
  flags.arrangement === 'both' ? ['same-relay', 'two-relays'] : [flags.arrangement];
const results: SetupResult[] = [];
for (const arrangement of arrangements) {
  const { connections, window, workers, flow, expire = [], relayNodeOptions = '' } = flags;
  const result = await measureSetup(
    {
      arrangement,
      connections,
      window,
      workers,
      flowPacketsPerSecond: flow,
      expiries: expire,
      relayNodeOptions: relayNodeOptions.split(' ').filter((option) => option !== ''),
    },
    (message) => console.error(`${arrangement}: ${message}`),
  );
  results.push(result);
  console.log(summary(result));
}
if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(results, null, 2)}\n`);
