/** Ticks of stored times, ms. */
const TICK_MS = 100;
/** Units of a stored weight. */
const WEIGHT_UNIT = 1 / 64;
/** Maximum weight of a mean, in samples. */
const WEIGHT_MAX = 1_000;
/**
 * How far one report may lie from the mean before it counts as if it lay there, in multiples of the
 * mean deviation: at first, and when the reports before it lay out on the same side too. A third in
 * a row counts in full, so that a true step comes through.
 */
const INFLUENCE_MAX = [3, 12] as const;

/**
 * Exponentially decayed means of round-trip times, of which one bad sample moves none by much. Each
 * index has its own mean; 11 bytes an index.
 */
export class RobustMeans {
  readonly #decayMs: number;
  readonly #mean: Float32Array;
  readonly #weight: Uint16Array;
  readonly #tick: Uint32Array;
  /** Reports in a row that lay out: above the mean if positive, below if negative. */
  readonly #streak: Int8Array;

  /**
   * @param length - number of means
   * @param decayMs - time in which a sample's weight falls to 1/e
   */
  constructor(length: number, decayMs: number) {
    this.#decayMs = decayMs;
    this.#mean = new Float32Array(length);
    this.#weight = new Uint16Array(length);
    this.#tick = new Uint32Array(length);
    this.#streak = new Int8Array(length);
  }

  /** Returns a mean; 0 if it has no samples. */
  meanOf(index: number): number {
    return this.#mean[index] ?? 0;
  }

  /** Returns the decayed number of samples of a mean. */
  weightOf(index: number, nowMs: number): number {
    const stored = this.#weight[index] ?? 0;
    if (stored === 0) return 0;
    const ageMs = Math.max(0, nowMs - (this.#tick[index] ?? 0) * TICK_MS);
    return stored * WEIGHT_UNIT * Math.exp(-ageMs / this.#decayMs);
  }

  /**
   * Adds a report of several samples.
   * @param value - their mean, ms
   * @param count - how many they are
   * @param scale - mean deviation of reports, ms; bounds the influence of one
   * @returns the deviation from the former mean that was counted, ms; 0 for the first report
   */
  add(index: number, value: number, count: number, scale: number, nowMs: number): number {
    const weight = this.weightOf(index, nowMs);
    const mean = this.#mean[index] ?? 0;
    const deviation = weight < WEIGHT_UNIT ? 0 : this.#bounded(index, value - mean, scale);
    const total = Math.min(WEIGHT_MAX, weight + count);
    this.#mean[index] =
      weight < WEIGHT_UNIT ? value : mean + (deviation * count) / (weight + count);
    this.#weight[index] = Math.floor(total / WEIGHT_UNIT);
    this.#tick[index] = Math.floor(nowMs / TICK_MS);
    return deviation;
  }

  /** Forgets a mean. */
  clear(index: number): void {
    this.#mean[index] = 0;
    this.#weight[index] = 0;
    this.#streak[index] = 0;
  }

  /** Copies all means of another object, which is no longer. */
  copy(other: RobustMeans): void {
    this.#mean.set(other.#mean);
    this.#weight.set(other.#weight);
    this.#tick.set(other.#tick);
    this.#streak.set(other.#streak);
  }

  #bounded(index: number, deviation: number, scale: number): number {
    const former = this.#streak[index] ?? 0;
    if (Math.abs(deviation) <= INFLUENCE_MAX[0] * scale) {
      this.#streak[index] = 0;
      return deviation;
    }
    const side = Math.sign(deviation);
    const inRow = Math.sign(former) === side ? Math.abs(former) : 0;
    this.#streak[index] = side * Math.min(inRow + 1, INFLUENCE_MAX.length);
    const bound = (INFLUENCE_MAX[inRow] ?? Number.POSITIVE_INFINITY) * scale;
    return side * Math.min(Math.abs(deviation), bound);
  }
}
