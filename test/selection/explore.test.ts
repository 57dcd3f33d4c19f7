import t from 'tap';
import { select } from '../../src/selection/select.js';
import { SELECTION_WEIGHTS } from '../../src/selection/weights.js';
import { relay, stateOf, TestPaths } from './fixtures.js';

/** Selects many times between peers of one cluster. @returns how often each region was explored */
function explored(sdMs: number): { readonly share: number; readonly regions: Set<string> } {
  const paths = new TestPaths(() => 0.5);
  const relays = ['fra-1', 'par-1', 'sin-1'].map((id, index) => relay(id, index + 1));
  const state = stateOf(relays, paths, SELECTION_WEIGHTS);
  paths.setLegs(0, { fra: 20, par: 26, sin: 200 }, { sdMs });
  const snapshot = state.publish(0);
  const regions = new Set<string>();
  let count = 0;
  const runs = 4_000;
  for (let seed = 0; seed < runs; seed += 1) {
    const selection = select(snapshot, { peers: [{ cluster: 0 }, { cluster: 0 }] }, seed);
    if (!selection.ok || selection.choice !== 'explored') continue;
    count += 1;
    for (const { facts } of selection.relays) regions.add(facts.region);
  }
  return { share: count / runs, regions };
}

t.test('a few selections explore, near the best pair only', async (t) => {
  const { share, regions } = explored(5);
  t.ok(share > 0.005 && share < 0.025, `${share}`);
  t.same([...regions].sort(), ['fra', 'par']);
});

t.test('nothing is explored where everything is known', async (t) => {
  t.equal(explored(0).share, 0);
});
