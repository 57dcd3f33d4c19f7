import { normal, uniform } from '../random.js';
import { lightRttMs } from './geography.js';
import { type LogNormal, logNormalAt } from './technology.js';

/** How a kind of network carries packets between cities. */
interface NetworkFigures {
  /** RTT as a multiple of light's over the length of the cables. */
  readonly slowness: number;
  /** What each end adds, ms. */
  readonly endMs: LogNormal;
  /** Share of city pairs with a detour by policy, and its size as a share of the RTT. */
  readonly detoured: number;
  readonly detour: LogNormal;
  readonly jitterMs: LogNormal;
  readonly loss: LogNormal;
}

/**
 * Public Internet: found by trial, to match 243 sites of WonderProxy (2020); jitter as the mean
 * deviations there. Backbone: to match 50 regions of Azure and 32 of AWS (2025). Loss is assumed.
 */
const PUBLIC: NetworkFigures = {
  slowness: 1.65,
  endMs: { median: 3.2, sd: 1 },
  detoured: 0.32,
  detour: { median: 0.24, sd: 0.55 },
  jitterMs: { median: 0.6, sd: 1.45 },
  loss: { median: 0.0003, sd: 1.6 },
};
const BACKBONE: NetworkFigures = {
  slowness: 1.65,
  endMs: { median: 1.5, sd: 0.5 },
  detoured: 0.12,
  detour: { median: 0.1, sd: 0.5 },
  jitterMs: { median: 0.2, sd: 1 },
  loss: { median: 0.00002, sd: 1.5 },
};
const LOSS_MAX = 0.05;
const JITTER_MS_MAX = 60;

export type NetworkKind = 'public' | 'backbone';
const FIGURES: Readonly<Record<NetworkKind, NetworkFigures>> = {
  public: PUBLIC,
  backbone: BACKBONE,
};

/** A network: its kind, and a number that its draws depend on. */
export interface Network {
  readonly kind: NetworkKind;
  readonly key: number;
}

/** Names of draws. */
const END = 1;
const DETOURED = 2;
const DETOUR = 3;
const JITTER = 4;
const LOSS = 5;

/** Returns what a network's end in a city adds to the RTT, ms. */
export function endMs(network: Network, city: number, seed: number): number {
  return logNormalAt(FIGURES[network.kind].endMs, uniform(seed, END, network.key, city));
}

/**
 * Returns the RTT that a network has between two cities in calm weather, without its ends, ms. The
 * detour is one draw for each (network, pair of cities).
 * @param km - length of the way over cables
 */
export function haulMs(
  network: Network,
  [a, b]: readonly [number, number],
  km: number,
  seed: number,
) {
  const { slowness, detoured, detour } = FIGURES[network.kind];
  const [low, high] = a < b ? [a, b] : [b, a];
  const rttMs = slowness * lightRttMs(km);
  if (uniform(seed, DETOURED, network.key, low, high) >= detoured) return rttMs;
  return (
    rttMs * (1 + detour.median * Math.exp(detour.sd * normal(seed, DETOUR, network.key, low, high)))
  );
}

/** Returns the lasting jitter of a network between two places, ms. */
export function pathJitterMs(network: Network, a: number, b: number, seed: number): number {
  const share = uniform(seed, JITTER, network.key, Math.min(a, b), Math.max(a, b));
  return Math.min(JITTER_MS_MAX, logNormalAt(FIGURES[network.kind].jitterMs, share));
}

/** Returns the lasting loss of a network between two places, a share. */
export function pathLoss(network: Network, a: number, b: number, seed: number): number {
  const share = uniform(seed, LOSS, network.key, Math.min(a, b), Math.max(a, b));
  return Math.min(LOSS_MAX, logNormalAt(FIGURES[network.kind].loss, share));
}
