import { type Contestant, type ContestantEntry, DIRECT } from '../contestants/contestant.js';
import { CapacityPool } from '../contestants/relay-pool.js';
import { mean, quantileOf, sorted } from '../judge/quantiles.js';
import { type Call, drawCalls } from '../world/calls.js';
import { generatePlanet } from '../world/planet.js';
import type { World } from '../world/world.js';
import type { BurstResult, Job } from './job.js';
import { LoadWatch } from './load-watch.js';

/** A small fleet with room for the burst. */
const REGIONS = 8;
const RELAYS_PER_REGION = 6;
const CLUSTERS = 60;
/** Capacity of relays as a multiple of the planet's. */
const ROOM = 4;

/** Reports of load arrive at this interval, ms. */
const REPORT_MS = 10_000;
/** Intervals of the usual rate before the burst. */
const CALM_INTERVALS = 2;
/** The burst's rate is so many times the usual one. */
const BURST_FACTOR = 10;
/** Interval of the series, ms. */
const SERIES_MS = 1_000;

/**
 * Lets ten times the usual number of calls begin between two reports of load, and measures how
 * evenly contestants spread their legs over relays of a region. Calls do not end meanwhile.
 */
export function measureBurst(
  job: Job,
  entries: readonly ContestantEntry[],
  progress: (what: string) => void,
): BurstResult[] {
  if (job.burstLegs === 0) return [];
  const world = burstWorld(job.seed);
  const calls = burstCalls(world, job);
  return entries
    .filter(({ name }) => name !== DIRECT)
    .map((entry) => {
      progress(`burst: ${entry.name}`);
      return burst(world, calls, entry, job.seed);
    });
}

function burstWorld(seed: number): World {
  const relays = REGIONS * RELAYS_PER_REGION;
  const size = { regions: REGIONS, relays, clusters: CLUSTERS, providers: 2, hours: 0 };
  const world = generatePlanet({ seed, ...size });
  const roomier = world.relays.map((relay) => ({ ...relay, legsMax: ROOM * relay.legsMax }));
  return { ...world, relays: roomier };
}

/** Returns the calls: some intervals at the usual rate, one at ten times of it. */
function burstCalls(world: World, { seed, burstLegs }: Job): Call[] {
  const legs = world.relays.length * burstLegs;
  const span = (index: number, share: number) =>
    drawCalls(world, {
      ...{ seed: seed + 41 + index, count: Math.ceil((share * legs) / 2), moments: 0 },
      ...{ fromMs: index * REPORT_MS, toMs: (index + 1) * REPORT_MS, nearShare: 0.5 },
    });
  const calm = Array.from({ length: CALM_INTERVALS }, (_, at) => span(at, 1 / BURST_FACTOR));
  return [...calm.flat(), ...span(CALM_INTERVALS, 1)];
}

function burst(
  world: World,
  calls: readonly Call[],
  entry: ContestantEntry,
  seed: number,
): BurstResult {
  const watch = new LoadWatch(world);
  const relays = new CapacityPool(world, seed);
  const contestant = entry.make({ world, seed, relays, legs: watch.legs, startMs: 0 });
  const series: { second: number; maxOverMean: number }[] = [];
  let legsBefore = 0;
  for (const call of calls) {
    const { atMs } = call;
    if (atMs < CALM_INTERVALS * REPORT_MS) legsBefore = mean(watch.legs);
    if (atMs >= (series.length + 1) * SERIES_MS) {
      series.push({
        second: series.length + 1,
        maxOverMean: quantileOf(sorted(watch.ratiosNow()), 0.5),
      });
    }
    place(contestant, call, watch);
  }
  const after = sorted(watch.ratiosNow());
  const isOver = (legs: number, relay: number) => legs > (world.relays[relay]?.legsMax ?? 0);
  return {
    ...{ name: entry.name, title: entry.title, series, legsBefore },
    legsAfter: mean(watch.legs),
    maxOverMean: mean(after),
    maxOverMeanWorst: after.at(-1) ?? Number.NaN,
    overloaded: watch.legs.filter(isOver).length,
  };
}

function place(contestant: Contestant, call: Call, watch: LoadWatch): void {
  contestant.advance?.(call.atMs);
  const pair = contestant.choose({ call, atMs: call.atMs, has: undefined });
  if (pair === undefined || pair === DIRECT) return;
  watch.add(pair.a, 1);
  watch.add(pair.b, 1);
}
