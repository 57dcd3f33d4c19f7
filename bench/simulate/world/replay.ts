import { Random } from '../random.js';
import { continentOf } from './geography.js';
import type { ReplayMatrix } from './matrices/folder.js';
import { type Cluster, type Quality, type Region, relaysByRegion, type World } from './world.js';

/** How a matrix is replayed. */
export interface ReplayOptions {
  readonly seed: number;
  /** Number of sites that are relays; the others are places of peers. */
  readonly relaySites: number;
  /** Relays at each of them. */
  readonly relaysPerSite: number;
}

const LEGS_MAX = 1_000;
/** First address of the peers' networks. */
const NETWORK_FIRST = 20;
/** Jitter that counts of a measured deviation, ms. */
const JITTER_MS_MAX = 100;

/**
 * Replays a matrix: a random part of its sites are relays, the others are places of peers, whose
 * legs are the matrix's round trips. Nothing changes with time, and no last mile is added.
 */
export function replayWorld(matrix: ReplayMatrix, options: ReplayOptions): World {
  const { seed, relaySites, relaysPerSite } = options;
  const sites = new Random(seed).shuffle(Array.from({ length: matrix.size }, (_, site) => site));
  const relayOf = sites.slice(0, relaySites);
  const peersOf = sites.slice(relaySites);
  const regions = relayOf.map((site) => ({ name: `site-${site}`, ...regionAt(matrix, site) }));
  const relays = regions.flatMap((_, region) =>
    Array.from({ length: relaysPerSite }, (_, index) => ({
      ...{ id: `relay-${region}-${index}`, region, legsMax: LEGS_MAX },
    })),
  );
  return {
    title: `${matrix.title} (${matrix.size} sites)`,
    regions,
    relays,
    relaysOf: relaysByRegion(regions.length, relays),
    clusters: peersOf.map((site, index) => clusterAt(matrix, site, index, peersOf.length)),
    truth: replayTruth(matrix, relayOf, peersOf),
  };
}

function placeOf({ places }: ReplayMatrix, site: number) {
  const place = places?.[site];
  return { place, continent: place && continentOf(place) };
}

function regionAt(matrix: ReplayMatrix, site: number): Omit<Region, 'name'> {
  return { provider: 'replayed', pricePerGb: 0, ...placeOf(matrix, site) };
}

function clusterAt(matrix: ReplayMatrix, site: number, index: number, count: number): Cluster {
  return {
    network: `${NETWORK_FIRST}.${index >> 4}.${(index & 15) << 4}.0/20`,
    asn: 4_200_000_000 + index,
    ...placeOf(matrix, site),
    technologies: [],
    weight: 1 / count,
  };
}

function replayTruth(matrix: ReplayMatrix, relayOf: readonly number[], peersOf: readonly number[]) {
  const regions = relayOf.length;
  const write = (out: Quality, from: number, to: number) => {
    const cell = from * matrix.size + to;
    out.rttMs = from === to ? 0 : (matrix.rttMs[cell] as number);
    out.jitterMs = from === to ? 0 : Math.min(JITTER_MS_MAX, matrix.jitterMs[cell] as number);
    out.loss = 0;
  };
  const relay = (region: number) => relayOf[region] as number;
  const peer = (cluster: number) => peersOf[cluster] as number;
  const table = (rows: readonly number[]) =>
    Float32Array.from({ length: rows.length * regions }, (_, cell) => {
      const [row, column] = [Math.floor(cell / regions), cell % regions];
      return matrix.rttMs[(rows[row] as number) * matrix.size + relay(column)] as number;
    });
  return {
    legFloorMs: table(peersOf),
    trunkFloorMs: table(relayOf),
    leg: (cluster: number, region: number, _atMs: number, out: Quality) =>
      write(out, peer(cluster), relay(region)),
    trunk: (a: number, b: number, _atMs: number, out: Quality) => write(out, relay(a), relay(b)),
    access: (_cluster: number, _atMs: number, out: Quality) => {
      out.rttMs = 0;
      out.jitterMs = 0;
      out.loss = 0;
    },
    direct: (a: number, b: number, _atMs: number, out: Quality) => write(out, peer(a), peer(b)),
    isUp: () => true,
  };
}
