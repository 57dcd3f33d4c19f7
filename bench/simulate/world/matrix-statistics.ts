import { quantileOf, sorted } from '../judge/quantiles.js';
import { distanceKm, lightRttMs, type Place } from './geography.js';

/** Round-trip times between sites, with the sites' places where they are known. */
export interface RttMatrix {
  readonly size: number;
  /** Row by row, ms, symmetric; NaN where missing. */
  readonly rttMs: Float32Array;
  readonly places?: readonly Place[];
}

/** Figures of a matrix by which a planet is compared with measured ones. */
export interface MatrixStatistics {
  /** RTT as a multiple of light's over the great circle: quantiles 5 %, 50 %, 95 %. */
  readonly inflation?: readonly [number, number, number];
  /** Share of the triples (pair, third site) in which the third site is a shortcut. */
  readonly violations: number;
  /** Share of pairs that one relay shortens by 10 ms and by 10 %. */
  readonly gaining: number;
  /** RTT of the pairs, 50 % and 95 %, ms. */
  readonly direct: readonly [number, number];
  /** The same with the best single relay where it is shorter. */
  readonly relayed: readonly [number, number];
}

const GAIN_MS_MIN = 10;
const GAIN_SHARE_MIN = 0.1;
/** Pairs nearer than this say nothing about inflation. */
const INFLATION_KM_MIN = 50;

/** Returns the statistics of a matrix, over all pairs and triples that are whole. */
export function matrixStatistics({ size, rttMs, places }: RttMatrix): MatrixStatistics {
  const direct: number[] = [];
  const relayed: number[] = [];
  const inflation: number[] = [];
  let gaining = 0;
  let triples = 0;
  let violated = 0;
  for (let a = 0; a < size; a++) {
    for (let b = a + 1; b < size; b++) {
      const ms = rttMs[a * size + b] as number;
      if (Number.isNaN(ms)) continue;
      let best = Number.POSITIVE_INFINITY;
      for (let c = 0; c < size; c++) {
        const over = (rttMs[a * size + c] as number) + (rttMs[b * size + c] as number);
        if (c === a || c === b || Number.isNaN(over)) continue;
        triples += 1;
        if (over < ms) violated += 1;
        if (over < best) best = over;
      }
      direct.push(ms);
      relayed.push(Math.min(ms, best));
      if (ms - best >= GAIN_MS_MIN && ms - best >= GAIN_SHARE_MIN * ms) gaining += 1;
      const km = places === undefined ? 0 : distanceKm(places[a] as Place, places[b] as Place);
      if (km >= INFLATION_KM_MIN) inflation.push(ms / lightRttMs(km));
    }
  }
  const [directly, byRelay, inflated] = [direct, relayed, inflation].map(sorted) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const at = (values: Float64Array, share: number) => quantileOf(values, share);
  return {
    ...(inflated.length > 0 && {
      inflation: [at(inflated, 0.05), at(inflated, 0.5), at(inflated, 0.95)] as const,
    }),
    violations: violated / triples,
    gaining: gaining / direct.length,
    direct: [at(directly, 0.5), at(directly, 0.95)],
    relayed: [at(byRelay, 0.5), at(byRelay, 0.95)],
  };
}
