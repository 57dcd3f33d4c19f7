import { type UnitVector, unitVector } from './geography.js';
import { leafKey, leafPrefix, type Network, parentKey, parentPrefix } from './network.js';
import type { NetworkPlaces } from './network-places.js';

/** Maximum access clusters, parents included; addresses beyond it belong to their parents. */
export const CLUSTERS_MAX = 4_096;
/** Share of the clusters that are evicted together, so that the search for them is rare. */
const EVICTED_SHARE = 1 / 16;
/** Share of the clusters that requests may have made, beside those that reports made. */
const REQUESTED_SHARE = 1 / 8;
/** Maker of the clusters that requests made; no relay has this id. */
const REQUESTS = ' ';
/** Degrees of latitude and longitude of one place in an autonomous system. */
const PLACE_DEGREES = 4;

/** A set of addresses whose legs are alike, or a parent of such sets. */
export interface AccessCluster {
  /** `203.0.112.0/20`, `AS64500 DE`, `DE`, `IPv4`. */
  readonly name: string;
  /** Number of its parent; undefined for the addresses of a whole family. */
  readonly parent: number | undefined;
  readonly asn?: number | undefined;
  readonly country?: string | undefined;
  /** Where its addresses are, if they are at one place. */
  readonly place?: UnitVector | undefined;
}

/** A cluster, for an explanation. */
export interface ClusterDescription {
  /** `203.0.112.0/20`, `AS64500 DE`, `DE`, `IPv4`. */
  readonly network: string;
  readonly asn?: number | undefined;
  readonly country?: string | undefined;
  /** Regions with a history of this cluster itself, and its decayed number of samples. */
  readonly regions: number;
  readonly samples: number;
  /** The cluster that its estimates are shrunk towards. */
  readonly parent?: string | undefined;
}

interface Entry extends AccessCluster {
  parent: number | undefined;
  children: number;
  usedMs: number;
  readonly key?: number | undefined;
  /** The reporter whose report made it, or REQUESTS. */
  maker: string;
}

/** A cluster as a lookup finds it, before it has a number. */
interface Named extends Pick<AccessCluster, 'name' | 'asn' | 'country' | 'place'> {
  /** Key of a cluster that is a prefix only. */
  readonly key?: number | undefined;
}

/**
 * The access clusters and their numbers. Reports make them. A request makes one only for an address
 * whose place the databases tell, and requests all together no more than REQUESTED_SHARE: beyond
 * it an address has its parent until the least recently used of them are evicted, so that random
 * addresses displace nothing else. When there are too many, those of reporters that made more than
 * twice their share go first, and of those the least recently used.
 */
export class AccessClusters {
  #places: NetworkPlaces | undefined;
  readonly #entries: (Entry | undefined)[] = [];
  readonly #numbers = new Map<string, number>();
  /** Numbers of clusters that are prefixes only, by their keys. */
  readonly #prefixes = new Map<number, number>();
  readonly #free: number[] = [];
  readonly #made = new Map<string, number>();
  readonly #clustersMax: number;
  #nowMs = 0;

  constructor(places: NetworkPlaces | undefined, clustersMax = CLUSTERS_MAX) {
    this.#places = places;
    this.#clustersMax = clustersMax;
    for (const name of ['IPv4', 'IPv6']) this.#make({ name }, undefined, '');
  }

  /** Looks addresses up by other databases from now on; none for undefined. */
  usePlaces(places: NetworkPlaces | undefined): void {
    this.#places = places;
  }

  /** All numbers are less. It never falls. */
  get extent(): number {
    return this.#entries.length;
  }

  /** Number of clusters. */
  get size(): number {
    return this.#numbers.size;
  }

  /** Returns a cluster; undefined for the number of an evicted one. */
  get(cluster: number): AccessCluster | undefined {
    return this.#entries[cluster];
  }

  /**
   * Returns the number of the narrowest cluster of a network: the narrowest that exists, or a new
   * one at the network's place below it if there is room for it.
   */
  find(network: Network): number {
    if (this.#places === undefined) return this.#findByPrefix(network);
    const path = this.#pathOf(network);
    const leaf = path.at(-1);
    for (const named of path.toReversed()) {
      const cluster = this.#numbers.get(named.name);
      const entry = cluster === undefined ? undefined : this.#entries[cluster];
      if (cluster === undefined || entry === undefined) continue;
      entry.usedMs = this.#nowMs;
      return named === leaf ? cluster : this.#placed(leaf, cluster);
    }
    return this.#placed(leaf, rootOf(network));
  }

  /** Returns a new cluster at a place, or its parent without a known place or room. */
  #placed(leaf: Named | undefined, parent: number): number {
    const made = this.#made.get(REQUESTS) ?? 0;
    if (leaf?.place === undefined || made >= this.#requestsMax) return parent;
    return this.#make(leaf, parent, REQUESTS) ?? parent;
  }

  get #requestsMax(): number {
    return Math.floor(this.#clustersMax * REQUESTED_SHARE);
  }

  /** As `find`, without databases and without making texts. */
  #findByPrefix(network: Network): number {
    const cluster = this.#prefixes.get(leafKey(network)) ?? this.#prefixes.get(parentKey(network));
    const entry = this.#entries[cluster ?? rootOf(network)];
    if (entry !== undefined) entry.usedMs = this.#nowMs;
    return cluster ?? rootOf(network);
  }

  /** Returns the narrowest cluster of a network, and makes it and its parents if there is room. */
  findOrMake(network: Network, reporter: string): number {
    let cluster = rootOf(network);
    for (const named of this.#pathOf(network)) {
      const found = this.#numbers.get(named.name);
      const next = found ?? this.#make(named, cluster, reporter);
      if (next === undefined) break;
      if (found !== undefined) this.#adopt(found, cluster, reporter);
      cluster = next;
      const entry = this.#entries[cluster];
      if (entry !== undefined) entry.usedMs = this.#nowMs;
    }
    return cluster;
  }

  /** Makes a cluster that a request made a reporter's, below the parent that it has by now. */
  #adopt(cluster: number, parent: number, reporter: string): void {
    const entry = this.#entries[cluster];
    if (entry?.maker !== REQUESTS) return;
    this.#count(REQUESTS, -1);
    this.#count(reporter, 1);
    entry.maker = reporter;
    const [former, above] = [this.#entries[entry.parent ?? -1], this.#entries[parent]];
    if (former !== undefined) former.children -= 1;
    if (above !== undefined) above.children += 1;
    entry.parent = parent;
  }

  #count(maker: string, more: number): void {
    const made = (this.#made.get(maker) ?? 0) + more;
    if (made > 0) this.#made.set(maker, made);
    else this.#made.delete(maker);
  }

  /**
   * Evicts clusters if there is little room, of all or of those that requests make.
   * @param nowMs - monotonic ms, for uses from now on
   * @returns the numbers that may belong to others from now on
   */
  evict(nowMs: number): readonly number[] {
    this.#nowMs = nowMs;
    const together = Math.floor(this.#clustersMax * EVICTED_SHARE);
    const isFull = this.#clustersMax - this.size < together / 2;
    const requested = this.#made.get(REQUESTS) ?? 0;
    if (!isFull && this.#requestsMax - requested >= together / 4) return [];
    const fair = (2 * this.size) / Math.max(1, this.#made.size);
    const leaves: { cluster: number; usedMs: number; excess: number }[] = [];
    for (const [cluster, entry] of this.#entries.entries()) {
      if (entry === undefined || entry.children > 0 || entry.parent === undefined) continue;
      const { usedMs, maker } = entry;
      if (!isFull && maker !== REQUESTS) continue;
      leaves.push({ cluster, usedMs, excess: Number((this.#made.get(maker) ?? 0) > fair) });
    }
    leaves.sort((a, b) => b.excess - a.excess || a.usedMs - b.usedMs);
    const most = isFull ? together : Math.ceil(together / 2);
    const evicted = leaves.slice(0, most).map(({ cluster }) => cluster);
    for (const cluster of evicted) this.#remove(cluster);
    return evicted;
  }

  #remove(cluster: number): void {
    const entry = this.#entries[cluster];
    if (entry === undefined) return;
    this.#entries[cluster] = undefined;
    this.#numbers.delete(entry.name);
    if (entry.key !== undefined) this.#prefixes.delete(entry.key);
    this.#free.push(cluster);
    const parent = entry.parent === undefined ? undefined : this.#entries[entry.parent];
    if (parent !== undefined) parent.children -= 1;
    this.#count(entry.maker, -1);
  }

  #make(named: Named, parent: number | undefined, maker: string): number | undefined {
    if (this.size >= this.#clustersMax) return undefined;
    const cluster = this.#free.pop() ?? this.#entries.length;
    this.#entries[cluster] = { ...named, parent, children: 0, usedMs: this.#nowMs, maker };
    this.#numbers.set(named.name, cluster);
    if (named.key !== undefined) this.#prefixes.set(named.key, cluster);
    const above = parent === undefined ? undefined : this.#entries[parent];
    if (above !== undefined) above.children += 1;
    this.#count(maker, 1);
    return cluster;
  }

  /** Returns a network's clusters below its family, the widest first. */
  #pathOf(network: Network): Named[] {
    const { asn, country, location } = this.#places?.placeOf(network.address) ?? {};
    const path: Named[] = country === undefined ? [] : [{ name: country, country }];
    if (asn === undefined) {
      const isPrefix = country === undefined;
      if (isPrefix) path.push({ name: parentPrefix(network), key: parentKey(network) });
      const place = location && unitVector(location);
      const key = isPrefix ? leafKey(network) : undefined;
      path.push({ name: leafPrefix(network), country, place, key });
      return path;
    }
    const system = country === undefined ? `AS${asn}` : `AS${asn} ${country}`;
    path.push({ name: system, asn, country });
    if (location === undefined) return path;
    const [latitude, longitude] = location.map((degrees) => Math.round(degrees / PLACE_DEGREES));
    const name = `${system} ${(latitude ?? 0) * PLACE_DEGREES},${(longitude ?? 0) * PLACE_DEGREES}`;
    path.push({ name, asn, country, place: unitVector(location) });
    return path;
  }
}

/** Returns the number of the cluster of all addresses of a family. */
function rootOf({ family }: Network): number {
  return family === 4 ? 0 : 1;
}
