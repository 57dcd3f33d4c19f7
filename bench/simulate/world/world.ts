import type { Continent, Place } from './geography.js';
import type { Technology } from './technology.js';

/** What a path does to packets. */
export interface Quality {
  rttMs: number;
  /** Mean deviation of the round trip, ms. */
  jitterMs: number;
  /** Share of lost packets, 0 to 1. */
  loss: number;
}

/** A region: a provider's site in a city, or a site of a replayed matrix. */
export interface Region {
  readonly name: string;
  readonly provider: string;
  /** Undefined if a replayed matrix has no places. */
  readonly place: Place | undefined;
  readonly continent: Continent | undefined;
  /** Price of a gigabyte that leaves a relay here, USD. */
  readonly pricePerGb: number;
}

/** A relay of a region. */
export interface RelaySite {
  readonly id: string;
  readonly region: number;
  readonly legsMax: number;
}

/** Peers of one access network at one place. */
export interface Cluster {
  /** A network prefix of its own, CIDR. */
  readonly network: string;
  readonly asn: number;
  readonly place: Place | undefined;
  readonly continent: Continent | undefined;
  readonly technologies: readonly (readonly [technology: Technology, share: number])[];
  /** Share of the calls that begin here, before the time of day. */
  readonly weight: number;
}

/** The state of all paths at any moment. Contestants never read it, except for oracles. */
export interface Truth {
  /** RTT in calm weather by cluster and region, ms; without the last mile. */
  readonly legFloorMs: Float32Array;
  /** RTT in calm weather by two regions, ms. */
  readonly trunkFloorMs: Float32Array;
  /**
   * Writes the quality of the path from a cluster to a region, without what is the same to every
   * region (`access`) and the peer's last mile.
   */
  leg(cluster: number, region: number, atMs: number, out: Quality): void;
  trunk(a: number, b: number, atMs: number, out: Quality): void;
  /** Writes what a cluster's network adds to each of its paths at a moment. */
  access(cluster: number, atMs: number, out: Quality): void;
  /** Writes the quality of the path without relays, without `access` and last miles. */
  direct(a: number, b: number, atMs: number, out: Quality): void;
  /** Returns whether a relay works. */
  isUp(relay: number, atMs: number): boolean;
}

/** A planet, or a replayed matrix. */
export interface World {
  readonly title: string;
  readonly regions: readonly Region[];
  readonly relays: readonly RelaySite[];
  /** Relays by region. */
  readonly relaysOf: readonly (readonly number[])[];
  readonly clusters: readonly Cluster[];
  readonly truth: Truth;
}

/** Returns the relays of each region. */
export function relaysByRegion(regions: number, relays: readonly RelaySite[]): number[][] {
  const of = Array.from({ length: regions }, () => [] as number[]);
  for (const [index, { region }] of relays.entries()) of[region]?.push(index);
  return of;
}
