/** Thousands of relays against one directory: `npm run bench:fleet -- --help`. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { closeOnSignals } from '../setup/close-on-signals.js';
import { Fleet, type Phase } from './fleet.js';

interface Flags {
  readonly relays: number;
  readonly seconds: number;
  readonly checkout: string;
  readonly json?: string;
}

/** Descriptors of a process beside one for each relay. */
const OTHER_DESCRIPTORS = 100;
/** As many as `REGISTRATION_LIMITS.relaysMax`, with the one that is added later. */
const RELAYS_MAX = 10_239;

const positive = (text: string) => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a positive number');
  return value;
};

const relays = (text: string) => {
  const value = positive(text);
  if (Number.isInteger(value) && value <= RELAYS_MAX) return value;
  throw new InvalidArgumentError(`an integer of at most ${RELAYS_MAX}`);
};

const checkoutFolder = (text: string) => {
  const folder = resolve(text);
  if (existsSync(join(folder, 'src/directory/index.ts'))) return folder;
  throw new InvalidArgumentError('a folder with src/directory/index.ts');
};

const program = new Command('bench:fleet')
  .description(
    'Runs the registrations of many relays against one directory, on loopback with real HTTP and ' +
      'signatures, in two processes. Shows what the directory needs while they start, while ' +
      'nothing changes, while they learn of one new relay, and while they come back after a ' +
      'restart of the directory. Asserts nothing.',
  )
  .option('--relays <number>', `number of relays, at most ${RELAYS_MAX}`, relays, 1_000)
  .option('--seconds <number>', 'length of the quiet phase', positive, 30)
  .option(
    '--checkout <folder>',
    'checkout whose directory is measured, with its dependencies installed',
    checkoutFolder,
    fileURLToPath(new URL('../..', import.meta.url)),
  )
  .option('--json <file>', 'write all figures there')
  .addHelpText(
    'after',
    '\nThe relays are light: they register, beat and take the registry, and nothing else. With' +
      '\n10,000 of them the bench takes about two minutes. Each relay needs a descriptor in each' +
      '\nprocess (`ulimit -Hn`). The processes should have a core each: `loop delay` is that of' +
      '\nthe directory, and of whatever else keeps its core busy.\n' +
      '\nExamples:\n  npm run bench:fleet -- --relays 200 --seconds 5\n' +
      '  npm run bench:fleet -- --relays 10000 --json fleet.json\n' +
      '  npm run bench:fleet -- --relays 1000 --checkout ../before',
  );

function phaseText(phase: Phase): string {
  const { name, seconds, cpu, delayP50Ms, delayP99Ms, delayMaxMs, residentBytes } = phase;
  const { registrations, beats, fetches, failures, receivedBytes, isDone } = phase;
  const ms = [delayP50Ms, delayP99Ms, delayMaxMs].map((each) => each.toFixed(1)).join(' / ');
  return [
    `${name}${isDone ? '' : ' (NOT DONE)'}: ${seconds.toFixed(1)} s,`,
    `${(100 * cpu).toFixed(0)} % CPU, loop delay p50/p99/max ${ms} ms,`,
    `${(residentBytes / 1e6).toFixed(0)} MB resident;`,
    `${registrations} registrations, ${beats} beats (${(beats / seconds).toFixed(0)}/s),`,
    `${fetches} fetches, ${failures} failures, ${(receivedBytes / 1e6).toFixed(2)} MB of answers`,
  ].join(' ');
}

/** Throws an error if this process, and so its children, may not open enough descriptors. */
function checkDescriptors(count: number): void {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  const most = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1] ?? Number.NaN);
  if (count + OTHER_DESCRIPTORS <= most || Number.isNaN(most)) return;
  throw new Error(`${count} relays need more than the ${most} descriptors of \`ulimit -Hn\``);
}

async function main({ json, ...flags }: Flags): Promise<void> {
  checkDescriptors(flags.relays);
  const phases: Phase[] = [];
  const fleet = new Fleet({
    ...flags,
    write: (line) => console.error(line),
    onPhase: (phase) => {
      phases.push(phase);
      console.log(phaseText(phase));
    },
  });
  closeOnSignals(() => fleet.end());
  try {
    await fleet.run();
  } finally {
    await fleet.end();
  }
  const [load = 0] = loadavg();
  console.log(`${flags.relays} relays; ${cpus().length} CPUs, load ${load.toFixed(1)} at the end.`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(phases, null, 1)}\n`);
}

try {
  await main(program.parse().opts<Flags>());
} catch (error) {
  console.error(`bench:fleet: ${(error as Error).message}`);
  process.exitCode = 1;
}
