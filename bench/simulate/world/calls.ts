import { Random, WeightedDraw } from '../random.js';
import { distanceKm } from './geography.js';
import { drawLastMile, type LastMile } from './technology.js';
import type { Cluster, World } from './world.js';

/** One end of a call. */
export interface Peer {
  readonly cluster: number;
  readonly lastMile: LastMile;
}

/** A call between two peers, who need relays. */
export interface Call {
  readonly index: number;
  readonly atMs: number;
  readonly minutes: number;
  readonly peers: readonly [Peer, Peer];
  /** Moments at which it is judged, ms. */
  readonly momentsMs: readonly number[];
}

/** What calls there are. */
export interface CallOptions {
  readonly seed: number;
  readonly count: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** Moments at which each call is judged. */
  readonly moments: number;
  /** Share of calls to someone near; the others go to anybody. */
  readonly nearShare: number;
}

/** Mean and largest duration (assumption). */
const MINUTES_MEAN = 8;
const MINUTES_MAX = 60;
/** Distance at which acquaintance falls to 1/e, km. */
const NEAR_KM = 1_500;
/** Attempts at drawing someone near. */
const NEAR_TRIES = 40;

/** A place's activity by local hour: least at 4, most at 16 o'clock (assumption). */
function activity(hour: number): number {
  return 0.55 + 0.45 * Math.sin(((hour - 10) / 24) * 2 * Math.PI);
}

/** Returns the calls of a span of time, in the order of their beginning. */
export function drawCalls(world: World, options: CallOptions): Call[] {
  const { seed, count, fromMs, toMs, moments, nearShare } = options;
  const random = new Random(seed);
  const { clusters } = world;
  const draw = new WeightedDraw(clusters.map(({ weight }) => weight));
  const beginnings = Array.from({ length: count }, () => fromMs + random.next() * (toMs - fromMs));
  return beginnings
    .sort((a, b) => a - b)
    .map((atMs, index) => {
      const first = drawAwake(clusters, draw, atMs, random);
      const second = drawPartner(clusters, draw, { first, atMs, nearShare }, random);
      const minutes = Math.min(MINUTES_MAX, random.exponential(MINUTES_MEAN));
      const peer = (cluster: number, end: number): Peer => ({
        cluster,
        lastMile: lastMileOf(
          clusters[cluster] as Cluster,
          random.next(),
          seed + 1,
          2 * index + end,
        ),
      });
      const judged = Array.from({ length: moments }, (_, moment) =>
        moment === 0 ? atMs : atMs + random.next() * minutes * 60_000,
      );
      return {
        ...{ index, atMs, minutes },
        peers: [peer(first, 0), peer(second, 1)],
        momentsMs: judged.sort((a, b) => a - b),
      };
    });
}

function localHour({ place }: Cluster, atMs: number): number {
  return (atMs / 3_600_000 + (place?.longitude ?? 0) / 15 + 48) % 24;
}

/** Draws a cluster by weight and time of day. */
function drawAwake(
  clusters: readonly Cluster[],
  draw: WeightedDraw,
  atMs: number,
  random: Random,
): number {
  for (;;) {
    const cluster = draw.index(random.next());
    if (random.next() < activity(localHour(clusters[cluster] as Cluster, atMs))) return cluster;
  }
}

function drawPartner(
  clusters: readonly Cluster[],
  draw: WeightedDraw,
  { first, atMs, nearShare }: { first: number; atMs: number; nearShare: number },
  random: Random,
): number {
  const from = clusters[first]?.place;
  const isNear = random.next() < nearShare;
  let cluster = drawAwake(clusters, draw, atMs, random);
  for (let tries = 0; isNear && tries < NEAR_TRIES; tries++) {
    const to = clusters[cluster]?.place;
    if (from === undefined || to === undefined) break;
    if (random.next() < Math.exp(-distanceKm(from, to) / NEAR_KM)) break;
    cluster = drawAwake(clusters, draw, atMs, random);
  }
  return cluster;
}

/** Peers of a replayed matrix have no last mile: the matrix begins at their site. */
const NO_LAST_MILE: LastMile = { technology: undefined, rttMs: 0, jitterMs: 0, loss: 0 };

/** @param at - uniform in [0, 1): which technology the peer has */
function lastMileOf({ technologies }: Cluster, at: number, seed: number, peer: number): LastMile {
  if (technologies.length === 0) return NO_LAST_MILE;
  const draw = new WeightedDraw(technologies.map(([, share]) => share));
  const technology = technologies[draw.index(at)]?.[0];
  return technology === undefined ? NO_LAST_MILE : drawLastMile(technology, seed, peer);
}
