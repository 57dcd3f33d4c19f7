import t from 'tap';
import { CONTESTANTS } from '../../../bench/simulate/contestants/index.js';
import { PairSearch, RTT_ONLY } from '../../../bench/simulate/contestants/pair-search.js';
import { Contest } from '../../../bench/simulate/run/contest.js';
import { ORACLE_OBJECTIVE, oracleMoments } from '../../../bench/simulate/run/oracle-moments.js';
import { drawCalls } from '../../../bench/simulate/world/calls.js';
import { generatePlanet } from '../../../bench/simulate/world/planet.js';
import type { Quality } from '../../../bench/simulate/world/world.js';

// Turnpike is fed by tens of thousands of reports.
t.setTimeout(180_000);

const SIZE = { regions: 24, relays: 48, clusters: 30, providers: 3, hours: 48 };
const world = generatePlanet({ ...SIZE, seed: 5 });
const HOUR_MS = 3_600_000;
const startMs = 30 * HOUR_MS;
const judged = drawCalls(world, {
  ...{
    seed: 6,
    count: 120,
    fromMs: startMs,
    toMs: startMs + HOUR_MS / 6,
    moments: 2,
    nearShare: 0.5,
  },
});
const warmUp = drawCalls(world, {
  ...{
    seed: 7,
    count: 300,
    fromMs: startMs - HOUR_MS / 3,
    toMs: startMs,
    moments: 0,
    nearShare: 0.5,
  },
});
const calls = { warmUp, judged, startMs, moments: 2 };

t.test('the search finds the best pair of all', async (t) => {
  const search = new PairSearch(world);
  const quality: Quality = { rttMs: 0, jitterMs: 0, loss: 0 };
  const rttOf = (measure: (out: Quality) => void) => {
    measure(quality);
    return quality.rttMs;
  };
  for (let at = 0; at < 20; at++) {
    const clusters = [at, 29 - at] as const;
    const atMs = startMs + at * 60_000;
    let least = Number.POSITIVE_INFINITY;
    for (let a = 0; a < 24; a++) {
      for (let b = 0; b < 24; b++) {
        const legs =
          rttOf((out) => world.truth.leg(clusters[0], a, atMs, out)) +
          rttOf((out) => world.truth.leg(clusters[1], b, atMs, out));
        const trunk = a === b ? 0 : rttOf((out) => world.truth.trunk(a, b, atMs, out));
        least = Math.min(least, legs + trunk);
      }
    }
    const found = search.best(clusters, atMs, RTT_ONLY)?.costMs ?? 0;
    t.ok(Math.abs(found - least) < 1e-2, `${found} beside ${least}`);
  }
});

t.test('no contestant with relays is better than the oracle of each minute', async (t) => {
  const { byRtt } = oracleMoments(world, calls, ORACLE_OBJECTIVE);
  for (const entry of CONTESTANTS.filter(({ name }) => name !== 'direct')) {
    const outcome = new Contest(world, entry, calls, 9).run();
    const better = [...outcome.rttMs].filter((rttMs, at) => rttMs < (byRtt.rttMs[at] ?? 0) - 0.01);
    t.strictSame(better, [], entry.name);
    const missing = [...outcome.rttMs].filter(Number.isNaN).length;
    t.ok(missing <= 0.05 * outcome.rttMs.length, `${entry.name} serves the calls`);
  }
});
