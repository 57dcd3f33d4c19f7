import t from 'tap';
import { calibrate } from '../../../bench/simulate/world/calibration.js';
import { generatePlanet, type PlanetOptions } from '../../../bench/simulate/world/planet.js';
import type { Quality } from '../../../bench/simulate/world/world.js';

const SMALL: PlanetOptions = {
  ...{ seed: 1, regions: 40, relays: 80, clusters: 60, providers: 4, hours: 48 },
};

t.test('the statistics of generated planets are those that were measured', async (t) => {
  const planets = [SMALL, { ...SMALL, seed: 2 }, { ...SMALL, seed: 3, providers: 6, regions: 90 }];
  for (const options of planets) {
    const rows = calibrate(generatePlanet(options), options.seed);
    t.equal(rows.length, 33);
    for (const { what, ok, generated, measured } of rows) {
      t.ok(ok, `seed ${options.seed}, ${what}: ${generated} beside ${measured}`);
    }
  }
});

t.test('the same seed gives the same planet, another seed another one', async (t) => {
  const floors = ({ truth }: ReturnType<typeof generatePlanet>) => [...truth.legFloorMs];
  const first = generatePlanet(SMALL);
  t.strictSame(floors(generatePlanet(SMALL)), floors(first));
  t.notSame(floors(generatePlanet({ ...SMALL, seed: 2 })), floors(first));
});

t.test(
  'a planet has the regions, relays, clusters and providers that were asked for',
  async (t) => {
    const { regions, relays, clusters, relaysOf } = generatePlanet({ ...SMALL, providers: 3 });
    t.equal(regions.length, 40);
    t.equal(relays.length, 80);
    t.equal(clusters.length, 60);
    t.equal(new Set(regions.map(({ provider }) => provider)).size, 3);
    t.equal(new Set(clusters.map(({ network }) => network)).size, 60, 'a prefix of its own each');
    t.ok(relaysOf.every((members) => members.length >= 2));
    const weights = clusters.reduce((sum, { weight }) => sum + weight, 0);
    t.ok(Math.abs(weights - 1) < 1e-9);
  },
);

t.test('a moment can be asked for in any order, and disturbances only lengthen', async (t) => {
  const { truth } = generatePlanet(SMALL);
  const quality: Quality = { rttMs: 0, jitterMs: 0, loss: 0 };
  const legs = (order: readonly number[]) =>
    order.map((minute) => {
      truth.leg(3, 5, minute * 60_000, quality);
      return { minute, rttMs: quality.rttMs };
    });
  const minutes = Array.from({ length: 300 }, (_, minute) => minute);
  const forward = legs(minutes);
  t.strictSame(legs(minutes.toReversed()).toReversed(), forward);
  t.ok(forward.every(({ rttMs }) => rttMs >= (truth.legFloorMs[3 * 40 + 5] as number)));
  truth.trunk(1, 2, 0, quality);
  const there = { ...quality };
  truth.trunk(2, 1, 0, quality);
  t.strictSame(quality, there, 'a round trip is the same from both ends');
});
