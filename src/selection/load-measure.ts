/** Minimum recent legs of a relay that counts in `legsHeldPerRecentLeg`. */
const TELLING_LEGS = 4;
/** Maximum expected legs, as a multiple of the second largest reported number. */
const LEGS_MOST = 2;
/** Minimum CPU per leg that a relay is charged, as a share of the median relay's. */
const CPU_LEAST = 0.7;

/** A relay's reported load, and what is known beside it. */
export interface KnownLoad {
  readonly legs: number;
  readonly legsMax: number;
  readonly cpu: number;
  /** Legs assigned that the report does not show. */
  readonly unshown: number;
  /** Decayed number of legs assigned. */
  readonly recent: number;
}

/**
 * Figures over all relays, against which each relay's report is judged. No single relay can move
 * them far.
 */
export interface LoadMeasure {
  /** The second largest of each figure, so that one false report does not set it. */
  readonly legsMax: number;
  readonly legs: number;
  readonly cpu: number;
  /** Median of legs held per recent leg: how long legs last. */
  readonly legsHeldPerRecentLeg: number;
  /** Median of CPU per share of legs in use. */
  readonly cpuPerShare: number;
}

/** Computes the measure of these relays. */
export function loadMeasure(relays: readonly KnownLoad[]): LoadMeasure {
  const legsMax = new Second();
  const legs = new Second();
  const cpu = new Second();
  for (const relay of relays) {
    legsMax.add(relay.legsMax);
    legs.add(relay.legs + relay.unshown);
    cpu.add(relay.cpu);
  }
  const held = new Float64Array(relays.length);
  const perShare = new Float64Array(relays.length);
  let telling = 0;
  let busy = 0;
  for (const relay of relays) {
    const all = relay.legs + relay.unshown;
    if (relay.recent >= TELLING_LEGS) held[telling++] = all / relay.recent;
    if (relay.legs > 0 && relay.legsMax > 0) {
      perShare[busy++] = (relay.cpu * Math.min(relay.legsMax, legsMax.value)) / all;
    }
  }
  return {
    legsMax: legsMax.value,
    legs: legs.value,
    cpu: cpu.value,
    legsHeldPerRecentLeg: median(held.subarray(0, telling)),
    cpuPerShare: median(perShare.subarray(0, busy)),
  };
}

/** A relay's projected load, without trust in its report alone. */
export interface ProjectedLoad {
  /** Share of its capacity in use, from 0, not bounded above. */
  readonly share: number;
  /** Number of legs that it can have, as far as that is believed. */
  readonly capacity: number;
}

/**
 * Returns how busy a relay is, without trusting its report alone. Its `legsMax` counts up to the
 * second largest. Its legs count at least as many as the median relay holds per recent leg, and its
 * CPU at least `CPU_LEAST` of the median relay's CPU per leg. Both floors are capped by the second
 * largest report. A relay that always reports idle gets about as many legs as an idle one.
 */
export function projectedLoad(known: KnownLoad, measure: LoadMeasure): ProjectedLoad {
  const expected = Math.min(known.recent * measure.legsHeldPerRecentLeg, LEGS_MOST * measure.legs);
  const legs = Math.max(known.legs + known.unshown, expected);
  const capacity = Math.min(known.legsMax, measure.legsMax);
  const ofLegs = legs / Math.max(capacity, 1);
  const needed = Math.min(CPU_LEAST * measure.cpuPerShare * ofLegs, measure.cpu);
  return { share: Math.max(ofLegs, known.cpu, needed), capacity };
}

/** The second largest of some values; of one value that one. */
class Second {
  #first = 0;
  #second = 0;
  #count = 0;

  add(value: number): void {
    this.#count += 1;
    if (value > this.#first) {
      this.#second = this.#first;
      this.#first = value;
    } else if (value > this.#second) {
      this.#second = value;
    }
  }

  get value(): number {
    return this.#count === 1 ? this.#first : this.#second;
  }
}

/**
 * Returns the median, the upper one of two: a relay that reports 0 beside one other must not halve
 * it. Reorders the values, as far as it needs to (quickselect, C. A. R. Hoare, 1961).
 */
function median(values: Float64Array): number {
  const middle = Math.floor(values.length / 2);
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1] as number;
    let left = low;
    let right = high;
    while (left <= right) {
      while ((values[left] as number) < pivot) left += 1;
      while ((values[right] as number) > pivot) right -= 1;
      if (left > right) break;
      const value = values[left] as number;
      values[left] = values[right] as number;
      values[right] = value;
      left += 1;
      right -= 1;
    }
    if (middle <= right) high = right;
    else if (middle >= left) low = left;
    else break;
  }
  return values[middle] ?? 0;
}
