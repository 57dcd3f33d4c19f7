import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { PROBES_REGIONS_PER_SECOND } from '../../src/trunk/region-probes.js';
import { World } from './world/index.js';

t.setTimeout(180_000);

/** Relay fra-1 of region `fra`, and relays of others, `perRegion` each; all answer probes. */
function planet(regions: number, perRegion = 1) {
  const world = new World();
  const fra = world.addRelay('fra-1', '192.0.2.10', { region: 'fra' });
  const template = world.addRelay('nyc-1', '192.0.2.20').record;
  const others = Array.from({ length: regions * perRegion }, (_, n) => {
    const address = parseAddress(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}:3480`);
    const region = `r${Math.floor(n / perRegion)}`;
    const addresses = { trunkAddresses: [address], trunkSources: [address] };
    return { ...template, id: `${region}-${n % perRegion}`, region, ...addresses };
  });
  const own = { ...fra.record, region: 'fra' };
  fra.core.updateRelays([own, ...others]);
  world.answersAll = true;
  const { regions: probes } = fra.core.context.trunk.relays;
  /** Lets time pass. @returns the ids of the relays probed in it, each time that it was */
  const pass = (ms: number): string[] => {
    const before = fra.plane.probes.length;
    world.pass(ms);
    return fra.plane.probes
      .slice(before)
      .map(({ relayIndex }) => fra.core.context.trunk.relays.atIndex(relayIndex)?.id ?? '');
  };
  return { world, fra, own, others, probes, pass };
}

t.test('a prober probes one relay of every other region, spread evenly', (t) => {
  const { probes, pass } = planet(200, 5);
  pass(20_000);
  const idle = pass(1_000).length;
  probes.appoint('prober');
  pass(3_000);
  t.equal(probes.size, 200);
  const asked = new Set<string>();
  for (let n = 0; n < 10; n++) {
    // A tenth of a second has a tenth of the probes, beside those within the budget of all relays.
    const ids = pass(100);
    t.ok(ids.length >= 18 && ids.length <= 22 + idle / 5, `${ids.length} probes in 100 ms`);
    for (const id of ids) asked.add(id.split('-')[0] ?? '');
  }
  t.ok(asked.size >= 198, `${asked.size} regions in a second`);
  t.end();
});

t.test('a prober stays within its bound with more regions than that', (t) => {
  const { probes, pass } = planet(1_020);
  pass(5_000);
  probes.appoint('prober');
  pass(2_000);
  t.equal(probes.size, 1_020);
  const count = pass(10_000).length;
  t.ok(count > 9_500 && count < 10 * (PROBES_REGIONS_PER_SECOND + 110), `${count} in 10 s`);
  t.end();
});

t.test('a standby probes at a tenth, and a relay without a role as before', (t) => {
  const { probes, pass } = planet(1_000);
  pass(30_000);
  const idle = pass(10_000).length;
  probes.appoint('standby');
  pass(3_000);
  const ids = pass(10_000);
  const more = ids.length - idle;
  t.ok(more > 300 && more < 1_050, `${more} more in 10 s`);
  // One that was probed less than 5 s before, within the budget of all relays, is left out.
  for (const id of pass(5_000)) ids.push(id);
  t.ok(new Set(ids).size > 990, `${new Set(ids).size} regions in 15 s`);
  probes.appoint('none');
  pass(3_000);
  t.ok(Math.abs(pass(10_000).length - idle) < 50);
  t.equal(probes.size, 0);
  t.end();
});

t.test('the relay of a region is always the same, until it is gone or cannot be reached', (t) => {
  const { world, fra, own, others, probes, pass } = planet(20, 3);
  probes.appoint('prober');
  pass(2_000);
  const { relays } = fra.core.context.trunk;
  const chosen = () => [...relays.all()].filter((each) => probes.has(each)).map(({ id }) => id);
  const first = chosen();
  t.equal(first.length, 20);
  fra.core.updateRelays([own, ...others.toReversed()]);
  pass(2_000);
  t.same(chosen(), first);
  const gone = first[0] ?? '';
  fra.core.updateRelays([own, ...others.filter(({ id }) => id !== gone)]);
  pass(2_000);
  t.equal(chosen().length, 20);
  t.same(
    first.filter((id) => !chosen().includes(id)),
    [gone],
  );
  fra.core.updateRelays([own, ...others]);
  pass(2_000);
  t.same(chosen().sort(), first.sort());
  const silent = others.find(({ id }) => id === gone)?.trunkAddresses[0]?.address;
  world.answers = ({ remote }) => remote.address !== silent;
  pass(20_000);
  t.equal(chosen().length, 20);
  t.notOk(chosen().includes(gone), 'another one that answers');
  t.end();
});

t.test('reports have each measured trunk in turn, 128 at a time', (t) => {
  const { world, fra, probes, pass } = planet(300);
  const { measurements } = fra.core;
  world.rttMs = () => 40;
  t.same(measurements.report(), {}, 'before the directory reads them');
  measurements.answered('prober');
  t.equal(probes.role, 'prober');
  pass(3_000);
  const told = new Map<string, number>();
  for (let n = 0; n < 3; n++) {
    const { trunk = [] } = measurements.report();
    if (n < 2) t.equal(trunk.length, 128);
    for (const { relay, rtt, count } of trunk) {
      t.equal(rtt, 40);
      t.ok(count >= 1);
      told.set(relay, (told.get(relay) ?? 0) + 1);
    }
    measurements.answered('prober');
  }
  t.equal(told.size, 300);
  t.ok([...told.values()].every((count) => count === 1));
  t.same(measurements.report(), { trunk: [], legs: [] }, 'nothing new');
  measurements.answered(undefined);
  t.equal(probes.role, 'none', 'an old directory has replaced it');
  t.same(measurements.report(), {});
  t.end();
});

t.test('a report that was not answered is repeated with what came since', (t) => {
  const { fra, pass } = planet(3);
  const { measurements } = fra.core;
  measurements.answered('prober');
  pass(3_000);
  const counts = () => measurements.report().trunk?.map(({ count }) => count) ?? [];
  const first = counts();
  t.equal(first.length, 3);
  pass(3_000);
  const second = counts();
  t.ok(second.every((count, index) => count > (first[index] ?? 0)));
  measurements.answered('prober');
  t.same(counts(), []);
  t.end();
});
