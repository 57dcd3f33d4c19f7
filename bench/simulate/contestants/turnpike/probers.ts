import type { TrunkEstimates } from '../../../../src/estimates/trunk-estimates.js';
import { normal, uniform } from '../../random.js';
import type { Quality, World } from '../../world/world.js';

/** Probes of a region pair from each end: one a second (PROTOCOL.md section 4, Rates). */
const PROBES_PER_SECOND = 1;
/** Standard deviation of a round trip for each ms of its mean deviation. */
const SD_PER_DEVIATION = 1.25;

/** Names of draws. */
const RTT = 301;
const JITTER = 302;
const LOSS = 303;

/** The appointed relays of all regions, which probe each other and report what they find. */
export class Probers {
  readonly #world: World;
  readonly #trunks: TrunkEstimates;
  readonly #numbers: readonly number[];
  readonly #seed: number;
  readonly #quality: Quality = { rttMs: 0, jitterMs: 0, loss: 0 };
  #round = 0;

  /** @param numbers - the directory's number of each region of the world */
  constructor(world: World, trunks: TrunkEstimates, numbers: readonly number[], seed: number) {
    this.#world = world;
    this.#trunks = trunks;
    this.#numbers = numbers;
    this.#seed = seed;
  }

  /**
   * Lets every prober report the probes of a span of time, from each end of a pair one report.
   * @param seconds - length of the span, which ends at `atMs`
   */
  report(atMs: number, seconds: number): void {
    this.#round += 1;
    const count = Math.round(seconds * PROBES_PER_SECOND);
    const { regions, truth } = this.#world;
    for (let from = 0; from < regions.length; from++) {
      for (let to = from + 1; to < regions.length; to++) {
        truth.trunk(from, to, atMs - 500 * seconds, this.#quality);
        this.#add(from, to, count, atMs);
        this.#add(to, from, count, atMs);
      }
    }
  }

  #add(from: number, to: number, count: number, atMs: number): void {
    const { rttMs, jitterMs, loss } = this.#quality;
    const cell = from * this.#world.regions.length + to;
    const error = (SD_PER_DEVIATION * jitterMs) / Math.sqrt(count);
    const noise = normal(this.#seed, RTT, cell, this.#round);
    const spread = 1 + (0.6 / Math.sqrt(count)) * normal(this.#seed, JITTER, cell, this.#round);
    const oneWay = loss / 2;
    this.#trunks.report(
      {
        ...{ from: this.#number(from), to: this.#number(to), reporter: `prober-${from}`, count },
        rttMs: Math.max(0.01, rttMs + error * noise),
        jitterMs: Math.max(0, jitterMs * spread),
        lossForward: lostShare(oneWay, count, uniform(this.#seed, LOSS, cell, this.#round)),
        lossBack: lostShare(oneWay, count, uniform(this.#seed, LOSS + 1, cell, this.#round)),
      },
      atMs,
    );
  }

  #number(region: number): number {
    return this.#numbers[region] as number;
  }
}

/** Returns the share of lost packets of a few: a binomial number by inversion. */
export function lostShare(loss: number, count: number, drawn: number): number {
  let chance = (1 - loss) ** count;
  let sum = chance;
  let lost = 0;
  while (drawn > sum && lost < count) {
    lost += 1;
    chance *= ((count - lost + 1) / lost) * (loss / (1 - loss));
    sum += chance;
  }
  return lost / count;
}
