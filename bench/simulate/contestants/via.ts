import { Random } from '../random.js';
import type { World } from '../world/world.js';
import type {
  Ask,
  Contestant,
  ContestantContext,
  ContestantEntry,
  Pair,
  Report,
} from './contestant.js';
import { type Predicted, Sample, topOptions } from './via-prediction.js';

/** Settings of VIA. */
export interface ViaOptions {
  /** Share of the calls that may leave the default path. */
  readonly budget: number;
  /** Share of the calls that take any option, to keep learning. */
  readonly explore: number;
  /** Multiple of the standard error that bounds a prediction: 95 % of a normal distribution. */
  readonly z: number;
  /** Weight of exploration in the upper-confidence-bound rule. */
  readonly ucb: number;
  /** Length of a period of history, ms: a day. */
  readonly periodMs: number;
}

const VIA_OPTIONS: ViaOptions = {
  budget: 1,
  explore: 0.03,
  z: 1.96,
  ucb: 0.1,
  periodMs: 86_400_000,
};
/** Regions next to each AS that are options; others are never predicted to be good. */
const NEAR_REGIONS = 8;
/** Standard error of a known trunk, as a share of it. */
const TRUNK_ERROR = 0.05;
/** Prediction of a leg that no call has measured, ms. */
const PRIOR_MS = 80;
/** Predicted gains by which the budget is shared out. */
const GAINS_KEPT = 1_000;

/** A pair of regions between two ASes, with its calls of this period. */
interface Option extends Predicted {
  readonly a: number;
  readonly b: number;
  /** Undefined before the first. */
  calls: Sample | undefined;
}

/** The options of an AS pair in one period. */
interface PairState {
  readonly options: readonly Option[];
  readonly top: readonly Option[];
  /** By which means are divided. */
  readonly scale: number;
  asked: number;
}

/**
 * VIA as published (Jiang et al., "VIA: Improving Internet Telephony Call Quality Using Predictive
 * Relay Selection", SIGCOMM 2016). Each pair of ASes has a prediction of each option's round trip
 * from the history of the last period, by tomography: segments that other calls measured. Options
 * whose confidence interval reaches the best one's are kept (top-k), and a modified rule of upper
 * confidence bounds chooses among them. A budget limits the calls that leave the default path,
 * which is the nearest region of each peer, to those with the largest predicted gain.
 */
export class Via implements Contestant {
  readonly #context: ContestantContext;
  readonly #options: ViaOptions;
  readonly #random: Random;
  readonly #pairs = new Map<number, PairState>();
  readonly #near = new Map<number, number[]>();
  /** Legs by (cluster, region): of the last and of this period. */
  #history = new Map<number, Sample>();
  #next = new Map<number, Sample>();
  #period = Number.NaN;
  readonly #gains: number[] = [];

  constructor(context: ContestantContext, options: Partial<ViaOptions> = {}) {
    this.#context = context;
    this.#options = { ...VIA_OPTIONS, ...options };
    this.#random = new Random(context.seed);
  }

  choose({ call, atMs }: Ask): Pair | undefined {
    const { relays } = this.#context;
    const [a, b] = [call.peers[0].cluster, call.peers[1].cluster];
    const state = this.#state(a, b, atMs);
    const option = this.#pick(state);
    return relays.drawPair(option.a, option.b, atMs);
  }

  learn({ call, pair, legs, whole, atMs }: Report): void {
    this.#advance(atMs);
    const { relays } = this.#context.world;
    const regions = [relays[pair.a]?.region ?? 0, relays[pair.b]?.region ?? 0] as const;
    for (const [end, { cluster }] of call.peers.entries()) {
      const region = regions[end] as number;
      sample(this.#next, this.#legKey(cluster, region)).add((legs[end] as typeof whole).rttMs);
    }
    const state = this.#pairs.get(this.#pairKey(call.peers[0].cluster, call.peers[1].cluster));
    const option = state?.options.find((one) => one.a === regions[0] && one.b === regions[1]);
    if (option === undefined) return;
    option.calls ??= new Sample();
    option.calls.add(whole.rttMs);
  }

  #advance(atMs: number): void {
    const sinceMs = atMs - this.#context.startMs;
    const period = Math.floor(sinceMs / this.#options.periodMs);
    if (period === this.#period) return;
    this.#period = period;
    this.#history = this.#next;
    this.#next = new Map();
    this.#pairs.clear();
  }

  #state(a: number, b: number, atMs: number): PairState {
    this.#advance(atMs);
    const key = this.#pairKey(a, b);
    const known = this.#pairs.get(key);
    if (known !== undefined) return known;
    const options = this.#nearRegions(a).flatMap((first) =>
      this.#nearRegions(b).map((second) => ({
        ...{ a: first, b: second, calls: undefined },
        ...this.#predict([a, b], [first, second]),
      })),
    );
    const state = {
      ...{ options, asked: 0 },
      ...topOptions(options, this.#options.z),
    };
    this.#pairs.set(key, state);
    return state;
  }

  /**
   * Predicts an option by tomography: legs as other calls measured them, or the prior with half of
   * it as error; trunks are known to those who run the relays.
   */
  #predict(clusters: readonly [number, number], [a, b]: readonly [number, number]): Predicted {
    const { regions, truth } = this.#context.world;
    const trunkMs = a === b ? 0 : (truth.trunkFloorMs[a * regions.length + b] as number);
    let mean = trunkMs;
    let variance = (TRUNK_ERROR * trunkMs) ** 2;
    for (const segment of [this.#legKey(clusters[0], a), this.#legKey(clusters[1], b)]) {
      const known = this.#history.get(segment);
      mean += known?.mean ?? PRIOR_MS;
      variance += (known?.error ?? PRIOR_MS / 2) ** 2;
    }
    return { mean, error: Math.sqrt(variance) };
  }

  #pick(state: PairState): Option {
    const { budget, explore, ucb } = this.#options;
    state.asked += 1;
    const fallback = state.options[0] as Option;
    if (this.#random.next() < explore) {
      return state.options[this.#random.index(state.options.length)] ?? fallback;
    }
    let best = fallback;
    let least = Number.POSITIVE_INFINITY;
    for (const option of state.top) {
      const { count, mean } = option.calls ?? { count: 0, mean: option.mean };
      const bonus = Math.sqrt((ucb * Math.log(state.asked)) / Math.max(count, 1));
      const value = mean / state.scale - bonus;
      if (value < least) {
        least = value;
        best = option;
      }
    }
    return this.#affords(fallback.mean - best.mean, budget) ? best : fallback;
  }

  /** Returns whether a predicted gain is among the largest ones, as many as the budget allows. */
  #affords(gain: number, budget: number): boolean {
    if (budget >= 1) return true;
    const larger = this.#gains.filter((other) => other > gain).length;
    const affordable = larger < budget * Math.max(this.#gains.length, 1);
    this.#gains.push(gain);
    if (this.#gains.length > GAINS_KEPT) this.#gains.shift();
    return affordable && gain > 0;
  }

  /** Returns the regions nearest to a cluster by its pings, nearest first. */
  #nearRegions(cluster: number): number[] {
    const known = this.#near.get(cluster);
    if (known !== undefined) return known;
    const near = nearRegions(this.#context.world, cluster);
    this.#near.set(cluster, near);
    return near;
  }

  #pairKey(a: number, b: number): number {
    return a * this.#context.world.clusters.length + b;
  }

  #legKey(cluster: number, region: number): number {
    return cluster * this.#context.world.regions.length + region;
  }
}

function sample(samples: Map<number, Sample>, key: number): Sample {
  const found = samples.get(key) ?? new Sample();
  samples.set(key, found);
  return found;
}

function nearRegions({ truth, regions }: World, cluster: number): number[] {
  const rttMs = (region: number) => truth.legFloorMs[cluster * regions.length + region] as number;
  return [...regions.keys()].sort((x, y) => rttMs(x) - rttMs(y)).slice(0, NEAR_REGIONS);
}

function viaEntry(name: string, title: string, options: Partial<ViaOptions>): ContestantEntry {
  return { name, title, make: (context) => new Via(context, options) };
}

/** VIA, every call of which may leave the default path. */
export const via = viaEntry('via', 'VIA (SIGCOMM 2016), whole budget', {});
/** VIA with the budget of 30 % that its authors recommend. */
export const viaOnBudget = viaEntry('via-30', 'VIA with a budget of 30 %', { budget: 0.3 });
