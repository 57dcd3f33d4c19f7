import t from 'tap';
import { pingRegions } from '../../src/selection/ping-regions.js';
import { relay, SEEDS, stateOf, TestPaths } from './fixtures.js';

const CONTINENTS = ['eu', 'na', 'as', 'sa', 'oc'];
const CITIES = [0, 1, 2, 3, 4, 5];
const REGIONS = CONTINENTS.flatMap((continent) => CITIES.map((city) => `${continent}${city}`));

/** Returns snapshots of regions on continents, 100 ms apart, with legs of cluster 0. */
function snapshotOf(legs: Record<string, number>, sdMs: number) {
  const continent = (name: string) => name.slice(0, 2);
  const paths = new TestPaths((a, b) => (a === b ? 1 : continent(a) === continent(b) ? 10 : 100));
  const state = stateOf(
    REGIONS.map((region, index) => relay(`${region}-1`, index + 1)),
    paths,
  );
  paths.setLegs(0, legs, { sdMs });
  const snapshot = state.publish(0);
  const names = (cluster: number | undefined, count: number, seed: number) =>
    pingRegions(snapshot, cluster, count, seed).map((number) => paths.regions.nameOf(number));
  return { names, continentsOf: (regions: string[]) => new Set(regions.map(continent)) };
}

const NEAR = { eu0: 10, eu1: 12, eu2: 14, eu3: 16, eu4: 18, eu5: 20, na0: 90, na1: 95, sa0: 180 };

t.test('of an unknown network regions on all continents are measured', async (t) => {
  const { names, continentsOf } = snapshotOf(NEAR, 1);
  for (const seed of SEEDS) {
    t.equal(continentsOf(names(undefined, 5, seed)).size, 5, `seed ${seed}`);
    t.strictSame(names(undefined, 5, seed), names(undefined, 5, seed), 'the same again');
    t.equal(new Set(names(undefined, 30, seed)).size, 30, 'all, each once');
    t.equal(names(undefined, 40, seed).length, 30);
  }
  const all = new Set(SEEDS.flatMap((seed) => names(undefined, 5, seed)));
  t.ok(all.size > 20, `peers measure different ones, together ${all.size} of 30`);
});

t.test('of a well-known network most are the best ones, and some far around', async (t) => {
  const { names, continentsOf } = snapshotOf(NEAR, 1);
  for (const seed of SEEDS) {
    const given = names(0, 10, seed);
    t.strictSame(given.slice(0, 7), ['eu0', 'eu1', 'eu2', 'eu3', 'eu4', 'eu5', 'na0']);
    t.equal(continentsOf(given.slice(7)).size, 3, 'far from those and from each other');
    t.notOk(given.slice(7).some((region) => /^(eu|na)/.test(region)));
  }
});

t.test('of a network that is hardly known most are far around', async (t) => {
  const { names, continentsOf } = snapshotOf(NEAR, 30);
  for (const seed of SEEDS) {
    const given = names(0, 6, seed);
    t.equal(given[0], 'eu0');
    t.equal(continentsOf(given).size, 5);
  }
});

t.test('nothing is measured without relays', async (t) => {
  const snapshot = stateOf([]).publish(0);
  t.strictSame(pingRegions(snapshot, undefined, 10, 1), []);
});
