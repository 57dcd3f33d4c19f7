import type { ContestantEntry } from '../contestants/contestant.js';
import { ALL_CONTESTANTS } from '../contestants/index.js';
import { type Group, groupsOf, metricsOf, type Yardstick } from '../judge/metrics.js';
import { quantileOf, sorted } from '../judge/quantiles.js';
import { calibrate } from '../world/calibration.js';
import { drawCalls } from '../world/calls.js';
import { readMatrixFolder } from '../world/matrices/folder.js';
import { generatePlanet } from '../world/planet.js';
import { replayWorld } from '../world/replay.js';
import type { World } from '../world/world.js';
import { measureBurst } from './burst.js';
import { type CallSet, Contest, type Outcome } from './contest.js';
import { type ContestantResult, CURVE_SHARES, type Job, type SeedResult } from './job.js';
import { ORACLE_OBJECTIVE, oracleMoments } from './oracle-moments.js';

/** Moments at which each call is judged: its beginning, and later ones by chance. */
const MOMENTS = 3;
const HOUR_MS = 3_600_000;
/** Seeds begin at different hours of the day, so that few of them see all of it. */
const HOURS_APART = 7;
/** Share of calls to someone near: of the planet, and of a matrix, where all pairs count alike. */
const NEAR_SHARE = { planet: 0.5, replay: 0 };

interface Scene {
  readonly world: World;
  readonly calibration: SeedResult['calibration'];
}

/**
 * Runs all contestants of a job.
 * @param progress - called before each step with what it is
 */
export function runSeed(job: Job, progress: (what: string) => void): SeedResult {
  progress('world');
  const { world, calibration } = job.matrix === undefined ? planet(job) : replay(job, job.matrix);
  const isReplay = job.matrix !== undefined;
  const calls = callsOf(world, job, isReplay ? NEAR_SHARE.replay : NEAR_SHARE.planet);
  progress('oracle');
  const oracle = oracleMoments(world, calls, ORACLE_OBJECTIVE);
  const hasPlaces = world.regions.every(({ place }) => place !== undefined);
  const entries = ALL_CONTESTANTS.filter(
    ({ name, needsPlaces }) => job.contestants.includes(name) && (hasPlaces || !needsPlaces),
  );
  const groups = groupsOf(world, calls);
  const contest = (entry: ContestantEntry) => {
    progress(entry.name);
    return new Contest(world, entry, calls, job.seed).run();
  };
  const baseline = nearestEntry(hasPlaces);
  const nearest = contest(baseline);
  const yardstick = { oracle, nearest };
  const results = entries.map((entry) => {
    const outcome = entry === baseline ? nearest : contest(entry);
    return resultOf(outcome, entry.title, yardstick, groups);
  });
  const oracles = [
    resultOf(oracle.byCost, 'oracle of each minute by RTT, jitter and loss', yardstick, groups),
    resultOf(oracle.byRtt, 'oracle of each minute by RTT', yardstick, groups),
  ];
  const burst = isReplay ? [] : measureBurst(job, entries, progress);
  return {
    ...{ seed: job.seed, world: world.title, isReplay, calibration, burst },
    contestants: [...results, ...oracles],
  };
}

function planet(job: Job): Scene {
  const world = generatePlanet({ ...job, hours: 24 + job.hours });
  return { world, calibration: calibrate(world, job.seed) };
}

function replay(job: Job, { folder, title }: NonNullable<Job['matrix']>): Scene {
  const { matrices } = readMatrixFolder(folder);
  const matrix = matrices.find((one) => one.title === title);
  if (matrix === undefined) throw new Error(`${folder}: ${title} is gone`);
  const relaySites = Math.max(2, Math.round(matrix.size / 4));
  const relaysPerSite = Math.max(1, Math.round(job.relays / job.regions));
  return {
    world: replayWorld(matrix, { seed: job.seed, relaySites, relaysPerSite }),
    calibration: [],
  };
}

function callsOf(world: World, job: Job, nearShare: number): CallSet {
  const startMs = (24 + ((job.seed * HOURS_APART) % 24)) * HOUR_MS;
  const { seed, calls, warmUpCalls } = job;
  const judged = drawCalls(world, {
    ...{ seed: seed + 21, count: calls, moments: MOMENTS, nearShare },
    ...{ fromMs: startMs, toMs: startMs + job.hours * HOUR_MS },
  });
  const warmUp = drawCalls(world, {
    ...{ seed: seed + 31, count: warmUpCalls, moments: 0, nearShare },
    ...{ fromMs: startMs - job.warmUpHours * HOUR_MS, toMs: startMs },
  });
  return { warmUp, judged, startMs, moments: MOMENTS };
}

/** Mending counts against the nearest region: by geography where places are known. */
function nearestEntry(hasPlaces: boolean): ContestantEntry {
  const name = hasPlaces ? 'nearest-place' : 'nearest-rtt';
  return ALL_CONTESTANTS.find((entry) => entry.name === name) as ContestantEntry;
}

function resultOf(
  outcome: Outcome,
  title: string,
  yardstick: Yardstick,
  groups: readonly Group[],
): ContestantResult {
  const curve = (values: readonly number[]) => {
    const ascending = sorted(values.filter((value) => !Number.isNaN(value)));
    return CURVE_SHARES.map((share) => Math.round(quantileOf(ascending, share) * 10) / 10);
  };
  const best = yardstick.oracle.byRtt.rttMs;
  const rtts = [...outcome.rttMs];
  return {
    name: outcome.name,
    title,
    metrics: metricsOf(outcome, yardstick),
    groups: groups.map(({ kind, name, at }) => {
      const { p95Ratio, regretMean, poor, opinionScore } = metricsOf(outcome, yardstick, at);
      return { kind, name, moments: at.length, p95Ratio, regretMean, poor, opinionScore };
    }),
    rttCurve: curve(rtts),
    regretCurve: curve(rtts.map((rttMs, at) => rttMs - (best[at] as number))),
  };
}
