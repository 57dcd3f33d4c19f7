import fc from 'fast-check';
import t from 'tap';
import type { SelectionRequest } from '../../src/selection/request.js';
import { select } from '../../src/selection/select.js';
import { SELECTION_WEIGHTS } from '../../src/selection/weights.js';
import { holds } from '../setup/holds.js';
import { IDLE, relay, stateOf, TestPaths } from './fixtures.js';

const REGIONS = ['fra', 'nyc', 'sin', 'syd', 'gru', 'jnb'];
const ms = fc.integer({ min: 1, max: 300 });

/** Regions with some relays of one load each, symmetric trunks, and the legs of two clusters. */
const world = fc.record({
  relays: fc.array(fc.record({ count: fc.integer({ min: 0, max: 3 }), legs: fc.nat(1_500) }), {
    minLength: REGIONS.length,
    maxLength: REGIONS.length,
  }),
  trunks: fc.array(ms, { minLength: 36, maxLength: 36 }),
  legs: fc.tuple(
    fc.uniqueArray(fc.tuple(fc.constantFrom(...REGIONS), ms), { selector: ([name]) => name }),
    fc.uniqueArray(fc.tuple(fc.constantFrom(...REGIONS), ms), { selector: ([name]) => name }),
  ),
  seed: fc.nat(),
});

t.test('the best pair is that of a search over all pairs of relays', async (t) => {
  const weights = { ...SELECTION_WEIGHTS, bandMs: 0, bandShare: 0, exploreShare: 0 };
  const property = fc.property(world, ({ relays, trunks, legs, seed }) => {
    const trunkMs = (a: string, b: string) => {
      const [i, j] = [REGIONS.indexOf(a), REGIONS.indexOf(b)].sort();
      return trunks[6 * (i ?? 0) + (j ?? 0)] ?? 0;
    };
    const paths = new TestPaths(trunkMs);
    const all = relays.flatMap(({ count, legs: used }, index) =>
      Array.from({ length: count }, (_, k) =>
        relay(`${REGIONS[index]}-${k}`, 10 * index + k + 1, {
          load: { ...IDLE, legs: Math.min(used, 990) },
        }),
      ),
    );
    const state = stateOf(all, paths, weights);
    for (const [cluster, each] of legs.entries()) paths.setLegs(cluster, Object.fromEntries(each));
    const request: SelectionRequest = { peers: [{ cluster: 0 }, { cluster: 1 }] };
    state.publish(0);
    const snapshot = state.publish(300);
    const { priceMs } = snapshot.loads;
    const [first, second] = legs.map((each) => new Map(each));
    const costs = all.flatMap((a) =>
      all.map((b) => {
        const leg0 = first?.get(a.facts.region) ?? Number.POSITIVE_INFINITY;
        const leg1 = second?.get(b.facts.region) ?? Number.POSITIVE_INFINITY;
        const slots = [a, b].map(({ facts }) => snapshot.slots.get(facts.id) ?? -1);
        const load = slots.reduce((sum, slot) => sum + (priceMs[slot] ?? 0), 0);
        const between = a === b ? weights.sharedMs : trunkMs(a.facts.region, b.facts.region);
        return leg0 + between + leg1 + load;
      }),
    );
    const best = Math.min(...costs);
    // Without legs that tell places apart, and to regions that no leg leads to, it is estimated.
    const tells = legs.every((each) => new Set(each.map(([, leg]) => leg)).size > 1);
    if (!tells || !Number.isFinite(best)) return true;
    const selection = select(snapshot, request, seed);
    return selection.ok && selection.terms.totalMs <= best + 0.01;
  });
  holds(t, property, { numRuns: 500 });
});

t.test('rows that are computed ahead do not change a selection', async (t) => {
  const property = fc.property(world, ({ relays, trunks, legs, seed }) => {
    const trunkMs = (a: string, b: string) => {
      const [i, j] = [REGIONS.indexOf(a), REGIONS.indexOf(b)].sort();
      return trunks[6 * (i ?? 0) + (j ?? 0)] ?? 0;
    };
    const paths = new TestPaths(trunkMs);
    const all = relays.flatMap(({ count, legs: used }, index) =>
      Array.from({ length: count }, (_, k) =>
        relay(`${REGIONS[index]}-${k}`, 10 * index + k + 1, { load: { ...IDLE, legs: used } }),
      ),
    );
    const state = stateOf(all, paths);
    for (const [cluster, each] of legs.entries()) paths.setLegs(cluster, Object.fromEntries(each));
    state.publish(0);
    const snapshot = state.publish(300);
    const request: SelectionRequest = { peers: [{ cluster: 0 }, { cluster: 1 }] };
    const without = select({ ...snapshot, bestRows: [] }, request, seed);
    const withRows = select(snapshot, request, seed);
    return (
      without.ok === withRows.ok &&
      (!without.ok || !withRows.ok || Math.abs(without.bestMs - withRows.bestMs) < 0.01)
    );
  });
  holds(t, property, { numRuns: 300 });
});
