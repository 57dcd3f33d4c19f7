import { Random, WeightedDraw } from '../random.js';
import type { World } from '../world/world.js';
import { FORGOTTEN_MS, type Pair, type RelayPool } from './contestant.js';

/** Draws in one region before all of its relays are looked at. */
const TRIES = 8;

/** Draws relays by capacity, without regard to load. */
export class CapacityPool implements RelayPool {
  readonly #world: World;
  readonly #random: Random;
  readonly #draws: readonly WeightedDraw[];

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#random = new Random(seed);
    this.#draws = world.relaysOf.map(
      (relays) => new WeightedDraw(relays.map((relay) => world.relays[relay]?.legsMax ?? 0)),
    );
  }

  isKnown(relay: number, atMs: number): boolean {
    return this.#world.truth.isUp(relay, atMs - FORGOTTEN_MS);
  }

  draw(region: number, atMs: number): number | undefined {
    const relays = this.#world.relaysOf[region] ?? [];
    for (let tried = 0; tried < TRIES; tried++) {
      const relay = relays[this.#draws[region]?.index(this.#random.next()) ?? -1];
      if (relay !== undefined && this.isKnown(relay, atMs)) return relay;
    }
    return relays.find((relay) => this.isKnown(relay, atMs));
  }

  drawPair(a: number, b: number, atMs: number): Pair | undefined {
    const first = this.draw(a, atMs);
    if (first === undefined) return undefined;
    if (a === b) return { a: first, b: first };
    const second = this.draw(b, atMs);
    return second === undefined ? undefined : { a: first, b: second };
  }
}
