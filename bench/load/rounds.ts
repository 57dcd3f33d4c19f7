import { CleanUp } from './clean-up.js';
import type { ContestantResult, RoundResult, WorkloadResult } from './result.js';
import type { Scene } from './scene.js';
import { bisect } from './statistics.js';
import { runStep, type StepOptions, type StepResult } from './step.js';
import type { Contestant, Running, Workload } from './types.js';

/** Number and length of measurements. */
export interface Effort {
  /** Rounds of alternating contestants; the first is discarded. */
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
  /** Whether to search for the loss-free rate and to measure latency. */
  readonly searches: boolean;
}

/** Called before each step. */
export type Progress = (what: string) => void;

/** Load of an `own` step, as a share of the contestant's capacity. */
const OWN_SHARE = 0.6;
/** Maximum fixed load, as a share of the slowest contestant's capacity. */
const FIXED_SHARE_MAX = 0.7;
/** Maximum loss that counts as none: one packet in ten thousand. */
const LOSS_FREE = 1e-4;
const BISECTION_TRIES = 7;
/** One datagram in this many is received and checked by a socket. */
const CHECKED_ONE_IN = 257;
/**
 * The same in steps that measure latency. Both are prime, so that every position in a burst of 16
 * frames is sampled.
 */
const LATENCY_ONE_IN = 31;
/** Minimum share of a rate that the generator must offer. */
export const OFFERED_MIN = 0.95;

/** Returns the maximum number of steps of a workload, to estimate the time left. */
export function stepsOf(effort: Effort, workload: Workload, contestants: readonly Contestant[]) {
  const rivals = contestants.filter(({ kind }) => kind === 'rival').length;
  const searches = effort.searches && workload.searches === true;
  return contestants
    .map(({ kind }) => {
      const loads = kind === 'turnpike' ? 3 + rivals : kind === 'floor' ? 3 : 2;
      const latencies = searches ? (kind === 'turnpike' ? 1 + rivals : 1) : 0;
      return 1 + (loads + latencies) * (effort.rounds - 1) + (searches ? BISECTION_TRIES : 0);
    })
    .reduce((sum, steps) => sum + steps, 0);
}

/** Returns the label of Turnpike's step at the load of a rival's `own` step. */
export function besideLabel(rival: string): string {
  return `beside-${rival}`;
}

/** The label of the step at a share of a contestant's own capacity. */
export const OWN_LABEL = 'own';

/** The label of the step that measures latency at half of a contestant's own capacity. */
export const LATENCY_LABEL = 'latency';

/** Returns the label of the step that measures Turnpike's latency at half of a rival's capacity. */
export function latencyBesideLabel(rival: string): string {
  return `${LATENCY_LABEL}-${besideLabel(rival)}`;
}

/**
 * Returns the payloads a second that a server can carry with a CPU to itself, computed from its CPU
 * time per packet. If other programs used its CPU, the measured rate is too low.
 */
function capacityPps({ deliveredPps, cpuNsPerPacket }: StepResult): number {
  return cpuNsPerPacket > 0 ? Math.max(deliveredPps, 1e9 / cpuNsPerPacket) : deliveredPps;
}

/** Options of the measurement of a workload. */
export interface WorkloadRunOptions {
  readonly effort: Effort;
  readonly progress: Progress;
  /**
   * Called with a contestant that failed and is left out from then on.
   * @throws Error when the session was closed, which is why it failed
   */
  readonly omit: (contestant: Contestant, why: string) => void;
}

/** Measures one workload with all contestants in alternating rounds. */
export class WorkloadRun {
  readonly #scene: Scene;
  readonly #workload: Workload;
  /** Contestants that have not failed. */
  #contestants: readonly Contestant[];
  readonly #effort: Effort;
  readonly #progress: Progress;
  readonly #omit: (contestant: Contestant, why: string) => void;
  readonly #capacities = new Map<string, number>();

  constructor(
    scene: Scene,
    workload: Workload,
    contestants: readonly Contestant[],
    options: WorkloadRunOptions,
  ) {
    this.#scene = scene;
    this.#workload = workload;
    this.#contestants = contestants;
    this.#effort = options.effort;
    this.#progress = options.progress;
    this.#omit = options.omit;
  }

  /**
   * Runs all rounds, then the searches. A contestant that fails is left out of the rest.
   * @throws Error when the session was closed
   */
  async run(): Promise<WorkloadResult> {
    await this.#findCapacities();
    const results = new Map<string, ContestantResult & { rounds: RoundResult[] }>(
      this.#contestants.map(({ name, title, kind }) => [name, { name, title, kind, rounds: [] }]),
    );
    const commonPps = this.#commonRate();
    for (let round = 1; round < this.#effort.rounds; round++) {
      for (const one of rotated(this.#contestants, round)) {
        await this.#orOmit(one, async () => {
          results.get(one.name)?.rounds.push(await this.#round(one, round, commonPps));
        });
      }
    }
    if (this.#effort.searches && this.#workload.searches === true) {
      for (const one of this.#contestants) {
        await this.#orOmit(one, async () => {
          const lossFreePps = await this.#findLossFree(one);
          Object.assign(results.get(one.name) ?? {}, { lossFreePps });
        });
      }
    }
    return { workload: this.#workload, commonPps, contestants: [...results.values()] };
  }

  /** Runs a measurement. If it fails, the contestant is left out; its earlier results stay. */
  async #orOmit(contestant: Contestant, measure: () => Promise<void>): Promise<void> {
    try {
      await measure();
    } catch (error) {
      this.#contestants = this.#contestants.filter((one) => one !== contestant);
      this.#omit(contestant, (error as Error).message);
    }
  }

  /** Runs the discarded round, which warms up and measures each contestant's capacity. */
  async #findCapacities(): Promise<void> {
    for (const contestant of this.#contestants) {
      await this.#orOmit(contestant, () =>
        this.#with(contestant, async (running) => {
          const result = await this.#step(contestant, running, 'warm-up', { rate: 0 });
          if (result.delivered === 0) throw new Error('nothing that was sent to it arrived');
          this.#capacities.set(contestant.name, capacityPps(result));
        }),
      );
    }
  }

  #capacity(name: string): number {
    return this.#capacities.get(name) ?? 0;
  }

  #ownRate(name: string): number {
    return Math.round(OWN_SHARE * this.#capacity(name));
  }

  #commonRate(): number {
    const together = this.#contestants.filter(({ kind }) => kind !== 'rival');
    if (together.length === 0) return 0;
    const slowest = Math.min(...together.map(({ name }) => this.#capacity(name)));
    const { commonPps } = this.#workload;
    if (commonPps !== undefined && commonPps <= FIXED_SHARE_MAX * slowest) return commonPps;
    return Math.round(OWN_SHARE * slowest);
  }

  /** Returns the rates at which a contestant is measured, by label. */
  #rates({ name, kind }: Contestant, commonPps: number): Map<string, number> {
    const rates = new Map<string, number>();
    if (kind !== 'rival') rates.set('common', commonPps);
    rates.set(OWN_LABEL, this.#ownRate(name));
    for (const rival of this.#contestants) {
      if (kind !== 'turnpike' || rival.kind !== 'rival') continue;
      rates.set(besideLabel(rival.name), this.#ownRate(rival.name));
    }
    return rates.set('saturation', 0);
  }

  /** Returns the rates at which a contestant's latency is measured, by label. */
  #latencyRates({ name, kind }: Contestant): Map<string, number> {
    const rates = new Map<string, number>();
    if (!this.#effort.searches || this.#workload.searches !== true) return rates;
    rates.set(LATENCY_LABEL, this.#capacity(name) / 2);
    for (const rival of this.#contestants) {
      if (kind !== 'turnpike' || rival.kind !== 'rival') continue;
      rates.set(latencyBesideLabel(rival.name), this.#capacity(rival.name) / 2);
    }
    return rates;
  }

  async #round(contestant: Contestant, round: number, commonPps: number): Promise<RoundResult> {
    return this.#with(contestant, async (running) => {
      const steps: Record<string, StepResult> = {};
      for (const [label, rate] of this.#rates(contestant, commonPps)) {
        const what = `round ${round}, ${label}`;
        steps[label] = await this.#step(contestant, running, what, { rate });
      }
      for (const [label, rate] of this.#latencyRates(contestant)) {
        const options = { rate, sampleOneIn: LATENCY_ONE_IN };
        steps[label] = await this.#step(contestant, running, `round ${round}, ${label}`, options);
      }
      return steps;
    });
  }

  #findLossFree(contestant: Contestant): Promise<number> {
    return this.#with(contestant, async (running) => {
      const passes = async (rate: number) => {
        const what = `loss at ${Math.round(rate / 1000)} kpps`;
        const { loss, offeredPps } = await this.#step(contestant, running, what, { rate });
        return loss <= LOSS_FREE && offeredPps >= OFFERED_MIN * rate;
      };
      const high = this.#capacity(contestant.name) * 1.2;
      return bisect(passes, { low: 0, high, tries: BISECTION_TRIES });
    });
  }

  async #with<Result>(
    contestant: Contestant,
    measure: (running: Running) => Promise<Result>,
  ): Promise<Result> {
    const running = await contestant.start(this.#scene, this.#workload);
    const cleanUp = new CleanUp();
    cleanUp.onEnd(() => running.stop());
    try {
      const result = await measure(running);
      await cleanUp.run();
      return result;
    } catch (cause) {
      throw await cleanUp.after(cause);
    }
  }

  async #step(
    contestant: Contestant,
    running: Running,
    what: string,
    options: Pick<StepOptions, 'rate'> & Partial<StepOptions>,
  ): Promise<StepResult> {
    this.#progress(`${this.#workload.name}: ${contestant.name}, ${what}`);
    const { seconds } = this.#effort;
    const all = { seconds, sampleOneIn: CHECKED_ONE_IN, ...options };
    try {
      return await runStep(this.#scene, this.#workload, running, all);
    } catch (cause) {
      const where = `${contestant.name} in ${this.#workload.name}, ${what}`;
      throw new Error(`${where}: ${(cause as Error).message}`, { cause });
    }
  }
}

/** Rotates the order of contestants, so that none comes first in every round. */
function rotated<Item>(items: readonly Item[], by: number): Item[] {
  const start = by % Math.max(1, items.length);
  return [...items.slice(start), ...items.slice(0, start)];
}
