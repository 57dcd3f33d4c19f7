/** What the rig finds; it is written as JSON as it is. */
import type { SetupResult } from '../setup/result.js';
import type { StepResult } from './step.js';
import type { TargetResult } from './targets.js';
import type { Contestant, Workload } from './types.js';

/**
 * A round's steps of one contestant: `common` is the load that floors and Turnpike carry alike,
 * `own` a share of its own capacity, `beside-NAME` the own load of a rival, `saturation` as much as
 * the generator offers, `latency` and `latency-beside-NAME` half of a capacity.
 */
export type RoundResult = Readonly<Record<string, StepResult>>;

/** What a contestant showed in a workload. */
export interface ContestantResult {
  readonly name: string;
  readonly title: string;
  readonly kind: Contestant['kind'];
  readonly rounds: readonly RoundResult[];
  readonly lossFreePps?: number;
}

/** What a workload showed. */
export interface WorkloadResult {
  readonly workload: Workload;
  readonly commonPps: number;
  readonly contestants: readonly ContestantResult[];
}

/** A contestant or workload that was left out, and why. */
export interface Omission {
  readonly what: string;
  readonly why: string;
}

/** A release of somebody else's program. */
export interface ProgramVersion {
  readonly title: string;
  readonly version: string;
}

/** Where and how it was measured. */
export interface Circumstances {
  readonly startedAt: string;
  readonly command: string;
  readonly scene: 'namespaces' | 'loopback';
  readonly cpuModel: string;
  readonly cpus: number;
  readonly kernel: string;
  readonly node: string;
  readonly version: string;
  /** The commit of Turnpike's sources, with `-dirty` where they differ from it; if it is known. */
  readonly commit?: string;
  /** What of other projects was measured. */
  readonly versions: readonly ProgramVersion[];
  readonly serverCpu: number;
  readonly generatorCpu: number;
  /** Mean number of runnable tasks in the minute before. */
  readonly loadAverage: number;
  readonly rounds: number;
  readonly secondsPerStep: number;
  /** What a reader has to know to read the figures. */
  readonly notes: readonly string[];
}

/** The whole result. */
export interface BenchResult {
  readonly circumstances: Circumstances;
  readonly omissions: readonly Omission[];
  readonly targets: readonly TargetResult[];
  readonly workloads: readonly WorkloadResult[];
  readonly setup: readonly SetupResult[];
  /** Figures that were not worth having, such as those with a busy generator. */
  readonly warnings: readonly string[];
}
