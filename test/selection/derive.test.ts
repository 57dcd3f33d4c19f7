import fc from 'fast-check';
import t from 'tap';
import { CANDIDATES_WANTED, Candidates } from '../../src/selection/candidates.js';
import { derive } from '../../src/selection/derive.js';
import { wishOf } from '../../src/selection/fitness.js';
import { trunkCostMs } from '../../src/selection/snapshot.js';
import { holds } from '../setup/holds.js';
import { relay, stateOf, TestPaths } from './fixtures.js';

const REGIONS = 60;
const name = (region: number) => `r${region}`;

/** The trunks, the known legs, and the regions that the tenant allows. */
const world = fc.record({
  trunks: fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 97, maxLength: 97 }),
  known: fc.array(fc.tuple(fc.nat(REGIONS - 1), fc.nat(200)), { minLength: 1, maxLength: 4 }),
  allowed: fc.option(fc.array(fc.nat(REGIONS - 1)), { nil: undefined }),
  seen: fc.array(fc.nat(REGIONS - 1), { maxLength: CANDIDATES_WANTED - 1 }),
});

t.test('the further regions are those of least cost over any known leg', async (t) => {
  const relays = Array.from({ length: REGIONS }, (_, k) => relay(`${name(k)}-0`, k + 1));
  const property = fc.property(world, ({ trunks, known, allowed, seen }) => {
    const numberOf = (region: string) => Number(region.slice(1));
    const trunkMs = (a: string, b: string) =>
      trunks[(7 * numberOf(a) + 7 * numberOf(b) + numberOf(a) * numberOf(b)) % 97] ?? 0;
    const snapshot = stateOf(relays, new TestPaths(trunkMs)).publish(0);
    const legs = known.map(([region, costMs]) => ({ region, costMs }));
    const regions = allowed && new Set(allowed.map(name));
    const wish = wishOf({}, regions && { regions });
    const candidates = new Candidates();
    candidates.reset();
    for (const region of seen) candidates.consider(snapshot, region, 0, wish);
    const before = candidates.count;
    derive(snapshot, legs, wish, candidates);
    const costs = [...snapshot.regions.keys()]
      .filter((region) => regions?.has(name(region)) !== false && !seen.includes(region))
      .map((region) => {
        const over = legs.map((leg) => leg.costMs + trunkCostMs(snapshot, leg.region, region));
        return { region, costMs: Math.min(...over) };
      })
      .sort((a, b) => a.costMs - b.costMs || a.region - b.region)
      .slice(0, CANDIDATES_WANTED - before);
    const found = Array.from({ length: candidates.count - before }, (_, k) => ({
      region: candidates.regions[before + k],
      costMs: candidates.legMs[before + k],
    }));
    if (found.length !== costs.length) return false;
    return found.every(({ region, costMs }, k) => {
      if (costMs !== costs[k]?.costMs) return false;
      const over = legs.map((leg) => leg.costMs + trunkCostMs(snapshot, leg.region, region ?? -1));
      return costMs === Math.min(...over) && regions?.has(name(region ?? -1)) !== false;
    });
  });
  holds(t, property, { numRuns: 200 });
});
