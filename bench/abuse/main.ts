/** Floods, and what genuine users have meanwhile: `npm run bench:abuse -- --help`. */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { SIGNAL_EXIT } from '../../src/cli/exit-codes.js';
import { inheritedIgnore } from '../../src/cli/signals.js';
import { addonObstacle, buildAddon } from '../load/addon.js';
import { ProgressLine, timeText } from '../load/progress.js';
import { allowedCpus, type CpuPlan } from '../load/scene.js';
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
    'Floods a directory and two relays on loopback, one flood after the other, and shows what ' +
      'genuine users have meanwhile beside what they have without it: share and time of set-ups, ' +
      'loss and round trip of an echo, memory and CPU of the attacked process, bytes sent for ' +
      'each byte received. Nothing is asserted, and nothing leaves this host.',
  )
  .option('--quick', 'the most telling floods, shortly: under a minute')
  .option('--only <words...>', 'floods whose names hold one of these words', [])
  .option(
    '--seconds <number>',
    `length of each measurement, ${SECONDS} by default, ${QUICK_SECONDS} with --quick`,
    positive,
  )
  .option(
    '--soak <minutes>',
    'genuine traffic and a little of all floods at once: shows by how much memory and ' +
      'descriptors grow, and ends with status 1 where the counters do not balance',
    positive,
  )
  .option(
    '--fleet <relays>',
    'so many relays, at most 1,024, start within 3 s: when each knows all, and what a client has',
    positive,
  )
  .option('--json <file>', 'write all figures there')
  .option('--list', 'show the floods')
  .addHelpText(
    'after',
    '\nA flood takes its time twice, without and with it, and some seconds to begin. Its row' +
      '\nreads `quiet → flooded`. Read the quiet figures first: where they are bad, something' +
      '\nelse keeps this machine busy. docs/security.md says what each figure is worth.\n' +
      '\nExamples:\n  npm run bench:abuse -- --list\n  npm run bench:abuse -- --quick\n' +
      '  npm run bench:abuse -- --only spoofed half-open --seconds 20 --json abuse.json\n' +
      '  npm run bench:abuse -- --soak 60',
  );

const write = (line: string) => console.error(line);

/** @throws Error for a word that no flood's name holds */
function chosen({ quick, only }: Flags): Flood[] {
  for (const word of only) {
    if (!FLOODS.some(({ name }) => name.includes(word))) {
      throw new Error(`no flood is called ${word}: see --list`);
    }
  }
  if (only.length > 0) return FLOODS.filter(({ name }) => only.some((word) => name.includes(word)));
  return FLOODS.filter((flood) => quick !== true || flood.quick === true);
}

/** The service has a CPU to itself where there are two. */
function planCpus(): CpuPlan {
  const [server = 0, generator = server] = allowedCpus();
  return { server, generator };
}

function closeOnSignals(close: () => Promise<void> | undefined): void {
  for (const [signal, code] of Object.entries(SIGNAL_EXIT)) {
    // As under nohup.
    if (signal === 'SIGHUP' && inheritedIgnore(signal)) continue;
    process.once(signal, () => {
      write(`${signal}: cleaning up`);
      const closed = close() ?? Promise.resolve();
      void closed.finally(() => process.exit(code));
    });
  }
}

/** Where a stage is, so that a signal can close it. */
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
