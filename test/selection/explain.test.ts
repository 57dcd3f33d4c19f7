import t, { type Test } from 'tap';
import { DEFAULT_COST_WEIGHTS } from '../../src/estimates/cost-weights.js';
import { type ExplainedPair, type Explanation, explain } from '../../src/selection/explain.js';
import type { SelectionRequest } from '../../src/selection/request.js';
import { select } from '../../src/selection/select.js';
import type { SelectionSnapshot } from '../../src/selection/snapshot.js';
import { SELECTION_WEIGHTS } from '../../src/selection/weights.js';
import { IDLE, latencies, relay, SEEDS, stateOf, TestPaths } from './fixtures.js';

const REGIONS = ['fra', 'lon', 'nyc', 'sin'];
/** Kilometres in spirit: the places of the regions on a line. */
const PLACES: Readonly<Record<string, number>> = { fra: 0, lon: 10, nyc: 80, sin: 170 };

function between(a: string, b: string): number {
  return a === b ? 0.5 : Math.abs((PLACES[a] ?? 0) - (PLACES[b] ?? 0)) * 0.9;
}

/** Returns a snapshot of eight relays with loads and prices, and legs of two networks. */
function snapshotOf(weights = SELECTION_WEIGHTS): SelectionSnapshot {
  const paths = new TestPaths();
  paths.trunkMs = between;
  const relays = REGIONS.flatMap((region, index) => [
    relay(`${region}-1`, 2 * index + 1, { load: { ...IDLE, legs: 100 * index }, price: 2 }),
    relay(`${region}-2`, 2 * index + 2, { load: { ...IDLE, legs: 700 }, provider: 'ovh' }),
  ]);
  const state = stateOf(relays, paths, weights, { ...DEFAULT_COST_WEIGHTS, uncertaintyZ: 0 });
  const quality = { sdMs: 2, jitterMs: 1.5, loss: 0.003 };
  paths.setLegs(0, { fra: 12.34, lon: 18.9, nyc: 95.5 }, quality);
  paths.setLegs(1, { sin: 21, nyc: 199.99, lon: 170 }, { sdMs: 3 });
  return state.publish(0);
}

function shownBy(request: SelectionRequest, seed = 1, snapshot = snapshotOf()): Explanation {
  return explain(snapshot, request, seed);
}

/** Adds up numbers of two decimals, as a person does. */
function sum(...numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + Math.round(each * 100), 0) / 100;
}

/** Adds up the terms of a pair by hand. */
function check(t: Test, explanation: Explanation, pair: ExplainedPair): void {
  const { trunk, legsMs, loadMs, priceMs, sharedMs } = pair;
  const [rtt, more] = [trunk.rttMs, [trunk.uncertaintyMs, trunk.jitterMs, trunk.lossMs]];
  t.equal(sum(rtt, ...more), trunk.totalMs, 'the trunk');
  const parts = [...legsMs, trunk.totalMs, ...loadMs, ...priceMs, sharedMs];
  t.equal(sum(...parts), pair.totalMs, `the pair ${pair.regions}`);
  for (const i of [0, 1] as const) {
    const found = explanation.peers[i].candidates.find(({ region }) => region === pair.regions[i]);
    if (found === undefined) throw new Error('a pair of other regions than the candidates');
    const { leg } = found;
    t.equal(leg.totalMs, legsMs[i]);
    t.equal(sum(leg.rttMs, leg.uncertaintyMs, leg.jitterMs, leg.lossMs), leg.totalMs, 'a leg');
  }
}

const NEAR = latencies({ 'fra-1': 11.25, 'lon-1': 19 });
const REQUESTS: Readonly<Record<string, SelectionRequest>> = {
  'two networks': { peers: [{ cluster: 0 }, { cluster: 1 }] },
  'one network': { peers: [{ cluster: 0 }, { cluster: 0 }] },
  'own latencies': { peers: [NEAR, { cluster: 1 }] },
  'own latencies of a known network': { peers: [{ ...NEAR, cluster: 0 }, { cluster: 1 }] },
  'nothing known': { peers: [{}, {}] },
  'one known': { peers: [NEAR, {}] },
  'a region that is wished': { peers: [{ ...NEAR, region: 'sin' }, { cluster: 1 }] },
  'relays that are avoided': { peers: [{ cluster: 0, avoid: new Set(['fra-1']) }, NEAR] },
  'allowed regions': {
    peers: [{ cluster: 0 }, { cluster: 1 }],
    allowed: { regions: new Set(['nyc', 'sin']), providers: new Set(['ovh']) },
  },
};

for (const [what, request] of Object.entries(REQUESTS)) {
  t.test(`${what}: the terms add up, and tell the same choice as the selection`, async (t) => {
    const snapshot = snapshotOf();
    for (const seed of SEEDS) {
      const selection = select(snapshot, request, seed);
      const explanation = shownBy(request, seed, snapshot);
      if (!selection.ok) throw new Error('no relay can serve');
      const ids = selection.relays.map(({ facts }) => facts.id);
      t.strictSame(explanation.relays, ids);
      t.equal(explanation.choice, selection.choice);
      const alternates = selection.alternates.map((each) => each.relays.map((r) => r.facts.id));
      t.strictSame(explanation.alternates, alternates);
      for (const pair of explanation.pairs) check(t, explanation, pair);
      t.ok(Math.abs((explanation.bestMs ?? 0) - selection.bestMs) < 0.05, 'the same best cost');
      if (selection.choice === 'best' || selection.choice === 'drawn') {
        t.equal(explanation.pairsInBand, selection.contenders);
      }
      const chosen = explanation.pairs.filter(({ verdict }) => verdict === 'chosen');
      t.equal(chosen.length, 1);
      const regions = selection.relays.map(({ facts }) => facts.region);
      t.strictSame(chosen[0]?.regions, regions);
      t.strictSame(JSON.parse(JSON.stringify(explanation)), explanation, 'it is plain data');
    }
  });
}

t.test('a pair says why it lost: by its cost, or by the draw with its chance', async (t) => {
  const { pairs, pairsInBand, limitMs = 0 } = shownBy(REQUESTS['two networks'] as never);
  for (const pair of pairs) {
    const isIn = pair.totalMs <= limitMs;
    if (pair.verdict === 'costlier') t.notOk(isIn);
    if (pair.verdict === 'outdrawn') t.ok(isIn);
    t.equal(pair.chance !== undefined, isIn);
  }
  const chances = pairs.flatMap(({ chance }) => (chance === undefined ? [] : [chance]));
  t.equal(chances.length, pairsInBand);
  t.ok(Math.abs(chances.reduce((total, each) => total + each, 0) - 1) < 1e-9);
});
