import t from 'tap';
import { DEFAULT_COST_WEIGHTS } from '../../src/estimates/cost-weights.js';
import { select } from '../../src/selection/select.js';
import { latencies, NO_EXPLORING, relay, SEEDS, stateOf, TestPaths } from './fixtures.js';

const PLACES: Readonly<Record<string, number>> = { fra: 0, lon: 10, nyc: 80, sin: 170 };

/** Selects for two peers of a network of which one measured; returns the chosen regions' legs. */
function legsOf(
  own: Record<string, number>,
  network: Record<string, number>,
  quality: { sdMs?: number; jitterMs?: number; loss?: number } = {},
  costWeights = DEFAULT_COST_WEIGHTS,
) {
  const paths = new TestPaths((a, b) =>
    a === b ? 0.5 : Math.abs((PLACES[a] ?? 0) - (PLACES[b] ?? 0)),
  );
  const relays = Object.keys(PLACES).map((region, index) => relay(`${region}-1`, index + 1));
  const state = stateOf(relays, paths, NO_EXPLORING, costWeights);
  paths.setLegs(0, network, quality);
  const snapshot = state.publish(0);
  // Its `region` makes the second peer's candidate the only one; the first has to share it.
  return (region: string) => {
    const hints = { ...latencies(own), cluster: 0, region };
    const other = { ...latencies({ [region]: 0 }), region };
    const found = select(snapshot, { peers: [hints, other] }, SEEDS[1] ?? 0);
    if (!found.ok) throw new Error('no relay');
    return found.terms.legMs[0];
  };
}

const NETWORK = { fra: 20, lon: 26, nyc: 90, sin: 180 };

t.test('own latencies cost the jitter and the loss of the network too', async (t) => {
  const quality = { sdMs: 1, jitterMs: 3, loss: 0.002 };
  const leg = legsOf({ fra: 20, nyc: 90 }, NETWORK, quality);
  t.equal(Math.round(leg('fra')), 20 + 2 * 3 + 20 * 0.2);
  t.ok(Math.abs(leg('lon') - 26 - 10) < 3, 'and so do those of the network');
});

t.test('own latencies cost them by the weights of the directory', async (t) => {
  const quality = { sdMs: 1, jitterMs: 3, loss: 0.002 };
  const weights = { ...DEFAULT_COST_WEIGHTS, jitterMsPerMs: 5, lossMsPerPercent: 100 };
  const leg = legsOf({ fra: 20, nyc: 90 }, NETWORK, quality, weights);
  t.equal(Math.round(leg('fra')), 20 + 5 * 3 + 100 * 0.2);
});

t.test('the network’s estimates are moved by the last mile of the peer', async (t) => {
  const slow = legsOf({ lon: 126, nyc: 190 }, NETWORK, { sdMs: 1 });
  t.ok(Math.abs(slow('fra') - 120) < 10, `${slow('fra')} ms, 100 more than of the network`);
  const fast = legsOf({ lon: 14, nyc: 78 }, NETWORK, { sdMs: 1 });
  t.ok(Math.abs(fast('fra') - 8) < 5, `${fast('fra')} ms, 12 less`);
});

t.test('one latency that is far off does not move the estimates', async (t) => {
  const leg = legsOf({ fra: 20, lon: 26, nyc: 90, sin: 700 }, { ...NETWORK }, { sdMs: 1 });
  t.equal(Math.round(leg('lon')), 26);
});

t.test('estimates keep to what own latencies and trunks allow', async (t) => {
  const wrong = { fra: 20, lon: 26, nyc: 90, sin: 15 };
  const leg = legsOf({ fra: 20, lon: 30, nyc: 90 }, wrong, { sdMs: 40 });
  t.ok(leg('sin') > 60, `${leg('sin')} ms: sin is 170 ms from fra, and 160 from lon`);
  const slow = { fra: 20, lon: 300, nyc: 90, sin: 180 };
  const other = legsOf({ fra: 20, nyc: 90 }, slow, { sdMs: 40 });
  t.ok(other('lon') <= 35, `${other('lon')} ms: lon is 10 ms from fra`);
});
