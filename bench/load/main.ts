/** The load bench: `npm run bench -- --help`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { SIGNAL_EXIT } from '../../src/cli/exit-codes.js';
import { inheritedIgnore } from '../../src/cli/signals.js';
import { missingText, provideTools } from '../../test/setup/system-packages.js';
import {
  ADDON_TOOLS,
  BPF_TOOLS,
  RIG_TOOLS,
  SCENE_TOOLS,
  TURN_CLIENT_TOOLS,
} from '../../test/setup/system-tools.js';
import { buildAddon, hasCurrentAddon } from './addon.js';
import { buildTools } from './build-tools.js';
import { catalogue, parseVariant } from './catalogue.js';
import { type Choice, choose, present } from './choice.js';
import { describeCircumstances, versionsOf, warningsOf } from './circumstances.js';
import { CleanUp } from './clean-up.js';
import type { TurnpikeVariant } from './contestants/turnpike.js';
import { ROOT } from './programs.js';
import { htmlReport } from './report/html.js';
import { textSummary } from './report/text.js';
import type { BenchResult, WorkloadResult } from './result.js';
import type { Effort } from './rounds.js';
import { allowedCpus, type CpuPlan } from './scene.js';
import { Session } from './session.js';
import {
  measureSetups,
  SETUP_CONNECTIONS,
  type Setups,
  setupConnections,
  turnAllocations,
} from './setups.js';
import { judge } from './targets.js';
import { measureTurnSetups, TURN_ALLOCATIONS, type TurnSetups } from './turn-setups.js';
import type { Contestant } from './types.js';
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
  readonly coturn?: string;
  readonly setup?: number;
  readonly allocations?: number;
  readonly load: boolean;
}

const ROUNDS_MIN = 2;
/** Two measured rounds, which take about two minutes. */
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
  .option('--quick', 'a few workloads, two rounds: about two minutes')
  .option(
    '--only <words...>',
    'workloads and contestants whose names contain one of these words',
    [],
  )
  .option('--rounds <number>', 'alternating rounds, of which the first is discarded', whole, 6)
  .option('--seconds <number>', 'length of one measurement', number, 1.5)
  .option(
    '--variant <name=json>',
    'a further Turnpike, with these options (repeatable)',
    variant,
    [],
  )
  .option(
    '--turn-server <folder>',
    'folder in which `npm install turn-server` was run; by default it is installed if it is chosen',
  )
  .option(
    '--coturn <path>',
    'also measure this newer turnserver, with --multiplex-peer and --udp-gso',
  )
  .option(
    '--setup <connections>',
    'also measure set-up rate and memory with so many connections; a run with neither --quick ' +
      `nor --only does so with ${SETUP_CONNECTIONS.toLocaleString('en')}`,
    whole,
  )
  .option(
    '--allocations <number>',
    'also measure allocations a second of the chosen TURN servers, and the memory of each; a run ' +
      `with neither --quick nor --only does so with ${TURN_ALLOCATIONS.toLocaleString('en')}`,
    whole,
  )
  .option('--no-load', 'measure no workloads, only what --setup and --allocations ask for')
  .option('--loopback', 'measure on loopback even as root')
  .option('--out <folder>', 'folder of the results', join(ROOT, 'bench', 'results'))
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

const write = (line: string) => console.error(line);

/** Returns whether the run needs namespaces, which only root can make. */
function inNamespaces({ loopback }: Flags): boolean {
  return process.getuid?.() === 0 && loopback !== true;
}

/** Installs the chosen TURN servers of other projects, if anything chosen measures them. */
async function provideRivals(flags: Flags, { workloads, contestants }: Choice): Promise<void> {
  const fits = (one: Contestant) =>
    turnAllocations(flags) !== undefined ||
    (flags.load && workloads.some((each) => one.unfit(each, 'namespaces') === undefined));
  for (const one of contestants) if (one.kind === 'rival' && fits(one)) await one.provide?.();
}

/**
 * Installs the tools that the run needs if that is allowed, prints which are missing, and builds
 * the addon and the rig's programs. The report lists what is left out for a missing tool.
 * @returns why no workload can be measured; undefined if they can
 */
function prepare(flags: Flags): string | undefined {
  const ofScene = [...SCENE_TOOLS, ...BPF_TOOLS, ...TURN_CLIENT_TOOLS];
  const forScene = inNamespaces(flags) ? ofScene : [];
  const forAddon = hasCurrentAddon() ? [] : ADDON_TOOLS;
  const wanted = new Set([...RIG_TOOLS, ...forAddon, ...forScene]);
  const missing = provideTools([...wanted], 'the bench');
  const forRig = missing.filter((tool) => RIG_TOOLS.includes(tool));
  if (missing.length > 0 && forRig.length === 0) write(missingText(missing));
  buildAddon();
  if (forRig.length > 0) return missingText(forRig);
  try {
    buildTools();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function closeOnSignals(session: Session): void {
  for (const [signal, code] of Object.entries(SIGNAL_EXIT)) {
    // As under nohup.
    if (signal === 'SIGHUP' && inheritedIgnore(signal)) continue;
    process.once(signal, () => {
      console.error(`${signal}: cleaning up`);
      void session.close().finally(() => process.exit(code));
    });
  }
}

/** Quotes a word for a shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Writes bench.json and bench.html. @returns their paths */
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

/** Returns the CPUs to pin to: the first two that this process may use, or its only one twice. */
function planCpus(): CpuPlan {
  const [server = 0, generator = server] = allowedCpus();
  return { server, generator };
}

/** Measures, and saves the results after each workload. @param obstacle - why none can run */
async function measure(flags: Flags, choice: Choice, obstacle?: string): Promise<BenchResult> {
  const none = { workloads: [], contestants: [] };
  const chosen = obstacle !== undefined ? none : flags.load ? choice : { ...choice, workloads: [] };
  const effort: Effort =
    flags.quick === true
      ? QUICK_EFFORT
      : { rounds: Math.max(ROUNDS_MIN, flags.rounds), seconds: flags.seconds, searches: true };
  const { contestants, omissions } = await present(chosen.contestants);
  if (obstacle !== undefined) omissions.push({ what: 'Every workload', why: obstacle });
  const cpus = planCpus();
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
  const resultOf = (
    workloads: readonly WorkloadResult[],
    setups: Setups,
    turnSetups: TurnSetups,
  ): BenchResult => ({
    circumstances,
    omissions: [...omissions, ...session.omissions, ...setups.omissions, ...turnSetups.omissions],
    targets: judge(workloads, setups.results, turnSetups.results),
    workloads,
    setup: setups.results,
    turnSetup: turnSetups.results,
    warnings: warningsOf(circumstances, workloads, turnSetups.results),
  });
  const cleanUp = new CleanUp();
  cleanUp.onEnd(() => session.close());
  try {
    const later = { results: [], omissions: [] };
    const workloads = await session.run((soFar) => save(flags.out, resultOf(soFar, later, later)));
    const turnSetups = await measureTurnSetups({
      allocations: turnAllocations(flags),
      contestants,
      scene: () => session.scene(1),
      write,
    });
    const setups = await measureSetups(setupConnections(flags), write);
    const result = resultOf(workloads, setups, turnSetups);
    await cleanUp.run();
    return result;
  } catch (cause) {
    throw await cleanUp.after(cause);
  }
}

async function main(flags: Flags): Promise<void> {
  const contestants = catalogue({
    variants: flags.variant,
    ...(flags.turnServer !== undefined && { turnServerFolder: flags.turnServer }),
    ...(flags.coturn !== undefined && { coturnPath: flags.coturn }),
  });
  const all: Choice = { workloads: WORKLOADS, contestants };
  if (flags.list === true) return list(all);
  const choice = choose(all, { quick: flags.quick === true, words: flags.only });
  const obstacle = prepare(flags);
  if (inNamespaces(flags)) await provideRivals(flags, choice);
  // Set-ups need none of the rig's programs.
  if (obstacle !== undefined && setupConnections(flags) === undefined) throw new Error(obstacle);
  const result = await measure(flags, choice, obstacle);
  const files = save(flags.out, result);
  console.log(textSummary(result));
  for (const file of files) console.log(relative(process.cwd(), file));
  const isEmpty = result.workloads.every(({ contestants }) => contestants.length === 0);
  const isEmptySetup = result.setup.length === 0 && result.turnSetup.length === 0;
  if (isEmpty && isEmptySetup) throw new Error('nothing could be measured');
}

try {
  await main(program.parse().opts<Flags>());
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
}
