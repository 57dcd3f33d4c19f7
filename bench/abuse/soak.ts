import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Balance,
  directoryBalances,
  isBalanced,
  relayBalances,
  trunkBalance,
} from './balance.js';
import type { Flood } from './flood.js';
import { MetricsText } from './metrics-text.js';
import type { Point, Slope } from './slope.js';
import { slopeOf } from './slope.js';
import { Stage, type StageOptions } from './stage.js';
import type { VictimWindow } from './victim.js';
import type { Vitals } from './vitals.js';

/** Level of each flood. All run at the same time. */
const LEVEL = 0.02;
/** Number of samples, if their interval is at least SAMPLE_MS_MIN. */
const SAMPLES = 60;
/** Minimum interval of samples: each runs the garbage collector in every process. */
const SAMPLE_MS_MIN = 3_000;
/** Share of the samples that is left out at the beginning, while memory still rises. */
const WARM_UP = 0.25;
/**
 * Maximum number of readings of the counters. They are read one after the other while probes
 * continue, so not every reading balances.
 */
const BALANCE_TRIES = 20;
const BALANCE_PAUSE_MS = 300;
/** Time between the end of all traffic and the first reading. */
const QUIET_MS = 1_500;

/** The figures that are sampled in a process. */
export const FIGURES = ['residentMB', 'heapMB', 'externalMB', 'descriptors', 'resources'] as const;
export type Figure = (typeof FIGURES)[number];

/** Growth of one process. */
export interface ProcessSoak {
  readonly name: string;
  readonly slopes: Readonly<Record<Figure, Slope>>;
  /** The last values. */
  readonly ends: Readonly<Record<Figure, number>>;
}

/** The result of a soak, as written in JSON. */
export interface SoakResult {
  readonly minutes: number;
  readonly victim: VictimWindow;
  readonly processes: readonly ProcessSoak[];
  readonly balances: readonly Balance[];
}

type Sample = Readonly<Record<Figure, number>> & { readonly atMs: number };

/**
 * Runs genuine traffic and a low level of all floods at once. Measures the growth of each process,
 * and reads the balances at the end.
 * @param onStage - called with the stage before it is opened, so that a signal can close it
 * @param progress - called with each step
 * @throws Error when a process does not start, or ends early
 */
export async function soak(
  options: StageOptions & { readonly minutes: number; readonly floods: readonly Flood[] },
  onStage: (stage: Stage) => void,
  progress: (line: string) => void,
): Promise<SoakResult> {
  const stage = new Stage(options);
  onStage(stage);
  try {
    await stage.open();
    await stage.victim.call('begin', undefined);
    for (const { name } of options.floods) {
      progress(`starts ${name}`);
      await stage.attacker.call('begin', { name, target: stage.target, level: LEVEL });
    }
    const series = await sample(stage, options.minutes, progress);
    progress('ends the floods, then the genuine users');
    await stage.attacker.call('end', undefined);
    const victim = await stage.victim.call('read', undefined);
    await stage.victim.call('end', undefined);
    const processes = [...series].map(([name, samples]) => processSoak(name, samples));
    return { minutes: options.minutes, victim, processes, balances: await balances(stage) };
  } finally {
    await stage.close();
  }
}

function vitalsOf({ directory, relays: [a, b] }: Stage): Promise<[string, Vitals][]> {
  const named = (name: string) => (vitals: Vitals) => [name, vitals] as [string, Vitals];
  return Promise.all([
    directory.call('vitals', undefined).then(named('directory')),
    a.call('vitals', undefined).then(named('relay-a')),
    b.call('vitals', undefined).then(named('relay-b')),
  ]);
}

async function sample(stage: Stage, minutes: number, progress: (line: string) => void) {
  const series = new Map<string, Sample[]>();
  const lengthMs = minutes * 60_000;
  const everyMs = Math.max(SAMPLE_MS_MIN, lengthMs / SAMPLES);
  const startedAt = performance.now();
  for (let number = 1; number * everyMs <= lengthMs + 1; number++) {
    await sleep(Math.max(0, startedAt + number * everyMs - performance.now()));
    const atMs = performance.now();
    const values = await vitalsOf(stage);
    for (const [name, vitals] of values) {
      const samples = series.get(name) ?? [];
      samples.push({ atMs, ...figuresOf(vitals) });
      series.set(name, samples);
    }
    const resident = values.map(([name, { memory }]) => `${name} ${megabytes(memory)} MB`);
    progress(`${((atMs - startedAt) / 60_000).toFixed(1)} of ${minutes} min: ${resident}`);
  }
  return series;
}

function megabytes({ residentBytes }: Vitals['memory']): string {
  return (residentBytes / 1e6).toFixed(0);
}

function figuresOf({ memory, descriptors, resources }: Vitals): Record<Figure, number> {
  return {
    residentMB: memory.residentBytes / 1e6,
    heapMB: memory.heapUsedBytes / 1e6,
    externalMB: memory.externalBytes / 1e6,
    descriptors,
    resources,
  };
}

function processSoak(name: string, samples: readonly Sample[]): ProcessSoak {
  const settled = samples.slice(Math.floor(samples.length * WARM_UP));
  const points = (figure: Figure): Point[] =>
    settled.map((each) => ({ atMs: each.atMs, value: each[figure] }));
  const ofEach = <Value>(value: (figure: Figure) => Value) =>
    Object.fromEntries(FIGURES.map((figure) => [figure, value(figure)])) as Record<Figure, Value>;
  return {
    name,
    slopes: ofEach((figure) => slopeOf(points(figure))),
    ends: ofEach((figure) => samples.at(-1)?.[figure] ?? 0),
  };
}

/** Reads the counters until all balance, at most BALANCE_TRIES times. */
async function balances(stage: Stage): Promise<Balance[]> {
  await sleep(QUIET_MS);
  for (let tried = 1; ; tried++) {
    const [directory, a, b] = (await vitalsOf(stage)).map(
      ([, { metrics }]) => new MetricsText(metrics),
    ) as [MetricsText, MetricsText, MetricsText];
    const all = [
      ...relayBalances('relay-a', a),
      ...relayBalances('relay-b', b),
      trunkBalance(a, b, 'relay-a to relay-b'),
      trunkBalance(b, a, 'relay-b to relay-a'),
      ...directoryBalances(directory),
    ];
    if (all.every(isBalanced) || tried >= BALANCE_TRIES) return all;
    await sleep(BALANCE_PAUSE_MS);
  }
}
