import { type Location, locationOf, type UnitVector, unitVector } from './geography.js';

/** Maximum regions that have a number; relays of further regions are not selected. */
export const REGIONS_MAX = 1_024;

interface Slot {
  readonly name: string;
  /** Relays of the region; 0 while the number is kept for its return. */
  relays: number;
  /** Declared locations of its relays, with how many relays declare each. */
  readonly locations: Map<string, { readonly at: UnitVector; relays: number }>;
  /** Derived from `locations`; null when it must be derived again. */
  place: UnitVector | undefined | null;
}

/**
 * Numbers of regions. A number is kept while a relay of its region is there, and after that until
 * another region needs it, so that estimates outlive a restart of the region's only relay.
 */
export class RegionIndex {
  readonly #slots: Slot[] = [];
  readonly #numbers = new Map<string, number>();
  /** Numbers of regions without relays, longest without first. */
  readonly #idle = new Set<number>();
  readonly #onReused: ((region: number) => void)[] = [];
  readonly #regionsMax: number;

  /** @param regionsMax - maximum numbers, at most REGIONS_MAX */
  constructor(regionsMax = REGIONS_MAX) {
    this.#regionsMax = Math.min(regionsMax, REGIONS_MAX);
  }

  /** All numbers are less. It never falls. */
  get extent(): number {
    return this.#slots.length;
  }

  /** Returns the number of a region; undefined if it has none. */
  numberOf(name: string): number | undefined {
    return this.#numbers.get(name);
  }

  /** Returns the name of a region. */
  nameOf(region: number): string {
    return this.#slots[region]?.name ?? '';
  }

  /** Returns whether a region has relays. */
  isUsed(region: number): boolean {
    return (this.#slots[region]?.relays ?? 0) > 0;
  }

  /**
   * Adds a relay to a region.
   * @param location - where the relay says that it is
   * @returns the region's number; undefined if all numbers are used by regions with relays
   */
  add(name: string, location?: Location): number | undefined {
    const region = this.#numbers.get(name) ?? this.#assign(name);
    const slot = region === undefined ? undefined : this.#slots[region];
    if (region === undefined || slot === undefined) return undefined;
    slot.relays += 1;
    this.#idle.delete(region);
    if (location !== undefined) count(slot, location, 1);
    return region;
  }

  /**
   * Removes a relay that `add` gave a number.
   * @param location - the same as at `add`
   */
  remove(name: string, location?: Location): void {
    const region = this.#numbers.get(name);
    const slot = region === undefined ? undefined : this.#slots[region];
    if (region === undefined || slot === undefined || slot.relays === 0) return;
    slot.relays -= 1;
    if (slot.relays === 0) this.#idle.add(region);
    if (location !== undefined) count(slot, location, -1);
  }

  /**
   * Returns where a region is: the median of its relays' locations by coordinate, so that one relay
   * with a false location among several does not move it. Undefined if none declares one.
   */
  placeOf(region: number): UnitVector | undefined {
    const slot = this.#slots[region];
    if (slot === undefined) return undefined;
    if (slot.place === null) slot.place = medianPlace([...slot.locations.values()]);
    return slot.place;
  }

  /** Returns where a region is, degrees; undefined if no relay of it declares a location. */
  locationOf(region: number): Location | undefined {
    const place = this.placeOf(region);
    return place && locationOf(place);
  }

  /** Has a function called with each number that is given to another region than before. */
  onReused(listener: (region: number) => void): void {
    this.#onReused.push(listener);
  }

  #assign(name: string): number | undefined {
    const region = this.#slots.length < this.#regionsMax ? this.#slots.length : this.#oldestIdle();
    if (region === undefined) return undefined;
    const former = this.#slots[region];
    if (former !== undefined) this.#numbers.delete(former.name);
    this.#slots[region] = { name, relays: 0, locations: new Map(), place: undefined };
    this.#numbers.set(name, region);
    if (former !== undefined) for (const listener of this.#onReused) listener(region);
    return region;
  }

  #oldestIdle(): number | undefined {
    const [region] = this.#idle;
    if (region !== undefined) this.#idle.delete(region);
    return region;
  }
}

function count(slot: Slot, location: Location, change: 1 | -1): void {
  const key = location.join();
  const entry = slot.locations.get(key) ?? { at: unitVector(location), relays: 0 };
  entry.relays += change;
  if (entry.relays > 0) slot.locations.set(key, entry);
  else slot.locations.delete(key);
  slot.place = null;
}

type Placed = readonly { readonly at: UnitVector; readonly relays: number }[];

function medianPlace(placed: Placed): UnitVector | undefined {
  if (placed.length === 0) return undefined;
  const [x, y, z] = [median(placed, 0), median(placed, 1), median(placed, 2)];
  const length = Math.hypot(x, y, z);
  return length < 1e-9 ? undefined : [x / length, y / length, z / length];
}

/** Returns the weighted median of one coordinate: the mean of the two middle ones if even. */
function median(placed: Placed, axis: 0 | 1 | 2): number {
  const sorted = [...placed].sort((a, b) => a.at[axis] - b.at[axis]);
  const half = sorted.reduce((sum, { relays }) => sum + relays, 0) / 2;
  let passed = 0;
  for (const [i, { at, relays }] of sorted.entries()) {
    passed += relays;
    if (passed > half) return at[axis];
    if (passed === half) return (at[axis] + (sorted[i + 1] ?? sorted[i] ?? { at }).at[axis]) / 2;
  }
  return 0;
}
