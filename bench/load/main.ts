/** The rig: `npm run bench -- --help`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { buildTools } from './build-tools.js';
import { catalogue, parseVariant } from './catalogue.js';
import { type Choice, choose, present } from './choice.js';
import { describeCircumstances, versionsOf, warningsOf } from './circumstances.js';
import type { TurnpikeVariant } from './contestants/turnpike.js';
import { ROOT } from './programs.js';
import { htmlReport } from './report/html.js';
import { textSummary } from './report/text.js';
import type { BenchResult, WorkloadResult } from './result.js';
import type { Effort } from './rounds.js';
import { Session } from './session.js';
import { measureSetups, SETUP_CONNECTIONS, type Setups, setupConnections } from './setups.js';
import { judge } from './targets.js';
import { WORKLOADS } from './workloads.js';

interface Flags {
  readonly quick?: boolean;
  readonly only: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly out: string;
  readonly list?: boolean;
  readonly loopback?: boolean;
  readonly variant: readonly TurnpikeVariant[];
  readonly turnServer?: string;
  readonly setup?: number;
}

const ROUNDS_MIN = 2;
/** Two measured rounds: what three minutes allow. */
const QUICK_EFFORT: Effort = { rounds: 3, seconds: 0.7, searches: false };

function number(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a positive number');
  return value;
}

function whole(text: string): number {
  const value = number(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError('a whole number');
  return value;
}

function variant(text: string, before: readonly TurnpikeVariant[]): TurnpikeVariant[] {
  try {
    return [...before, parseVariant(text)];
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

const program = new Command('bench')
  .description(
    'Measures the data plane beside bare reflectors, XDP, the kernel and other TURN servers, and ' +
      'writes bench.json and bench.html. As root in network namespaces; otherwise on loopback, ' +
      'which only indicates.',
  )
  .option('--quick', 'the most telling workloads, two rounds: under three minutes')
  .option('--only <words...>', 'workloads and contestants whose names hold one of these words', [])
  .option('--rounds <number>', 'alternating rounds, of which the first is discarded', whole, 6)
  .option('--seconds <number>', 'length of one measurement', number, 1.5)
  .option(
    '--variant <name=json>',
    'one more Turnpike, with these options (repeatable)',
    variant,
    [],
  )
  .option('--turn-server <folder>', 'where `npm install turn-server` was run')
  .option(
    '--setup <connections>',
    'also measure set-up rate and memory with so many; a run with neither --quick nor --only ' +
      `does so with ${SETUP_CONNECTIONS.toLocaleString('en')}`,
    whole,
  )
  .option('--loopback', 'measure on loopback even as root')
  .option('--out <folder>', 'where the results go', join(ROOT, 'bench', 'results'))
  .option('--list', 'show workloads and contestants, and what is missing for them');

async function list({ workloads, contestants }: Choice): Promise<void> {
  console.log('Workloads:');
  for (const { name, title } of workloads) console.log(`  ${name.padEnd(26)} ${title}`);
  console.log('Contestants:');
  for (const one of contestants) {
    const why = await one.missing();
    console.log(`  ${one.name.padEnd(26)} ${one.title}${why === undefined ? '' : ` (${why})`}`);
  }
}

function closeOnSignals(session: Session): void {
  const end = (signal: NodeJS.Signals, code: number) => {
    process.once(signal, () => {
      console.error(`${signal}: cleaning up`);
      void session.close().finally(() => process.exit(code));
    });
  };
  end('SIGINT', 130);
  end('SIGTERM', 143);
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Writes both files. */
function save(folder: string, result: BenchResult): string[] {
  mkdirSync(folder, { recursive: true });
  const files = [
    { name: 'bench.json', text: `${JSON.stringify(result, null, 1)}\n` },
    { name: 'bench.html', text: htmlReport(result) },
  ];
  return files.map(({ name, text }) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  });
}

/** Measures and saves; what was measured until an interruption is saved too. */
async function measure(flags: Flags, all: Choice): Promise<BenchResult> {
  const chosen = choose(all, { quick: flags.quick === true, words: flags.only });
  const effort: Effort =
    flags.quick === true
      ? QUICK_EFFORT
      : { rounds: Math.max(ROUNDS_MIN, flags.rounds), seconds: flags.seconds, searches: true };
  const { contestants, omissions } = await present(chosen.contestants);
  const cpus = { server: 0, generator: availableParallelism() > 1 ? 1 : 0 };
  const write = (line: string) => console.error(line);
  const session = new Session({
    choice: { workloads: chosen.workloads, contestants },
    effort,
    cpus,
    write,
    loopback: flags.loopback === true,
  });
  closeOnSignals(session);
  const command = `npm run bench -- ${process.argv.slice(2).map(quoted).join(' ')}`.trim();
  const circumstances = describeCircumstances({
    scene: session.sceneKind,
    cpus,
    effort,
    command,
    versions: await versionsOf(contestants),
  });
  const resultOf = (workloads: readonly WorkloadResult[], setups: Setups) => ({
    circumstances,
    omissions: [...omissions, ...session.omissions, ...setups.omissions],
    targets: judge(workloads, setups.results),
    workloads,
    setup: setups.results,
    warnings: warningsOf(circumstances, workloads),
  });
  try {
    const none = { results: [], omissions: [] };
    const workloads = await session.run((soFar) => save(flags.out, resultOf(soFar, none)));
    return resultOf(workloads, await measureSetups(setupConnections(flags), write));
  } finally {
    await session.close();
  }
}

async function main(flags: Flags): Promise<void> {
  const contestants = catalogue({
    variants: flags.variant,
    ...(flags.turnServer !== undefined && { turnServerFolder: flags.turnServer }),
  });
  const all: Choice = { workloads: WORKLOADS, contestants };
  if (flags.list === true) return list(all);
  buildTools();
  const result = await measure(flags, all);
  const files = save(flags.out, result);
  console.log(textSummary(result));
  for (const file of files) console.log(relative(process.cwd(), file));
}

try {
  await main(program.parse().opts<Flags>());
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
}
