/** The results of the load bench, as bench.json has them. */
import type { SetupResult } from '../setup/result.js';
import type { TargetResult } from './ratio-targets.js';
import type { StepResult } from './step.js';
import type { TurnSetupResult } from './turn-setups.js';
import type { Contestant, Workload } from './types.js';

/**
 * The steps of one contestant in a round, by label. `common`: the load that is the same for floors
 * and Turnpike. `own`: a share of its own capacity. `beside-NAME`: the own load of a rival.
 * `saturation`: as much as the generator can send. `latency`, `latency-beside-NAME`: half of its
 * own capacity or of the rival's.
 */
export type RoundResult = Readonly<Record<string, StepResult>>;

/** Results of a contestant in a workload. */
export interface ContestantResult {
  readonly name: string;
  readonly title: string;
  readonly kind: Contestant['kind'];
  readonly rounds: readonly RoundResult[];
  readonly lossFreePps?: number;
}

/** Results of a workload. */
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

/** The version of another project's program. */
export interface ProgramVersion {
  readonly title: string;
  readonly version: string;
}

/** The host, the software and the options of a run. */
export interface Circumstances {
  readonly startedAt: string;
  readonly command: string;
  readonly scene: 'namespaces' | 'loopback';
  readonly cpuModel: string;
  readonly cpus: number;
  readonly kernel: string;
  readonly node: string;
  readonly version: string;
  /** The commit of Turnpike's sources, with `-dirty` if they differ from it; absent if unknown. */
  readonly commit?: string;
  /** Versions of other projects' programs. */
  readonly versions: readonly ProgramVersion[];
  readonly serverCpu: number;
  readonly generatorCpu: number;
  /** Mean number of runnable tasks in the minute before. */
  readonly loadAverage: number;
  readonly rounds: number;
  readonly secondsPerStep: number;
  /** How the figures are to be read. */
  readonly notes: readonly string[];
}

/** The whole result. */
export interface BenchResult {
  readonly circumstances: Circumstances;
  readonly omissions: readonly Omission[];
  readonly targets: readonly TargetResult[];
  readonly workloads: readonly WorkloadResult[];
  readonly setup: readonly SetupResult[];
  readonly turnSetup: readonly TurnSetupResult[];
  /** Reasons to doubt figures, such as a busy generator. */
  readonly warnings: readonly string[];
}
