import { pingRegions } from '../../../../src/selection/ping-regions.js';
import { select } from '../../../../src/selection/select.js';
import { hash32, normal, uniform } from '../../random.js';
import type { Call } from '../../world/calls.js';
import type { Ask, Contestant, ContestantContext, Measured, Pair, Report } from '../contestant.js';
import {
  addressIn,
  type Knowledge,
  knowledgeOf,
  putRelay,
  type Replacements,
} from './knowledge.js';
import { PINGED_REGIONS, spreadRegions } from './pinged-regions.js';
import { pingedLatencies } from './pings.js';
import { lostShare, Probers } from './probers.js';

/** Variants of our selection, for a decomposition. */
export interface TurnpikeOptions {
  /**
   * Regions that each peer pings before it asks: as the directory hands them out (the default),
   * none, spread over all, or the nearest by what is known.
   */
  readonly pings?: 'given' | 'none' | 'spread' | 'near';
  readonly replaced?: (
    context: ContestantContext,
    knowledge: Omit<Knowledge, 'state'>,
  ) => Replacements;
}

/** Interval of reports of load, s. */
const REPORT_SECONDS = 10;
/** Region pairs of which each interval's probes are simulated; of more pairs, longer intervals. */
const PAIRS_A_ROUND = 1_000;
/** Longest interval whose probes are one report, s. */
const PROBE_SECONDS_MAX = 60;
/** Time before the judged calls in which reports come at the full rate, ms. */
const FULL_RATE_MS = 15 * 60_000;
/** Interval of reports before, s. */
const COARSE_SECONDS = 300;
/** A directory publishes assigned legs and estimates at least this often, ms. */
const PUBLISH_MS = 100;
/** Snapshots at most after reports: as many as there are until the next ones. */
const PUBLISHES_MAX = 100;
/** Round trips that a peer's report of its leg is the mean of. */
const LEG_SAMPLES = 5;
const SD_PER_DEVIATION = 1.25;

/** Our selection: the directory's code, which knows only what is measured and reported. */
export class Turnpike implements Contestant {
  readonly asksAgain = true;
  readonly #context: ContestantContext;
  readonly #options: TurnpikeOptions;
  readonly #knowledge: Knowledge;
  readonly #probers: Probers;
  readonly #numbers: readonly number[];
  readonly #regionOf: ReadonlyMap<number, number>;
  readonly #down = new Set<number>();
  readonly #relays: ReadonlyMap<string, number>;
  #reportedMs = Number.NEGATIVE_INFINITY;
  #publishedMs = Number.NEGATIVE_INFINITY;
  #loadsMs = Number.NEGATIVE_INFINITY;
  #selections = 0;
  #explorations = 0;
  #chance: number;
  /** Since when another pair than a call's has been better. */
  readonly #betterSince = new WeakMap<Ask['call'], number>();

  constructor(context: ContestantContext, options: TurnpikeOptions = {}) {
    const { world, seed } = context;
    this.#context = context;
    this.#options = options;
    this.#knowledge = knowledgeOf(world, (made) => options.replaced?.(context, made) ?? {});
    const { regions, trunks } = this.#knowledge;
    this.#numbers = world.regions.map(({ name }) => regions.numberOf(name) ?? 0);
    this.#regionOf = new Map(this.#numbers.map((number, region) => [number, region]));
    this.#probers = new Probers(world, trunks, this.#numbers, seed);
    this.#relays = new Map(world.relays.map(({ id }, index) => [id, index]));
    this.#chance = hash32(seed, 99);
  }

  explored = (): number => this.#explorations / Math.max(1, this.#selections);

  advance(atMs: number): void {
    this.#reportLoads(atMs);
    if (atMs >= this.#reportedMs + 1000 * this.#interval(atMs)) this.#reportTrunks(atMs);
    if (atMs >= this.#publishedMs + PUBLISH_MS) this.#publish(atMs);
  }

  choose({ call, atMs, has }: Ask): Pair | undefined {
    const { state, legs } = this.#knowledge;
    const { world } = this.#context;
    const peers = call.peers.map(({ cluster }, end) => {
      const number = legs.clusterOf(addressIn(world.clusters[cluster]?.network ?? ''));
      state.needLegs(number);
      const latencies = this.#latencies(call, end as 0 | 1, number, atMs);
      return { cluster: number, ...(latencies && { latencies }) };
    });
    const [first, second] = peers as [(typeof peers)[0], (typeof peers)[0]];
    const betterSinceMs = this.#betterSince.get(call) ?? atMs;
    const former = has && {
      relays: [this.#id(has.a), this.#id(has.b)] as const,
      unlessBetter: atMs - betterSinceMs >= state.current.weights.stickyForMs,
    };
    this.#chance = (this.#chance + 0x9e3779b9) >>> 0;
    const request = { peers: [first, second] as const, ...(former && { former }) };
    const result = select(state.current, request, this.#chance);
    if (!result.ok) return undefined;
    if (result.former?.isBetter && result.choice === 'kept') {
      this.#betterSince.set(call, betterSinceMs);
    } else this.#betterSince.delete(call);
    if (has === undefined) this.#selections += 1;
    if (result.choice === 'explored') this.#explorations += 1;
    const [a, b] = result.relays.map(({ facts }) => this.#relays.get(facts.id) ?? 0);
    if (has === undefined || a !== has.a || b !== has.b) {
      for (const { facts } of result.relays) state.assign(facts.id, atMs);
    }
    return { a: a ?? 0, b: b ?? 0 };
  }

  learn({ call, atMs, pair, legs }: Report): void {
    const { world } = this.#context;
    for (const [end, relay] of [pair.a, pair.b].entries()) {
      const cluster = world.clusters[call.peers[end as 0 | 1].cluster];
      this.#reportLeg(addressIn(cluster?.network ?? ''), relay, legs[end as 0 | 1], atMs);
    }
  }

  #reportLeg(network: string, relay: number, { rttMs, jitterMs, loss }: Measured, atMs: number) {
    const { seed, world } = this.#context;
    const time = Math.floor(atMs);
    const sdMs = SD_PER_DEVIATION * jitterMs;
    const region = this.#numbers[world.relays[relay]?.region ?? 0] as number;
    const noise = normal(seed, 321, relay, time) / Math.sqrt(LEG_SAMPLES);
    const sample = {
      ...{ network, region, reporter: this.#id(relay), sdMs, jitterMs, count: LEG_SAMPLES },
      rttMs: Math.max(0.1, rttMs + sdMs * noise),
      loss: lostShare(loss, LEG_SAMPLES, uniform(seed, 322, relay, time)),
    };
    this.#knowledge.legs.report(sample, atMs);
  }

  #id(relay: number): string {
    return this.#context.world.relays[relay]?.id ?? '';
  }

  /** Returns the length of the present interval of probes, s. */
  #interval(atMs: number): number {
    const { world, startMs } = this.#context;
    const pairs = (world.regions.length * (world.regions.length - 1)) / 2;
    const seconds = REPORT_SECONDS * Math.max(1, Math.round(pairs / PAIRS_A_ROUND));
    return atMs < startMs - FULL_RATE_MS ? COARSE_SECONDS : Math.min(PROBE_SECONDS_MAX, seconds);
  }

  #reportTrunks(atMs: number): void {
    this.#probers.report(atMs, Math.min(PROBE_SECONDS_MAX, this.#interval(atMs)));
    this.#reportedMs = atMs;
    for (let count = 0; count < PUBLISHES_MAX; count++) {
      const before = this.#knowledge.state.current;
      if (this.#knowledge.state.publish(atMs) === before) break;
    }
    this.#publishedMs = atMs;
  }

  #publish(atMs: number): void {
    this.#knowledge.state.publish(atMs);
    this.#publishedMs = atMs;
  }

  /** Lets relays report their load, and come and go. */
  #reportLoads(atMs: number): void {
    if (atMs < this.#loadsMs + 1000 * REPORT_SECONDS) return;
    this.#loadsMs = atMs;
    const { world, legs, relays } = this.#context;
    const { state } = this.#knowledge;
    for (const [index, { id, legsMax }] of world.relays.entries()) {
      const isDown = !relays.isKnown(index, atMs);
      if (isDown !== this.#down.has(index)) {
        if (isDown) {
          this.#down.add(index);
          state.removeRelay(id);
        } else {
          this.#down.delete(index);
          putRelay(state, world, index);
        }
      }
      if (!isDown) state.reportLoad(id, { legs: legs[index] as number, legsMax, cpu: 0 });
    }
  }

  #latencies(call: Call, end: 0 | 1, cluster: number, atMs: number) {
    const { pings = 'given' } = this.#options;
    if (pings === 'none') return undefined;
    const { world, seed } = this.#context;
    const regions = {
      given: () => this.#givenRegions(cluster, hash32(seed, 331, call.index, end)),
      near: () => this.#nearRegions(cluster),
      spread: () => spreadRegions(world, call, end, seed),
    }[pings]();
    return pingedLatencies(world, { call, end, atMs }, regions, seed);
  }

  /** Returns the regions that the directory hands out. */
  #givenRegions(cluster: number, seed: number): number[] {
    const { current } = this.#knowledge.state;
    return pingRegions(current, cluster, PINGED_REGIONS, seed).map(
      (number) => this.#regionOf.get(number) ?? 0,
    );
  }

  /** Returns the regions with the best legs by what is known of the peer's network. */
  #nearRegions(cluster: number): number[] {
    const { regions } = this.#knowledge.legs.candidates(cluster);
    return Array.from(
      regions.subarray(0, PINGED_REGIONS),
      (number) => this.#regionOf.get(number) ?? 0,
    );
  }
}
