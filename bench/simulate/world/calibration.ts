import { quantileOf, sorted } from '../judge/quantiles.js';
import {
  EPISODE_LENGTH_SECONDS,
  EPISODE_UNEVENNESS,
  EPISODES_PER_HOUR,
  Episodes,
} from './episodes.js';
import type { Place } from './geography.js';
import { type MatrixStatistics, matrixStatistics, type RttMatrix } from './matrix-statistics.js';
import { endMs, haulMs, type NetworkKind } from './networks.js';
import type { Planet } from './planet.js';
import { drawCities } from './regions.js';
import { drawLastMile, type Technology } from './technology.js';

/** A figure of the generator beside the measured one. */
export interface CalibrationRow {
  readonly what: string;
  readonly measured: number;
  readonly generated: number;
  /** Largest ratio of the two that counts as a match. */
  readonly ratioMax: number;
  readonly ok: boolean;
  /** Where the measured figure comes from. */
  readonly source: string;
}

/** WonderProxy 2020: 243 cities over the public Internet. */
const PUBLIC_FACTS: Required<MatrixStatistics> = {
  inflation: [2.15, 3.01, 7.1],
  violations: 0.045,
  gaining: 0.25,
  direct: [137, 306],
  relayed: [128, 265],
};
/** Azure 2025: 50 regions on a provider's backbone. */
const BACKBONE_FACTS: Required<MatrixStatistics> = {
  inflation: [1.93, 2.59, 4.43],
  violations: 0.015,
  gaining: 0.02,
  direct: [150, 267],
  relayed: [148, 264],
};
/** RIPE Atlas 2023: last mile p50, p75, p95, ms. */
const LAST_MILE_FACTS: Readonly<Record<Technology, readonly [number, number, number]>> = {
  wired: [4.6, 12.3, 41.6],
  wifi: [7.7, 13.7, 49.3],
  cellular: [28.2, 44.8, 77.1],
  starlink: [39.7, 44.7, 78.7],
};
/** Seattle devices: share of the time, length p50 and p90, s. */
const EPISODE_FACTS = { share: 0.009, p50: 79, p90: 456 };

/** Sites of a network that are compared: as many as were measured. */
const SITES: Readonly<Record<NetworkKind, number>> = { backbone: 50, public: 243 };
const PEERS = 4_000;
const EPISODE_PATHS = 3_000;
const EPISODE_HOURS = 24;

/**
 * Compares a planet's statistics with measured ones. The tolerances allow for the chance of a small
 * planet; the spread between the two measured backbones is as wide.
 */
export function calibrate(planet: Planet, seed: number): CalibrationRow[] {
  return [
    ...matrixRows('backbone', 'Azure 2025', networkMatrix(planet, 'backbone'), BACKBONE_FACTS),
    ...matrixRows('public', 'WonderProxy 2020', networkMatrix(planet, 'public'), PUBLIC_FACTS),
    ...lastMileRows(seed),
    ...episodeRows(seed),
  ];
}

function row(
  what: string,
  source: string,
  [measured, generated]: readonly [number, number],
  ratioMax: number,
): CalibrationRow {
  const ratio = generated / measured;
  return {
    what,
    measured,
    generated,
    ratioMax,
    source,
    ok: ratio <= ratioMax && ratio >= 1 / ratioMax,
  };
}

function matrixRows(
  kind: string,
  source: string,
  matrix: RttMatrix,
  facts: Required<MatrixStatistics>,
): CalibrationRow[] {
  if (matrix.size === 0) return [];
  const found = matrixStatistics(matrix);
  const line = (what: string, pair: readonly [number, number], ratioMax: number) =>
    row(`${kind}: ${what}`, source, pair, ratioMax);
  const inflation = found.inflation ?? [Number.NaN, Number.NaN, Number.NaN];
  return [
    line('RTT / light, p5', [facts.inflation[0], inflation[0]], 1.2),
    line('RTT / light, p50', [facts.inflation[1], inflation[1]], 1.2),
    line('RTT / light, p95', [facts.inflation[2], inflation[2]], 1.4),
    line('triangles violated', [facts.violations, found.violations], 1.6),
    line(
      'pairs that gain by one relay',
      [facts.gaining, found.gaining],
      kind === 'public' ? 1.4 : 4,
    ),
    line('RTT p50, ms', [facts.direct[0], found.direct[0]], 1.25),
    line('RTT p95, ms', [facts.direct[1], found.direct[1]], 1.25),
    line('RTT p50 with one relay, ms', [facts.relayed[0], found.relayed[0]], 1.25),
    line('RTT p95 with one relay, ms', [facts.relayed[1], found.relayed[1]], 1.25),
  ];
}

/** Returns the RTTs that a network of the planet has between cities, drawn as its regions are. */
function networkMatrix({ parts, cities }: Planet, kind: NetworkKind): RttMatrix {
  const { seed, km } = parts;
  const network = parts.providers.find((one) => one.kind === kind);
  if (network === undefined) return { size: 0, rttMs: new Float32Array() };
  const chosen = drawCities(cities, SITES[kind], seed + SITES[kind]);
  const size = chosen.length;
  const ends = chosen.map((city) => endMs(network, city, seed));
  const rttMs = new Float32Array(size ** 2);
  for (const [row, a] of chosen.entries()) {
    for (const [column, b] of chosen.entries()) {
      const way = km[a * cities.length + b] as number;
      const both = (ends[row] as number) + (ends[column] as number);
      rttMs[row * size + column] = both + haulMs(network, [a, b], way, seed);
    }
  }
  return { size, rttMs, places: chosen.map((city) => cities[city] as Place) };
}

function lastMileRows(seed: number): CalibrationRow[] {
  const technologies = Object.entries(LAST_MILE_FACTS) as [
    Technology,
    readonly [number, number, number],
  ][];
  return technologies.flatMap(([technology, facts]) => {
    const peers = Array.from({ length: PEERS }, (_, peer) => drawLastMile(technology, seed, peer));
    const values = sorted(peers.map(({ rttMs }) => rttMs));
    return [0.5, 0.75, 0.95].map((share, index) =>
      row(
        `last mile ${technology}, p${share * 100}, ms`,
        'RIPE Atlas 2023',
        [facts[index] as number, quantileOf(values, share)],
        1.35,
      ),
    );
  });
}

function episodeRows(seed: number): CalibrationRow[] {
  const figures = {
    ...{ perHour: EPISODES_PER_HOUR, unevenness: EPISODE_UNEVENNESS },
    ...{ lengthSeconds: EPISODE_LENGTH_SECONDS, strength: { median: 1, sd: 0 } },
  };
  const episodes = new Episodes(seed + 3, figures, EPISODE_PATHS);
  const lengths: number[] = [];
  for (let path = 0; path < EPISODE_PATHS; path++) {
    for (let hour = 0; hour < EPISODE_HOURS; hour++) {
      lengths.push(...episodes.of(path, hour).map(({ lengthMs }) => lengthMs / 1000));
    }
  }
  const ordered = sorted(lengths);
  const total = lengths.reduce((sum, seconds) => sum + seconds, 0);
  const share = total / (EPISODE_PATHS * EPISODE_HOURS * 3600);
  const line = (what: string, pair: readonly [number, number]) =>
    row(`episodes: ${what}`, 'Seattle devices', pair, 1.25);
  return [
    line('share of the time', [EPISODE_FACTS.share, share]),
    line('length p50, s', [EPISODE_FACTS.p50, quantileOf(ordered, 0.5)]),
    line('length p90, s', [EPISODE_FACTS.p90, quantileOf(ordered, 0.9)]),
  ];
}
