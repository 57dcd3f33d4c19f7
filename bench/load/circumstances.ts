import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './programs.js';
import type { Circumstances, ProgramVersion, WorkloadResult } from './result.js';
import { type Effort, OFFERED_MIN } from './rounds.js';
import type { CpuPlan, Scene } from './scene.js';
import type { StepResult } from './step.js';
import type { TurnSetupResult } from './turn-setups.js';
import type { Contestant } from './types.js';

/** Minimum idle share of the generator, below which it may limit the measurement. */
const GENERATOR_IDLE_MIN = 0.2;
/** A server counts as saturated from this share of its CPU, or from SATURATED_LOSS. */
const SATURATED = 0.9;
const SATURATED_LOSS = 0.01;
/** Maximum loss at a fixed load. */
const FIXED_LOSS_MAX = 0.01;
/** Minimum number of sampled packets of which a socket must accept one. */
const SAMPLED_MIN = 4;
/** Load average before the run above which other programs use the CPUs. */
const LOAD_AVERAGE_MAX = 0.5;

const NOTES: Readonly<Record<Scene['kind'], readonly string[]>> = {
  loopback: [
    'Indicative only: measured on the loopback interface instead of network namespaces. There ' +
      'the sender does the receiver’s work, and the sink shares a CPU with the generator.',
  ],
  namespaces: [
    'CPU time is user and system time of the server’s process. On veth the work of receiving, up ' +
      'to the socket’s queue, runs in the generator’s context and is in no figure; the work of ' +
      'sending, up to the far end’s counter, is in the server’s.',
    'XDP programs and kernel forwarding have no process: their device polls in a NAPI thread ' +
      'pinned to the server’s CPU, and that thread’s time is the figure, receiving included.',
    'What sockets send is counted and dropped by a program in tc at the far end; what XDP ' +
      'redirects, by an XDP program there, as veth delivers it only to a device with a program. ' +
      'One datagram in 257 goes on to a UDP socket that checks its content and sequence.',
    'Frames for sockets arrive with their UDP checksum left to the device, as from a card that ' +
      'has checked it; frames for XDP programs carry it complete.',
    'Where traffic goes both ways at once, each end generates half of it and counts the other ' +
      'half; both generators are on the generator’s CPU. Frames for XDP programs then come from ' +
      'packet sockets, and veth copies each before a program sees it.',
    'On the path over two relays only the threads that poll the devices between them run with ' +
      'real-time priority (chrt -f 1). With equal priority the first thread would fill the next ' +
      'one’s ring of 256 frames for milliseconds. This is an advantage for XDP over sockets.',
    'A fixed load is at most 70 % of the capacity of the slowest contestant compared.',
  ],
};
const NOTES_ANYWHERE: readonly string[] = [
  'Load arrives in bursts and is not evenly spaced: most workloads have 16 frames in a burst, ' +
    'for every contestant. Contestants that receive several packets per system call benefit.',
  'Turnpike is its data plane with one worker here. Its flows are added by formula, and no ' +
    'control plane with timers runs beside it. Other TURN servers have real allocations; coturn ' +
    'has one relaying thread, pion and npm’s turn-server have one CPU.',
  'In workloads whose names begin with `turn-`, Turnpike is its whole TURN server with one ' +
    'worker. All TURN servers do the same work: the same client makes the same allocations at ' +
    'each, with a channel or a permission for a peer of its own.',
];

/** Files that a run itself writes. */
const NO_SOURCES = ':(exclude)bench/results';

/** Returns the commit of a checkout, with `-dirty` if its files differ; undefined for others. */
function commitOf(folder: string): string | undefined {
  // In a project with Turnpike as a dependency, git would print that project's commit.
  if (!existsSync(join(folder, '.git'))) return undefined;
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', folder, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', '.', NO_SOURCES);
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed === '' ? '' : '-dirty'}`;
  } catch {
    return undefined;
  }
}

/** Returns the versions of other projects' programs, where they are known. */
export async function versionsOf(contestants: readonly Contestant[]): Promise<ProgramVersion[]> {
  const versions: ProgramVersion[] = [];
  for (const one of contestants) {
    // A program is measured even if its version is unknown.
    const version = await one.version?.().catch(() => undefined);
    if (version !== undefined) versions.push({ title: one.title, version });
  }
  return versions;
}

/** Returns the host, the software and the options of a run. */
export function describeCircumstances(options: {
  readonly scene: Scene['kind'];
  readonly cpus: CpuPlan;
  readonly effort: Effort;
  readonly command: string;
  readonly versions: readonly ProgramVersion[];
}): Circumstances {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  const commit = commitOf(ROOT);
  return {
    startedAt: new Date().toISOString(),
    command: options.command,
    scene: options.scene,
    cpuModel: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
    kernel: release(),
    node: process.version,
    version: manifest.version,
    ...(commit !== undefined && { commit }),
    versions: options.versions,
    serverCpu: options.cpus.server,
    generatorCpu: options.cpus.generator,
    loadAverage: loadavg()[0] ?? 0,
    rounds: options.effort.rounds - 1,
    secondsPerStep: options.effort.seconds,
    notes: [...NOTES[options.scene], ...NOTES_ANYWHERE],
  };
}

/** Returns the reasons to doubt the figures, one line each. */
export function warningsOf(
  { loadAverage }: Circumstances,
  workloads: readonly WorkloadResult[],
  turnSetup: readonly TurnSetupResult[] = [],
): string[] {
  const busy = `Others kept the machine busy (load ${loadAverage.toFixed(1)}): trust ratios only.`;
  return [
    ...(loadAverage > LOAD_AVERAGE_MAX ? [busy] : []),
    ...DOUBTS.flatMap(judgeBy(workloads)),
    ...clientDoubt(turnSetup),
  ];
}

/** Returns one line if the TURN client may have limited what it measured. */
function clientDoubt(turnSetup: readonly TurnSetupResult[]): string[] {
  const busy = turnSetup.filter(({ rounds }) =>
    rounds.some(({ clientIdle }) => clientIdle < GENERATOR_IDLE_MIN),
  );
  const names = busy.map(({ name }) => name).join(', ');
  return names === '' ? [] : [`The TURN client was idle for less than 20 % of the time: ${names}.`];
}

/** A reason to doubt the figures of a step. */
interface Doubt {
  readonly what: string;
  readonly applies: (step: StepResult, label: string) => boolean;
}

const DOUBTS: readonly Doubt[] = [
  {
    what: 'The generator was idle for less than 20 % of the time at a fixed load',
    applies: ({ generatorIdle }, label) =>
      label !== 'saturation' && generatorIdle < GENERATOR_IDLE_MIN,
  },
  {
    what: 'Less than 95 % of a fixed load was offered',
    applies: ({ askedPps, offeredPps }) => offeredPps < OFFERED_MIN * askedPps,
  },
  {
    what: 'More than 1 % of a fixed load was lost',
    applies: ({ loss }, label) => label !== 'saturation' && loss > FIXED_LOSS_MAX,
  },
  {
    what: 'The generator could not saturate the server',
    applies: ({ serverBusy, loss }, label) =>
      label === 'saturation' && serverBusy < SATURATED && loss < SATURATED_LOSS,
  },
  {
    what: 'No socket accepted any of the sampled packets',
    applies: ({ arrivals, sink }) =>
      sink?.payloads === 0 && (arrivals?.sampled ?? 0) >= SAMPLED_MIN,
  },
  {
    what: 'Damaged payloads arrived',
    applies: ({ sink }) => (sink?.damaged ?? 0) + (sink?.malformed ?? 0) > 0,
  },
  {
    what: 'Payloads arrived twice',
    applies: ({ sink }) => (sink?.duplicates ?? 0) > 0,
  },
];

/** Returns a function that returns one line about all steps to which a doubt applies. */
function judgeBy(workloads: readonly WorkloadResult[]): (doubt: Doubt) => string[] {
  return ({ what, applies }) => {
    const found = workloads.flatMap(({ workload, contestants }) =>
      contestants.flatMap(({ rounds }) =>
        rounds
          .flatMap((round) => Object.entries(round))
          .filter(([label, step]) => applies(step, label))
          .map(() => workload.name),
      ),
    );
    if (found.length === 0) return [];
    return [`${what}: ${found.length} steps, in ${[...new Set(found)].join(', ')}.`];
  };
}
