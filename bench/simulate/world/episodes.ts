import { normal, uniform } from '../random.js';
import { type LogNormal, logNormalAt } from './technology.js';

/** A process of disturbances. */
export interface EpisodeFigures {
  readonly perHour: number;
  /** Deviation of the logarithm of the rates of different paths; their mean is `perHour`. */
  readonly unevenness: number;
  readonly lengthSeconds: LogNormal;
  readonly strength: LogNormal;
}

/**
 * Lengths and rate: 99 nodes of the Seattle data set, of which one whose median over all paths
 * exceeds 1.5 times the usual counts as disturbed: 0.16 an hour, p50 79 s, p90 7.6 min, 0.9 % of
 * the time, very uneven between nodes.
 */
export const EPISODE_LENGTH_SECONDS: LogNormal = { median: 79, sd: 1.37 };
export const EPISODES_PER_HOUR = 0.16;
export const EPISODE_UNEVENNESS = 1.4;

const BUCKET_MS = 3_600_000;
const LENGTH_SECONDS_MAX = 3_600;
const STRENGTH_MAX = 6;

/** Names of draws. */
const RATE = 101;
const COUNT = 102;
const START = 103;
const LENGTH = 104;
const STRENGTH = 105;

/** One disturbance. */
export interface Episode {
  readonly startMs: number;
  readonly lengthMs: number;
  readonly strength: number;
}

/**
 * Disturbances of many paths. Which ones a path has follows from the seed, the path's number and
 * the hour, so nothing is stored, and any moment can be asked for in any order.
 */
export class Episodes {
  readonly #seed: number;
  readonly #figures: EpisodeFigures;
  /** Rates by path; 0 before the first use. */
  readonly #rates: Float32Array;

  /** @param paths - number of paths, which are numbered from 0 */
  constructor(seed: number, figures: EpisodeFigures, paths: number) {
    this.#seed = seed;
    this.#figures = figures;
    this.#rates = new Float32Array(paths);
  }

  /** Returns the strength of a path's disturbance at a moment; 0 if there is none. */
  strengthAt(path: number, atMs: number): number {
    const bucket = Math.floor(atMs / BUCKET_MS);
    const perHour = this.#perHour(path);
    // No episode is longer than a bucket.
    const older = this.#strength(path, bucket - 1, perHour, atMs);
    return Math.max(older, this.#strength(path, bucket, perHour, atMs));
  }

  /** Returns the disturbances of a path that begin in an hour. @param bucket - the hour */
  of(path: number, bucket: number): Episode[] {
    const count = this.#count(path, bucket, this.#perHour(path));
    return Array.from({ length: count }, (_, index) => this.#episode(path, bucket, index));
  }

  #perHour(path: number): number {
    const known = this.#rates[path] as number;
    if (known > 0) return known;
    const { perHour, unevenness } = this.#figures;
    const share = unevenness * normal(this.#seed, RATE, path) - unevenness ** 2 / 2;
    const rate = perHour * Math.exp(share);
    this.#rates[path] = rate;
    return rate;
  }

  #strength(path: number, bucket: number, perHour: number, atMs: number): number {
    const count = this.#count(path, bucket, perHour);
    let most = 0;
    for (let index = 0; index < count; index++) {
      const { startMs, lengthMs, strength } = this.#episode(path, bucket, index);
      if (atMs >= startMs && atMs < startMs + lengthMs && strength > most) most = strength;
    }
    return most;
  }

  /** Draws a Poisson number by inversion. */
  #count(path: number, bucket: number, perHour: number): number {
    const drawn = uniform(this.#seed, COUNT, path, bucket);
    let chance = Math.exp(-perHour);
    let count = 0;
    for (let sum = chance; drawn > sum && count < 50; sum += chance) {
      count += 1;
      chance *= perHour / count;
    }
    return count;
  }

  #episode(path: number, bucket: number, index: number): Episode {
    const draw = (name: number) => uniform(this.#seed, name, path, bucket, index);
    const { lengthSeconds, strength } = this.#figures;
    const seconds = Math.min(LENGTH_SECONDS_MAX, logNormalAt(lengthSeconds, draw(LENGTH)));
    return {
      startMs: (bucket + draw(START)) * BUCKET_MS,
      lengthMs: seconds * 1000,
      strength: Math.min(STRENGTH_MAX, logNormalAt(strength, draw(STRENGTH))),
    };
  }
}
