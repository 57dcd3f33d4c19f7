import t from 'tap';
import { REGIONS_MAX, RegionIndex } from '../../src/estimates/region-index.js';
import { FRANKFURT, NEW_YORK } from './fixtures.js';

t.test('a region keeps its number while it has relays, and until another needs it', async (t) => {
  const regions = new RegionIndex(2);
  const reused: number[] = [];
  regions.onReused((region) => reused.push(region));
  t.equal(regions.add('fra'), 0);
  t.equal(regions.add('fra'), 0);
  t.equal(regions.add('nyc'), 1);
  t.equal(regions.add('sin'), undefined, 'all numbers are used');
  regions.remove('fra');
  t.equal(regions.add('sin'), undefined, 'fra has another relay');
  regions.remove('fra');
  t.notOk(regions.isUsed(0));
  t.equal(regions.numberOf('fra'), 0);
  t.equal(regions.add('fra'), 0, 'it returns');
  t.strictSame(reused, []);
  regions.remove('fra');
  t.equal(regions.add('sin'), 0);
  t.strictSame(reused, [0]);
  t.equal(regions.numberOf('fra'), undefined);
  t.equal(regions.nameOf(0), 'sin');
  t.equal(regions.extent, 2);
});

t.test('of several unused numbers the longest unused is reused first', async (t) => {
  const regions = new RegionIndex(2);
  for (const name of ['a', 'b']) regions.add(name);
  for (const name of ['b', 'a']) regions.remove(name);
  t.equal(regions.add('c'), 1);
});

t.test('there are at most REGIONS_MAX numbers', async (t) => {
  const regions = new RegionIndex();
  for (let i = 0; i < REGIONS_MAX; i++) t.equal(regions.add(`r${i}`), i);
  t.equal(regions.add('more'), undefined);
});

t.test('one false location among several relays does not move a region', async (t) => {
  const regions = new RegionIndex();
  for (let i = 0; i < 2; i++) regions.add('fra', FRANKFURT);
  regions.add('fra', [-33.87, 151.21]);
  const [latitude = 0, longitude = 0] = regions.locationOf(0) ?? [];
  t.ok(Math.abs(latitude - FRANKFURT[0]) < 0.01 && Math.abs(longitude - FRANKFURT[1]) < 0.01);
});

t.test('a location goes with its relay', async (t) => {
  const regions = new RegionIndex();
  regions.add('nyc', NEW_YORK);
  regions.add('nyc');
  regions.remove('nyc', NEW_YORK);
  t.equal(regions.locationOf(0), undefined);
  t.ok(regions.isUsed(0));
});

t.test('two places on both sides of the date line have their middle there', async (t) => {
  const regions = new RegionIndex();
  regions.add('fji', [-17, 179]);
  regions.add('fji', [-17, -179]);
  t.ok(Math.abs(Math.abs(regions.locationOf(0)?.[1] ?? 0) - 180) < 0.01);
});
