import type { World } from '../world/world.js';

/** Legs a relay must hold on average before a region's balance says anything. */
const TELLING_LEGS = 20;

/** Counts the legs of relays, and how evenly regions' relays are loaded. */
export class LoadWatch {
  readonly legs: Int32Array;
  readonly #world: World;
  readonly #ratios: number[] = [];
  #overloadedSeconds = 0;
  #lastMs: number | undefined;

  constructor(world: World) {
    this.#world = world;
    this.legs = new Int32Array(world.relays.length);
  }

  add(relay: number, count: number): void {
    this.legs[relay] = (this.legs[relay] as number) + count;
  }

  /** Takes a sample of all regions; the time since the last one counts for overload. */
  sample(atMs: number): void {
    const seconds = this.#lastMs === undefined ? 0 : (atMs - this.#lastMs) / 1000;
    this.#lastMs = atMs;
    for (const [relay, { legsMax }] of this.#world.relays.entries()) {
      if ((this.legs[relay] as number) > legsMax) this.#overloadedSeconds += seconds;
    }
    this.#ratios.push(...this.ratiosNow());
  }

  /** Returns the largest over the mean load by capacity, of each region with enough legs. */
  ratiosNow(): number[] {
    const { relays, relaysOf } = this.#world;
    return relaysOf.flatMap((members) => {
      let legs = 0;
      let room = 0;
      let most = 0;
      for (const relay of members) {
        const held = this.legs[relay] as number;
        const legsMax = relays[relay]?.legsMax ?? 1;
        legs += held;
        room += legsMax;
        most = Math.max(most, held / legsMax);
      }
      const isTelling = members.length > 1 && legs >= TELLING_LEGS * members.length;
      return isTelling ? [(most * room) / legs] : [];
    });
  }

  /** Largest over mean load by capacity within regions: one value for each telling sample. */
  get ratios(): readonly number[] {
    return this.#ratios;
  }

  /** Seconds for which relays held more legs than they have room for, summed over relays. */
  get overloadedSeconds(): number {
    return this.#overloadedSeconds;
  }
}
