/** Floods, and the service that genuine users get meanwhile: `npm run bench:abuse -- --help`. */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { addonObstacle, buildAddon } from '../load/addon.js';
import { ProgressLine, timeText } from '../load/progress.js';
import { allowedCpus, type CpuPlan } from '../load/scene.js';
import { closeOnSignals } from '../setup/close-on-signals.js';
import { isBalanced } from './balance.js';
import { fleetStart, fleetText } from './fleet-start.js';
import type { Flood } from './flood.js';
import { FLOODS } from './floods/index.js';
import { measureFlood } from './measure.js';
import type { FloodResult } from './result.js';
import { soak } from './soak.js';
import { soakText } from './soak-text.js';
import type { Stage, StageOptions } from './stage.js';
import { tableText } from './table.js';

interface Flags {
  readonly quick?: boolean;
  readonly only: readonly string[];
  readonly seconds?: number;
  readonly soak?: number;
  readonly fleet?: number;
  readonly json?: string;
  readonly list?: boolean;
}

const SECONDS = 6;
const QUICK_SECONDS = 1.5;
const FLEET_SECONDS = 25;
const SET_UPS_PER_SECOND = 20;
const ECHOES_PER_SECOND = 200;
const WORKERS = 2;

const positive = (text: string) => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a positive number');
  return value;
};

const program = new Command('bench:abuse')
  .description(
    'Floods a directory and two relays on loopback, one flood after the other. Shows, without ' +
      'and with each flood, the service of genuine users (share and time of set-ups, loss and ' +
      'round trip of an echo), memory and CPU of the attacked process, and bytes sent for each ' +
      'byte received. Asserts nothing, and sends nothing off this host.',
  )
  .option('--quick', 'a few floods with short measurements: under a minute')
  .option('--only <words...>', 'floods whose names contain one of these words', [])
  .option(
    '--seconds <number>',
    `length of each measurement, ${SECONDS} by default, ${QUICK_SECONDS} with --quick`,
    positive,
  )
  .option(
    '--soak <minutes>',
    'genuine traffic and all floods at 2 % at once: shows the growth of memory and descriptors, ' +
      'and ends with status 1 if the counters do not balance',
    positive,
  )
  .option(
    '--fleet <relays>',
    'starts so many relays within 3 s: shows the time until each has confirmed all, and the ' +
      'responses to a client. bench:fleet is for thousands',
    positive,
  )
  .option('--json <file>', 'write all figures there')
  .option('--list', 'show the floods')
  .addHelpText(
    'after',
    '\nEach flood has two measurements, without and with it, after a start of some seconds. Its' +
      '\nrow reads `quiet → flooded`. Check the quiet figures first: if they are bad, something' +
      '\nelse keeps this machine busy. docs/security.md explains the figures.\n' +
      '\nExamples:\n  npm run bench:abuse -- --list\n  npm run bench:abuse -- --quick\n' +
      '  npm run bench:abuse -- --only spoofed half-open --seconds 20 --json abuse.json\n' +
      '  npm run bench:abuse -- --soak 60',
  );

const write = (line: string) => console.error(line);

/** Returns the chosen floods. @throws Error for a word that no flood's name contains */
function chosen({ quick, only }: Flags): Flood[] {
  for (const word of only) {
    if (!FLOODS.some(({ name }) => name.includes(word))) {
      throw new Error(`no flood is called ${word}: see --list`);
    }
  }
  if (only.length > 0) return FLOODS.filter(({ name }) => only.some((word) => name.includes(word)));
  return FLOODS.filter((flood) => quick !== true || flood.quick === true);
}

/** Returns the CPUs to pin to. The service has one to itself if there are two. */
function planCpus(): CpuPlan {
  const [server = 0, generator = server] = allowedCpus();
  return { server, generator };
}

/** Returns a function that takes an open stage, which a signal then closes. */
function stageHolder(): (stage: Stage) => void {
  let stage: Stage | undefined;
  closeOnSignals(() => stage?.close());
  return (opened) => {
    stage = opened;
  };
}

function stageOptions(): StageOptions {
  return {
    cpus: planCpus(),
    setUpsPerSecond: SET_UPS_PER_SECOND,
    echoesPerSecond: ECHOES_PER_SECOND,
    workers: WORKERS,
  };
}

async function measure(flags: Flags): Promise<FloodResult[]> {
  const floods = chosen(flags);
  const seconds = flags.seconds ?? (flags.quick === true ? QUICK_SECONDS : SECONDS);
  const options = stageOptions();
  const opened = stageHolder();
  const progress = new ProgressLine(floods.length, write, () => performance.now());
  const results: FloodResult[] = [];
  for (const flood of floods) {
    progress.step(`${flood.name}: ${flood.title}`);
    results.push(await measureFlood(flood, { ...options, seconds }, opened));
  }
  return results;
}

async function main(flags: Flags): Promise<void> {
  if (flags.list === true) {
    for (const { name, title } of FLOODS) console.log(`${name.padEnd(18)} ${title}`);
    return;
  }
  buildAddon();
  const obstacle = addonObstacle();
  if (obstacle !== undefined) throw new Error(obstacle);
  const startedAt = performance.now();
  if (flags.fleet !== undefined) return startFleet(flags.fleet, flags);
  if (flags.soak !== undefined) return soakFor(flags.soak, flags);
  const results = await measure(flags);
  console.log(tableText(results));
  const [load = 0] = loadavg();
  const took = timeText(performance.now() - startedAt);
  console.log(`${cpus().length} CPUs, load ${load.toFixed(1)} at the end; took ${took}.`);
  save(flags.json, results);
}

async function startFleet(relays: number, { seconds, json }: Flags): Promise<void> {
  let end: (() => Promise<void>) | undefined;
  closeOnSignals(() => end?.());
  const options = { relays, seconds: seconds ?? FLEET_SECONDS, cpus: planCpus() };
  const result = await fleetStart(options, (undo) => {
    end = undo;
  });
  console.log(fleetText(result));
  save(json, result);
}

async function soakFor(minutes: number, flags: Flags): Promise<void> {
  const options = { ...stageOptions(), minutes, floods: chosen(flags) };
  const result = await soak(options, stageHolder(), write);
  console.log(soakText(result));
  save(flags.json, result);
  if (!result.balances.every(isBalanced)) throw new Error('the counters do not balance');
}

function save(file: string | undefined, result: unknown): void {
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
}

try {
  await main(program.parse().opts<Flags>());
} catch (error) {
  console.error(`bench:abuse: ${(error as Error).message}`);
  process.exitCode = 1;
}
