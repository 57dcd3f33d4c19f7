import type { Scene } from './scene.js';
import { bisect } from './statistics.js';
import { runStep, type StepOptions, type StepResult } from './step.js';
import type { Contestant, Running, Workload } from './types.js';

/** How much to measure. */
export interface Effort {
  /** Rounds of alternating contestants; the first is discarded. */
  readonly rounds: number;
  readonly seconds: number;
  /** Whether to search the loss-free rate and measure latency. */
  readonly searches: boolean;
}

/** A round's figures of one contestant. */
export interface RoundResult {
  /** At the load that all contestants of the workload can carry. */
  readonly common?: StepResult;
  /** At OWN_SHARE of its own saturation. */
  readonly own?: StepResult;
  /** With as much as the generator can offer. */
  readonly saturation: StepResult;
}

/** What a contestant showed in a workload. */
export interface ContestantResult {
  readonly name: string;
  readonly title: string;
  /** Why it was left out. */
  readonly skipped?: string;
  readonly rounds: RoundResult[];
  lossFreePps?: number;
  latency?: StepResult;
}

/** What a workload showed. */
export interface WorkloadResult {
  readonly workload: Workload;
  commonPps: number;
  readonly contestants: ContestantResult[];
}

/** Told before each step. */
export type Progress = (what: string) => void;

/** The share of its saturation that a server is loaded with. */
const OWN_SHARE = 0.6;
const COMMON_SHARE = 0.6;
/** A server this close to its saturation is not compared at a fixed load any more. */
const FIXED_SHARE_MAX = 0.7;
/** Loss up to this counts as none: one packet in ten thousand. */
const LOSS_FREE = 1e-4;
const BISECTION_TRIES = 7;
/** One datagram in so many is received and checked by a real socket. */
const CHECKED_ONE_IN = 256;
const LATENCY_ONE_IN = 32;

/** Steps that a workload takes, for the time left. */
export function stepsOf(effort: Effort, contestants: number): number {
  const inRounds = 1 + 3 * (effort.rounds - 1);
  return contestants * (inRounds + (effort.searches ? BISECTION_TRIES + 1 : 0));
}

/** Measures one workload with all contestants, alternating. */
export class WorkloadRun {
  readonly #scene: Scene;
  readonly #workload: Workload;
  readonly #contestants: readonly Contestant[];
  readonly #effort: Effort;
  readonly #progress: Progress;
  readonly #saturations = new Map<string, number>();

  constructor(
    scene: Scene,
    workload: Workload,
    contestants: readonly Contestant[],
    options: { readonly effort: Effort; readonly progress: Progress },
  ) {
    this.#scene = scene;
    this.#workload = workload;
    this.#contestants = contestants;
    this.#effort = options.effort;
    this.#progress = options.progress;
  }

  /**
   * Runs all rounds, then the searches.
   * @throws Error when a contestant does not come up, or a program of the rig fails
   */
  async run(): Promise<WorkloadResult> {
    const results = new Map<string, ContestantResult>(
      this.#contestants.map(({ name, title }) => [name, { name, title, rounds: [] }]),
    );
    for (const one of this.#contestants) await this.#findSaturation(one);
    const commonPps = this.#commonRate();
    for (let round = 1; round < this.#effort.rounds; round++) {
      for (const one of rotated(this.#contestants, round)) {
        results.get(one.name)?.rounds.push(await this.#round(one, round, commonPps));
      }
    }
    if (this.#effort.searches) {
      for (const one of this.#contestants) {
        const result = results.get(one.name);
        if (result !== undefined) await this.#search(one, result);
      }
    }
    return { workload: this.#workload, commonPps, contestants: [...results.values()] };
  }

  /** The discarded round: it warms everything and says what each can carry. */
  async #findSaturation(contestant: Contestant): Promise<void> {
    await this.#with(contestant, async (running) => {
      const { deliveredPps } = await this.#step(contestant, running, 'warm-up', { rate: 0 });
      this.#saturations.set(contestant.name, deliveredPps);
    });
  }

  #commonRate(): number {
    const slowest = Math.min(...this.#saturations.values());
    const { commonPps } = this.#workload;
    if (commonPps !== undefined && commonPps <= FIXED_SHARE_MAX * slowest) return commonPps;
    return Math.round(COMMON_SHARE * slowest);
  }

  async #round(contestant: Contestant, round: number, commonPps: number): Promise<RoundResult> {
    const own = Math.round(OWN_SHARE * (this.#saturations.get(contestant.name) ?? 0));
    return this.#with(contestant, async (running) => {
      const at = (what: string, rate: number) =>
        this.#step(contestant, running, `round ${round}, ${what}`, { rate });
      return {
        common: await at('common load', commonPps),
        own: await at('own load', own),
        saturation: await at('saturation', 0),
      };
    });
  }

  async #search(contestant: Contestant, result: ContestantResult): Promise<void> {
    const saturation = this.#saturations.get(contestant.name) ?? 0;
    await this.#with(contestant, async (running) => {
      result.lossFreePps = await bisect(
        async (rate) => {
          const what = `loss at ${Math.round(rate / 1000)} kpps`;
          const { loss } = await this.#step(contestant, running, what, { rate });
          return loss <= LOSS_FREE;
        },
        { low: 0, high: saturation * 1.2, tries: BISECTION_TRIES },
      );
      result.latency = await this.#step(contestant, running, 'latency at half', {
        rate: saturation / 2,
        sampleOneIn: LATENCY_ONE_IN,
      });
    });
  }

  async #with<Result>(
    contestant: Contestant,
    measure: (running: Running) => Promise<Result>,
  ): Promise<Result> {
    const running = await contestant.start(this.#scene, this.#workload);
    try {
      return await measure(running);
    } finally {
      await running.stop();
    }
  }

  #step(
    contestant: Contestant,
    running: Running,
    what: string,
    options: Pick<StepOptions, 'rate'> & Partial<StepOptions>,
  ): Promise<StepResult> {
    this.#progress(`${this.#workload.name}: ${contestant.name}, ${what}`);
    const { seconds } = this.#effort;
    return runStep(this.#scene, this.#workload, running, {
      seconds,
      sampleOneIn: CHECKED_ONE_IN,
      ...options,
    });
  }
}

/** Each round another contestant begins, so that none always follows the same one. */
function rotated<Item>(items: readonly Item[], by: number): Item[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
