import {
  type Contestant,
  type ContestantEntry,
  DIRECT,
  type Pair,
} from '../contestants/contestant.js';
import { CapacityPool } from '../contestants/relay-pool.js';
import type { Call } from '../world/calls.js';
import type { World } from '../world/world.js';
import { type CallEvent, callEvents, EVENT } from './events.js';
import { LoadWatch } from './load-watch.js';
import { callQuality } from './path-quality.js';

/** What a contestant reached, by judged moment: call × number of moments + moment. */
export interface Outcome {
  readonly name: string;
  /** NaN where the call had no path. */
  readonly rttMs: Float32Array;
  readonly jitterMs: Float32Array;
  readonly loss: Float32Array;
  /** Price of a gigabyte between the peers, USD. */
  readonly price: Float32Array;
  /** Moves of running calls from a pair of which both relays worked. */
  readonly moves: number;
  /** Moves that did not shorten the path, or that were undone within `FLAP_MS`. */
  readonly flaps: number;
  /** Calls of which a relay died. */
  readonly broken: number;
  readonly hours: number;
  /** Share of choices made to learn. */
  readonly explored: number | undefined;
  readonly loadRatios: readonly number[];
  readonly overloadedSeconds: number;
  readonly chooseMicroseconds: number;
}

/** The calls of a run: those by which contestants only learn, and those that are judged. */
export interface CallSet {
  readonly warmUp: readonly Call[];
  readonly judged: readonly Call[];
  readonly startMs: number;
  readonly moments: number;
}

/** Interval at which a running call asks again, minutes. */
const ASK_AGAIN_MINUTES = 5;
const SAMPLE_MS = 60_000;
/** A move back within this time is a flap, ms. */
const FLAP_MS = 30 * 60_000;

interface Running {
  pair: Pair | typeof DIRECT | undefined;
  before: Pair | undefined;
  movedAtMs: number;
}

/** Lets one contestant choose for all calls, and records what they get. */
export class Contest {
  readonly #world: World;
  readonly #calls: CallSet;
  readonly #watch: LoadWatch;
  readonly #contestant: Contestant;
  readonly #running: Running[];
  readonly #outcome;
  #counts = { moves: 0, flaps: 0, broken: 0, choices: 0 };
  #chooseMs = 0;
  #sampledMs = Number.NEGATIVE_INFINITY;

  constructor(world: World, entry: ContestantEntry, calls: CallSet, seed: number) {
    this.#world = world;
    this.#calls = calls;
    this.#watch = new LoadWatch(world);
    const relays = new CapacityPool(world, seed);
    const { legs } = this.#watch;
    this.#contestant = entry.make({ world, seed, relays, legs, startMs: calls.startMs });
    this.#running = calls.judged.map(() => ({ pair: undefined, before: undefined, movedAtMs: 0 }));
    const moments = calls.judged.length * calls.moments;
    this.#outcome = {
      name: entry.name,
      rttMs: new Float32Array(moments).fill(Number.NaN),
      jitterMs: new Float32Array(moments).fill(Number.NaN),
      loss: new Float32Array(moments).fill(Number.NaN),
      price: new Float32Array(moments).fill(Number.NaN),
    };
  }

  run(): Outcome {
    const { warmUp, judged } = this.#calls;
    for (const call of warmUp) this.#learnFrom(call);
    for (const event of callEvents(judged)) this.#take(event);
    const hours = judged.reduce((sum, { minutes }) => sum + minutes / 60, 0);
    const { moves, flaps, broken, choices } = this.#counts;
    return {
      ...this.#outcome,
      ...{ moves, flaps, broken, hours },
      explored: this.#contestant.explored?.(),
      loadRatios: this.#watch.ratios,
      overloadedSeconds: this.#watch.overloadedSeconds,
      chooseMicroseconds: (this.#chooseMs * 1000) / Math.max(1, choices),
    };
  }

  /** A call of the time before: only what it taught matters. */
  #learnFrom(call: Call): void {
    const { atMs } = call;
    this.#contestant.advance?.(atMs);
    if (this.#contestant.learn === undefined) return;
    const pair = this.#contestant.choose({ call, atMs, has: undefined });
    if (pair === undefined || pair === DIRECT) return;
    const { legs, whole } = callQuality(this.#world, call, pair, atMs);
    this.#contestant.learn({ call, atMs, pair, legs, whole });
  }

  #take({ atMs, kind, call: index, number }: CallEvent): void {
    const call = this.#calls.judged[index] as Call;
    const running = this.#running[index] as Running;
    if (atMs - this.#sampledMs >= SAMPLE_MS) {
      this.#watch.sample(atMs);
      this.#sampledMs = atMs;
    }
    this.#contestant.advance?.(atMs);
    if (kind === EVENT.minute) this.#minute(call, running, number, atMs);
    else if (kind === EVENT.judge) this.#judge(call, running, number, atMs);
    else this.#hold(running.pair, -1);
  }

  #minute(call: Call, running: Running, minute: number, atMs: number): void {
    const { pair } = running;
    if (minute === 0) return this.#choose(call, running, undefined, atMs);
    if (pair === DIRECT) return;
    if (pair === undefined || !this.#works(pair, atMs)) {
      if (pair !== undefined) this.#counts.broken += 1;
      return this.#choose(call, running, undefined, atMs);
    }
    const asks = minute % ASK_AGAIN_MINUTES === 0 && this.#contestant.asksAgain === true;
    if (asks) this.#choose(call, running, pair, atMs);
  }

  #choose(call: Call, running: Running, has: Pair | undefined, atMs: number): void {
    const beganMs = performance.now();
    const pair = this.#contestant.choose({ call, atMs, has });
    this.#chooseMs += performance.now() - beganMs;
    this.#counts.choices += 1;
    this.#hold(running.pair, -1);
    this.#hold(pair, 1);
    if (has !== undefined && pair !== undefined && pair !== DIRECT && !isSame(has, pair)) {
      this.#counts.moves += 1;
      if (this.#isFlap(call, running, { from: has, to: pair, atMs })) this.#counts.flaps += 1;
      running.before = has;
      running.movedAtMs = atMs;
    }
    running.pair = pair;
  }

  #isFlap(
    call: Call,
    { before, movedAtMs }: Running,
    { from, to, atMs }: { readonly from: Pair; readonly to: Pair; readonly atMs: number },
  ): boolean {
    if (before !== undefined && isSame(before, to) && atMs - movedAtMs < FLAP_MS) return true;
    const rttMs = (pair: Pair) => callQuality(this.#world, call, pair, atMs).whole.rttMs;
    return rttMs(to) >= rttMs(from);
  }

  #judge(call: Call, { pair }: Running, moment: number, atMs: number): void {
    if (pair === undefined) return;
    if (pair !== DIRECT && !this.#works(pair, atMs)) return;
    const { legs, whole } = callQuality(this.#world, call, pair, atMs);
    const at = call.index * this.#calls.moments + moment;
    const { rttMs, jitterMs, loss, price } = this.#outcome;
    rttMs[at] = whole.rttMs;
    jitterMs[at] = whole.jitterMs;
    loss[at] = whole.loss;
    price[at] = this.#priceOf(pair);
    if (pair !== DIRECT) this.#contestant.learn?.({ call, atMs, pair, legs, whole });
  }

  /** Each packet leaves both relays once, or the only one. */
  #priceOf(pair: Pair | typeof DIRECT): number {
    if (pair === DIRECT) return 0;
    const { relays, regions } = this.#world;
    const of = (relay: number) => regions[relays[relay]?.region ?? 0]?.pricePerGb ?? 0;
    return pair.a === pair.b ? of(pair.a) : of(pair.a) + of(pair.b);
  }

  #works({ a, b }: Pair, atMs: number): boolean {
    return this.#world.truth.isUp(a, atMs) && this.#world.truth.isUp(b, atMs);
  }

  #hold(pair: Pair | typeof DIRECT | undefined, count: number): void {
    if (pair === undefined || pair === DIRECT) return;
    this.#watch.add(pair.a, count);
    this.#watch.add(pair.b, count);
  }
}

function isSame(x: Pair, y: Pair): boolean {
  return x.a === y.a && x.b === y.b;
}
