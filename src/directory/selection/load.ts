import type { Clock } from '../../clock.js';
import { putMostRecent } from '../../collections/lru.js';
import { LIMITS } from '../../limits.js';
import type { RelayLoad } from '../../registry/types.js';

/** Time constant with which legs that were handed out stop to count as recent. */
export const RECENT_LEGS_DECAY_MS = 60_000;

/** Relays of which it is remembered; only holders of a relay secret can add one. */
const RELAYS_MAX = 4 * LIMITS.relaysMax;
/** With fewer legs handed out a relay says nothing about how long legs last. */
const TELLING_LEGS = 4;
/** It is not held to have more legs than a second relay says it has, times this. */
const LEGS_MOST = 2;
/** A relay may need this share of the processors that the median relay needs for a leg. */
const CPU_LEAST = 0.7;

interface Count {
  legs: number;
  atMs: number;
}

/**
 * How many legs the directory has handed out to each relay lately: a count that decays with the
 * time constant `legsHandedOutMs`. It outlives the registration, so that to register anew does not
 * make a relay look idle.
 *
 * Bound: `RELAYS_MAX` relays; beyond it the longest unused is forgotten.
 */
export class RecentLegs {
  readonly #clock: Clock;
  readonly #counts = new Map<string, Count>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a leg. */
  add(id: string): void {
    const legs = this.of(id) + 1;
    putMostRecent(this.#counts, [id, { legs, atMs: this.#clock.monotonic() }], RELAYS_MAX);
  }

  /** Legs handed out lately, the older ones counted less. */
  of(id: string): number {
    const count = this.#counts.get(id);
    if (count === undefined) return 0;
    const passedMs = this.#clock.monotonic() - count.atMs;
    return count.legs * Math.exp(-passedMs / RECENT_LEGS_DECAY_MS);
  }
}

/** What a relay says of itself, and what the directory knows beside it. */
export interface ReportedLoad {
  readonly load: Pick<RelayLoad, 'legs' | 'legsMax' | 'cpu'>;
  /** Legs handed out since that load was measured. */
  readonly legsAssigned: number;
  /** Legs handed out lately (`RecentLegs`). */
  readonly recentLegs: number;
}

/** What all relays report, as a measure for each of them. No single relay can move it far. */
export interface LoadMeasure {
  /** The second largest of each figure: the largest that is not one relay's word alone. */
  readonly legsMax: number;
  readonly legs: number;
  readonly cpu: number;
  /** Legs held for each one handed out lately, of the median relay: how long legs last. */
  readonly legsHeldPerRecentLeg: number;
  /** Share of the processors for each share of the legs, of the median relay. */
  readonly cpuPerShare: number;
}

/** The measure of these relays. */
export function loadMeasure(relays: readonly ReportedLoad[]): LoadMeasure {
  const legsMax = second(relays.map(({ load }) => load.legsMax));
  const telling = relays.filter(({ recentLegs }) => recentLegs >= TELLING_LEGS);
  const busy = relays.filter(({ load }) => load.legs > 0 && load.legsMax > 0);
  return {
    legsMax,
    legs: second(relays.map(legsOf)),
    cpu: second(relays.map(({ load }) => load.cpu)),
    legsHeldPerRecentLeg: median(telling.map((each) => legsOf(each) / each.recentLegs)),
    cpuPerShare: median(
      busy.map((each) => (each.load.cpu * Math.min(each.load.legsMax, legsMax)) / legsOf(each)),
    ),
  };
}

/**
 * How busy a relay is, as far as its word can be taken. A size counts up to the next largest one.
 * Legs count at least as many as a median relay holds of as many handed out, and processors at
 * least 0.7 of what that one needs for them, neither far beyond what a second relay reports: so one
 * that always says it is idle gets about what an idle one gets.
 * @returns a share from 0 to 1
 */
export function loadShare(reported: ReportedLoad, measure: LoadMeasure): number {
  const { load, recentLegs } = reported;
  const expected = Math.min(recentLegs * measure.legsHeldPerRecentLeg, LEGS_MOST * measure.legs);
  const legs = Math.max(legsOf(reported), expected);
  const ofLegs = legs / Math.max(Math.min(load.legsMax, measure.legsMax), 1);
  const needed = Math.min(CPU_LEAST * measure.cpuPerShare * ofLegs, measure.cpu);
  return Math.min(Math.max(ofLegs, load.cpu, needed), 1);
}

function legsOf({ load, legsAssigned }: ReportedLoad): number {
  return load.legs + legsAssigned;
}

function second(values: readonly number[]): number {
  const [first = 0, next = first] = values.toSorted((a, b) => b - a);
  return next;
}

/** The upper one where there are two: a relay that says 0 beside one other does not halve it. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
