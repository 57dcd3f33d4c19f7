import { hash32, normal, uniform } from '../random.js';
import { asKey, type PlanetCluster } from './access.js';
import {
  EPISODE_LENGTH_SECONDS,
  EPISODE_UNEVENNESS,
  EPISODES_PER_HOUR,
  Episodes,
} from './episodes.js';
import { endMs, haulMs, type Network, pathJitterMs, pathLoss } from './networks.js';
import type { Outages } from './outages.js';
import type { PlanetRegion, Provider } from './regions.js';
import type { Quality, Truth } from './world.js';

/** Everything that does not change with time. */
export interface PlanetParts {
  readonly seed: number;
  readonly cities: number;
  /** Length of the ways over cables, km, by two cities. */
  readonly km: Float32Array;
  readonly providers: readonly Provider[];
  readonly regions: readonly PlanetRegion[];
  readonly clusters: readonly PlanetCluster[];
  readonly outages: Outages;
}

/** Share of an access network's episodes that only paths to one provider suffer (assumption). */
const INTERCONNECT_SHARE = 0.25;
/** Excess of the RTT in an episode of a path: joins the measured 90 and 95 % of max/median. */
const PATH_EXCESS = { median: 0.42, sd: 1 };
/** What a disturbed access network adds, as a multiple of `ACCESS_EXCESS_MS` (assumption). */
const ACCESS_EXCESS = { median: 1, sd: 0.7 };
const ACCESS_EXCESS_MS = 50;
/** Jitter and loss of an episode for each ms of excess (assumption). */
const JITTER_PER_EXCESS = 0.15;
const LOSS_PER_EXCESS_MS = 0.0002;
const LOSS_MAX = 0.1;
/** A path takes another route for a while: share of the spans, their length, its excess. */
const REROUTED = 0.04;
const REROUTE_MS = 6 * 3_600_000;
const REROUTE_EXCESS = { median: 0.1, sd: 0.8 };
/** Share of access networks that are congested in the evening, and what that adds. */
const CONGESTED = 0.1;
const CONGESTION_MS = 15;
/** Share of pairs (access network, provider) that meet far away, and what that adds. */
const FAR_EXCHANGE = 0.1;
const FAR_EXCHANGE_MS = 12;
/** RTT between relays of one region, ms. */
const WITHIN_REGION_MS = 0.5;

/** Names of draws. */
const FAR = 201;
const FAR_SIZE = 202;
const ROUTE = 203;
const ROUTE_SIZE = 204;
const EVENING = 205;

/** Key of a network of peers, apart from the providers'. */
const ACCESS_NETWORKS = 1_000;

/** The truth of the synthetic planet. */
export class PlanetTruth implements Truth {
  readonly legFloorMs: Float32Array;
  readonly trunkFloorMs: Float32Array;
  readonly #parts: PlanetParts;
  readonly #count: number;
  readonly #legJitter: Float32Array;
  readonly #legLoss: Float32Array;
  readonly #trunkJitter: Float32Array;
  readonly #trunkLoss: Float32Array;
  readonly #asOf: Int32Array;
  readonly #accessEpisodes: Episodes;
  readonly #interconnectEpisodes: Episodes;
  readonly #trunkEpisodes: Episodes;

  constructor(parts: PlanetParts) {
    this.#parts = parts;
    const { regions, clusters, seed, providers } = parts;
    this.#count = regions.length;
    const legs = clusters.length * regions.length;
    const trunks = regions.length ** 2;
    this.legFloorMs = new Float32Array(legs);
    this.#legJitter = new Float32Array(legs);
    this.#legLoss = new Float32Array(legs);
    this.trunkFloorMs = new Float32Array(trunks);
    this.#trunkJitter = new Float32Array(trunks);
    this.#trunkLoss = new Float32Array(trunks);
    const numbers = new Map<number, number>();
    for (const { asn } of clusters) {
      if (!numbers.has(asn)) numbers.set(asn, numbers.size);
    }
    this.#asOf = Int32Array.from(clusters, ({ asn }) => numbers.get(asn) ?? 0);
    const figures = (perHour: number, strength: typeof PATH_EXCESS) => ({
      ...{ perHour, strength },
      ...{ unevenness: EPISODE_UNEVENNESS, lengthSeconds: EPISODE_LENGTH_SECONDS },
    });
    const own = EPISODES_PER_HOUR * (1 - INTERCONNECT_SHARE);
    const shared = (EPISODES_PER_HOUR * INTERCONNECT_SHARE) / providers.length;
    const ases = numbers.size;
    this.#accessEpisodes = new Episodes(seed + 1, figures(own, ACCESS_EXCESS), ases);
    this.#interconnectEpisodes = new Episodes(
      seed + 2,
      figures(shared * providers.length, PATH_EXCESS),
      ases * providers.length,
    );
    this.#trunkEpisodes = new Episodes(seed + 3, figures(EPISODES_PER_HOUR, PATH_EXCESS), trunks);
    this.#fillLegs();
    this.#fillTrunks();
  }

  leg(cluster: number, region: number, atMs: number, out: Quality): void {
    const cell = cluster * this.#count + region;
    const { providers, regions } = this.#parts;
    const as = this.#asOf[cluster] as number;
    const provider = (regions[region] as PlanetRegion).providerIndex;
    const episode = this.#interconnectEpisodes.strengthAt(as * providers.length + provider, atMs);
    const rerouted = this.#rerouted(cell, 1, atMs);
    const floor = this.legFloorMs[cell] as number;
    set(out, floor, episode, rerouted, this.#legJitter[cell] ?? 0, this.#legLoss[cell] ?? 0);
  }

  trunk(a: number, b: number, atMs: number, out: Quality): void {
    const [low, high] = a < b ? [a, b] : [b, a];
    const cell = low * this.#count + high;
    const episode = a === b ? 0 : this.#trunkEpisodes.strengthAt(cell, atMs);
    const rerouted = a === b ? 0 : this.#rerouted(cell, 2, atMs);
    const floor = this.trunkFloorMs[cell] as number;
    set(out, floor, episode, rerouted, this.#trunkJitter[cell] ?? 0, this.#trunkLoss[cell] ?? 0);
  }

  access(cluster: number, atMs: number, out: Quality): void {
    const as = this.#asOf[cluster] as number;
    const excess = ACCESS_EXCESS_MS * this.#accessEpisodes.strengthAt(as, atMs);
    out.rttMs = excess + this.#evening(cluster, as, atMs);
    out.jitterMs = excess * JITTER_PER_EXCESS;
    out.loss = Math.min(LOSS_MAX, excess * LOSS_PER_EXCESS_MS);
  }

  direct(a: number, b: number, atMs: number, out: Quality): void {
    const { clusters, seed, km, cities } = this.#parts;
    const [from, to] = [clusters[a], clusters[b]] as [PlanetCluster, PlanetCluster];
    const key = ACCESS_NETWORKS + (asKey(from.asn) ^ asKey(to.asn));
    const network: Network = { kind: 'public', key };
    const ends =
      endMs(accessNetwork(from), from.city, seed) + endMs(accessNetwork(to), to.city, seed);
    const way = km[from.city * cities + to.city] as number;
    const floor = ends + haulMs(network, [from.city, to.city], way, seed);
    const rerouted = this.#rerouted(hash32(key, from.city, to.city), 3, atMs);
    const jitter = pathJitterMs(network, from.city, to.city, seed);
    set(out, floor, 0, rerouted, jitter, pathLoss(network, from.city, to.city, seed));
  }

  isUp(relay: number, atMs: number): boolean {
    return this.#parts.outages.isUp(relay, atMs);
  }

  /** Returns the excess of a path's present route over its usual one, as a share. */
  #rerouted(cell: number, kind: number, atMs: number): number {
    const { seed } = this.#parts;
    const span = Math.floor(atMs / REROUTE_MS + uniform(seed, ROUTE, kind, cell));
    if (uniform(seed, ROUTE, kind, cell, span + 1) >= REROUTED) return 0;
    const size = REROUTE_EXCESS.sd * normal(seed, ROUTE_SIZE, kind, cell, span);
    return REROUTE_EXCESS.median * Math.exp(size);
  }

  /** Returns the delay of an access network that is congested from 19 to 23 o'clock, ms. */
  #evening(cluster: number, as: number, atMs: number): number {
    if (uniform(this.#parts.seed, EVENING, as) >= CONGESTED) return 0;
    const longitude = this.#parts.clusters[cluster]?.place?.longitude ?? 0;
    const hour = (atMs / 3_600_000 + longitude / 15 + 48) % 24;
    return hour >= 19 && hour < 23 ? CONGESTION_MS : 0;
  }

  #fillLegs(): void {
    const { clusters, regions, providers, seed, km, cities } = this.#parts;
    for (const [index, cluster] of clusters.entries()) {
      const own = endMs(accessNetwork(cluster), cluster.city, seed);
      for (const [region, { city, providerIndex }] of regions.entries()) {
        const provider = providers[providerIndex] as Provider;
        const as = this.#asOf[index] as number;
        const key = ACCESS_NETWORKS + as * providers.length + providerIndex;
        const network: Network = { kind: 'public', key };
        const way = km[cluster.city * cities + city] as number;
        const haul = haulMs(network, [cluster.city, city], way, seed);
        const far = uniform(seed, FAR, key) < FAR_EXCHANGE ? uniform(seed, FAR_SIZE, key) : 1;
        const cell = index * regions.length + region;
        const exchange = -FAR_EXCHANGE_MS * Math.log(far);
        this.legFloorMs[cell] = own + endMs(provider, city, seed) + haul + exchange;
        this.#legJitter[cell] = pathJitterMs(network, cluster.city, city, seed);
        this.#legLoss[cell] = pathLoss(network, cluster.city, city, seed);
      }
    }
  }

  #fillTrunks(): void {
    const { regions } = this.#parts;
    const count = regions.length;
    for (let a = 0; a < count; a++) {
      this.trunkFloorMs[a * count + a] = WITHIN_REGION_MS;
      for (let b = a + 1; b < count; b++) {
        const [there, back] = [a * count + b, b * count + a];
        const { rttMs, jitterMs, loss } = this.#trunkFigures(a, b);
        this.trunkFloorMs[there] = rttMs;
        this.trunkFloorMs[back] = rttMs;
        this.#trunkJitter[there] = jitterMs;
        this.#trunkLoss[there] = loss;
      }
    }
  }

  /**
   * Returns the trunk between two regions. Within a backbone packets stay on it. Between providers
   * each direction takes the public Internet as the sender's provider does.
   */
  #trunkFigures(a: number, b: number): Quality {
    const { regions, providers, seed, km, cities } = this.#parts;
    const [from, to] = [regions[a], regions[b]] as [PlanetRegion, PlanetRegion];
    const [there, back] = [providers[from.providerIndex], providers[to.providerIndex]] as [
      Provider,
      Provider,
    ];
    const way = km[from.city * cities + to.city] as number;
    const pair = [from.city, to.city] as const;
    const networks: Network[] = there === back ? [there] : [outside(there), outside(back)];
    const average = (of: (network: Network) => number) =>
      networks.reduce((sum, network) => sum + of(network), 0) / networks.length;
    const ends = endMs(there, from.city, seed) + endMs(back, to.city, seed);
    return {
      rttMs: ends + average((network) => haulMs(network, pair, way, seed)),
      jitterMs: average((network) => pathJitterMs(network, pair[0], pair[1], seed)),
      loss: average((network) => pathLoss(network, pair[0], pair[1], seed)),
    };
  }
}

function accessNetwork({ asn }: PlanetCluster): Network {
  return { kind: 'public', key: ACCESS_NETWORKS + asKey(asn) };
}

/** Returns the network by which a provider's packets reach other providers. */
function outside({ kind, key }: Provider): Network {
  return kind === 'public' ? { kind, key } : { kind: 'public', key: ACCESS_NETWORKS - 1 - key };
}

/** Writes a path's quality from its calm values, the excess of an episode and that of a route. */
function set(
  out: Quality,
  floorMs: number,
  episode: number,
  rerouted: number,
  jitterMs: number,
  loss: number,
): void {
  const excessMs = floorMs * episode;
  out.rttMs = floorMs * (1 + rerouted) + excessMs;
  out.jitterMs = jitterMs + excessMs * JITTER_PER_EXCESS;
  out.loss = Math.min(LOSS_MAX, loss + excessMs * LOSS_PER_EXCESS_MS);
}
