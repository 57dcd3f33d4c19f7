import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './programs.js';
import type { Circumstances, ProgramVersion, WorkloadResult } from './result.js';
import { type Effort, OFFERED_MIN } from './rounds.js';
import type { CpuPlan, Scene } from './scene.js';
import type { StepResult } from './step.js';
import type { Contestant } from './types.js';

/** The least idle time that a generator must have for its figures to be the server's. */
const GENERATOR_IDLE_MIN = 0.2;
const SATURATED = 0.9;
/** A server that lost this much had more than it could take, busy or not. */
const FIXED_LOSS_MAX = 0.01;
const SATURATED_LOSS = 0.01;
/** More runnable tasks than this before the run, and others use the CPUs too. */
const LOAD_AVERAGE_MAX = 0.5;

const NOTES: Readonly<Record<Scene['kind'], readonly string[]>> = {
  loopback: [
    'Indicative only: without the rights to make network namespaces all of this ran on the ' +
      'loopback interface, where the sender does the receiver’s work and the sink shares a CPU ' +
      'with the generator.',
  ],
  namespaces: [
    'CPU time is user and system time of the server’s process. On veth the work of receiving, up ' +
      'to the socket’s queue, runs in the generator’s context, so it is in nobody’s figure here; ' +
      'that of sending, up to the far end’s counter, is in the server’s.',
    'XDP programs and kernel forwarding have no process: their device polls in a NAPI thread ' +
      'pinned to the server’s CPU, and that thread’s time is the figure, receiving included.',
    'What sockets send is counted and dropped by a program in tc at the far end; what XDP ' +
      'redirects, by one in XDP there, as veth delivers it only to a device with a program. One ' +
      'datagram in 256 goes on to a UDP socket that checks its content and sequence.',
    'Frames for sockets arrive with their UDP checksum left to the device, as from a card that ' +
      'has checked it; frames for XDP programs carry it complete.',
    'Where traffic goes both ways at once, each end generates half of it and counts the other ' +
      'half; both generators are on the generator’s CPU. Frames for XDP programs then come from ' +
      'packet sockets, and veth copies each before a program sees it.',
    'On the path over two relays the threads that poll the devices between them run with ' +
      'real-time priority (chrt -f 1), and nobody else does: with equal rights the first thread ' +
      'would fill the next one’s ring of 256 frames for milliseconds. XDP has an advantage there ' +
      'that sockets have not.',
    'A fixed load is at most 70 % of what the slowest of those compared can carry.',
  ],
};
const NOTES_ANYWHERE: readonly string[] = [
  'Load arrives in bursts and not evenly spaced: most workloads have 16 frames in a burst, and ' +
    'every contestant gets the same. Who takes several packets with one system call finds them.',
  'Turnpike is its data plane with one worker here. Its flows are put in by formula, and no ' +
    'control plane with timers runs beside it. Other TURN servers hold real allocations, with ' +
    'all that belongs to them; coturn has one thread that relays, pion and npm’s have one CPU.',
];

/** Sources that a run itself writes to. */
const NO_SOURCES = ':(exclude)bench/results';

/** Turnpike's commit, with `-dirty` where its files differ; undefined outside of a checkout. */
function commitOf(folder: string): string | undefined {
  // In a project that has Turnpike as a dependency, git would tell that project's commit.
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

/** Those of other projects' contestants, as far as they can be told. */
export async function versionsOf(contestants: readonly Contestant[]): Promise<ProgramVersion[]> {
  const versions: ProgramVersion[] = [];
  for (const one of contestants) {
    // A figure without its program's version is better than none.
    const version = await one.version?.().catch(() => undefined);
    if (version !== undefined) versions.push({ title: one.title, version });
  }
  return versions;
}

/** Where and how a run measures. */
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

/** What makes figures doubtful, one line each. */
export function warningsOf(
  { loadAverage }: Circumstances,
  workloads: readonly WorkloadResult[],
): string[] {
  const busy = `Others kept the machine busy (load ${loadAverage.toFixed(1)}): trust ratios only.`;
  return [...(loadAverage > LOAD_AVERAGE_MAX ? [busy] : []), ...DOUBTS.flatMap(judgeBy(workloads))];
}

/** Something that makes a step's figures doubtful. */
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
    what: 'Damaged payloads arrived',
    applies: ({ sink }) => (sink?.damaged ?? 0) + (sink?.malformed ?? 0) > 0,
  },
  {
    what: 'Payloads arrived twice',
    applies: ({ sink }) => (sink?.duplicates ?? 0) > 0,
  },
];

/** One line for each doubt, however many steps it is about. */
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
