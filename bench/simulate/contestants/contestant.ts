import type { Call } from '../world/calls.js';
import type { World } from '../world/world.js';

/** The relays of a call: one for each peer, which may be the same; by index in `World.relays`. */
export interface Pair {
  readonly a: number;
  readonly b: number;
}

/** The path without relays. */
export const DIRECT = 'direct';

/** A request for relays. */
export interface Ask {
  readonly call: Call;
  readonly atMs: number;
  /** The pair that the call has; undefined for a new call, or if one of its relays is dead. */
  readonly has: Pair | undefined;
}

/** What a contestant learns of a call at a moment. */
export interface Report {
  readonly call: Call;
  readonly atMs: number;
  readonly pair: Pair;
  /** What each leg and the whole path is like, as the peers and relays measure it. */
  readonly legs: readonly [Measured, Measured];
  readonly whole: Measured;
}

/** A measured path. */
export interface Measured {
  readonly rttMs: number;
  readonly jitterMs: number;
  readonly loss: number;
}

/** A rule that selects relays. */
export interface Contestant {
  /** Returns a pair, the direct path, or undefined if it finds none. */
  choose(ask: Ask): Pair | typeof DIRECT | undefined;
  /** Whether a running call asks again from time to time; otherwise it keeps its pair. */
  readonly asksAgain?: boolean;
  /** Share of the choices that were made to learn. */
  readonly explored?: () => number;
  /** Lets time pass: measurements and reports of load arrive. */
  advance?(atMs: number): void;
  /** Takes what a call's peers and relays measured. */
  learn?(report: Report): void;
}

/** What contestants may use. */
export interface ContestantContext {
  readonly world: World;
  readonly seed: number;
  readonly relays: RelayPool;
  /** When the judged calls begin; before it, contestants only learn. */
  readonly startMs: number;
  /** Legs of each relay at this moment. */
  readonly legs: Int32Array;
}

/** A contestant of the simulation. */
export interface ContestantEntry {
  readonly name: string;
  readonly title: string;
  /** Whether it needs to know where things are. */
  readonly needsPlaces?: boolean;
  readonly make: (context: ContestantContext) => Contestant;
}

/** A directory forgets a relay that has sent no beat for so long (PROTOCOL.md), ms. */
export const FORGOTTEN_MS = 5_000;

/** Draws relays of a region for contestants that choose only regions. */
export interface RelayPool {
  /** Returns whether a directory counts the relay as live. */
  isKnown(relay: number, atMs: number): boolean;
  /** Draws a live relay of a region by capacity; undefined if there is none. */
  draw(region: number, atMs: number): number | undefined;
  /** Draws a live relay of each region; one for both if they are one. */
  drawPair(a: number, b: number, atMs: number): Pair | undefined;
}
