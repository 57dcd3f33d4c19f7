import fc from 'fast-check';
import t from 'tap';
import { CLUSTERS_MAX } from '../../src/estimates/access-clusters.js';
import { AccessLegs, type LegSample } from '../../src/estimates/access-legs.js';
import { DEFAULT_COST_WEIGHTS } from '../../src/estimates/cost-weights.js';
import { LEG_CANDIDATES_MAX } from '../../src/estimates/leg-candidates.js';
import type { NetworkPlace } from '../../src/estimates/network-places.js';
import type { RegionIndex } from '../../src/estimates/region-index.js';
import { TrunkEstimates } from '../../src/estimates/trunk-estimates.js';
import {
  DAY_MS,
  FRANKFURT,
  HOUR_MS,
  indexOf,
  NEW_YORK,
  publish,
  SINGAPORE,
  trunksOf,
} from './fixtures.js';

// A hundred thousand reports take a while on a busy machine.
t.setTimeout(180_000);

const NETWORK = '203.0.113.0/24';

function legsOf(
  regions: RegionIndex,
  places?: (address: string) => NetworkPlace | undefined,
  clustersMax?: number,
) {
  const weights = DEFAULT_COST_WEIGHTS;
  const trunks = new TrunkEstimates(regions, weights);
  const known = places && { placeOf: places };
  return {
    trunks,
    legs: new AccessLegs({ regions, trunks, weights, places: known, clustersMax }),
  };
}

function sampleOf(sample: Partial<LegSample>): LegSample {
  const usual = { network: NETWORK, region: 0, reporter: 'a', sdMs: 3, jitterMs: 1, loss: 0 };
  return { ...usual, rttMs: 20, count: 10, ...sample };
}

/** Reports legs every minute. */
function report(legs: AccessLegs, minutes: number, sample: Partial<LegSample>, sinceMs = 0): void {
  for (let i = 0; i < minutes; i++) legs.report(sampleOf(sample), sinceMs + i * 60_000);
}

/** Returns the estimated RTT of an address to each region, by number. */
function rttsOf(legs: AccessLegs, address: string, nowMs = 0): number[] {
  publish(legs, nowMs);
  const { regions, rttMs } = legs.candidates(legs.clusterOf(address));
  const rtts: number[] = [];
  for (const [i, region] of regions.entries()) rtts[region] = rttMs[i] ?? Number.NaN;
  return rtts;
}

/** Reports both ends of a trunk until it is well known. */
function measure(trunks: TrunkEstimates, from: number, to: number, rttMs: number): void {
  const usual = { jitterMs: 0.5, lossForward: 0, lossBack: 0, count: 30 };
  for (let now = 0; now < 60_000; now += 5_000) {
    trunks.report({ from, to, reporter: `p${from}`, rttMs, ...usual }, now);
    trunks.report({ from: to, to: from, reporter: `p${to}`, rttMs, ...usual }, now);
  }
}

t.test('a cluster has the legs that were reported of its networks, best first', async (t) => {
  const { legs } = legsOf(trunksOf(3).regions);
  report(legs, 60, { region: 2, rttMs: 15 });
  report(legs, 60, { region: 0, rttMs: 40, reporter: 'b' });
  publish(legs, HOUR_MS);
  const cluster = legs.clusterOf('203.0.113.77');
  t.equal(legs.clusterOf('203.0.112.1'), cluster, 'the same /20');
  const { regions, rttMs, sdMs, costMs } = legs.candidates(cluster);
  t.strictSame([...regions], [2, 0, 1]);
  t.ok(Math.abs((rttMs[0] ?? 0) - 15) < 2 && Math.abs((rttMs[1] ?? 0) - 40) < 4);
  t.ok((sdMs[0] ?? 9) < 1);
  t.ok((costMs[0] ?? 0) < (costMs[1] ?? 0));
  const about = legs.describe(cluster);
  t.match(about, { network: '203.0.112.0/20', parent: '203.0.0.0/12', regions: 2 });
  t.ok(about.samples > 500);
});

t.test('requests make no clusters; without history an address has the parent’s', async (t) => {
  const { legs } = legsOf(trunksOf(2).regions);
  const before = legs.size;
  const root = legs.clusterOf('198.51.100.1');
  t.equal(legs.describe(root).network, 'IPv4');
  t.equal(legs.describe(legs.clusterOf('2001:db8::1')).network, 'IPv6');
  t.equal(legs.clusterOf('no address'), root);
  t.equal(legs.size, before);
  report(legs, 60, { network: '198.51.100.0/24', rttMs: 33 });
  t.equal(legs.describe(legs.clusterOf('198.51.100.1')).network, '198.51.96.0/20');
  t.equal(legs.describe(legs.clusterOf('198.50.1.1')).network, '198.48.0.0/12');
  t.ok(Math.abs((rttsOf(legs, '198.50.1.1')[0] ?? 0) - 33) < 5, 'the parent’s');
});

t.test('without history an address belongs to its place, if databases know that', async (t) => {
  const places = (address: string) =>
    address.startsWith('203.')
      ? { asn: 64_500, country: 'US', location: NEW_YORK }
      : { asn: 64_500, country: 'US', location: SINGAPORE };
  const { legs } = legsOf(indexOf(FRANKFURT, NEW_YORK, SINGAPORE), places);
  const nearest = (address: string) => legs.candidates(legs.clusterOf(address)).regions[0];
  t.equal(nearest('203.0.113.1'), 1);
  t.equal(nearest('198.51.100.1'), 2);
  t.equal(legs.describe(legs.clusterOf('198.51.100.1')).parent, 'IPv4');
  // The system's history comes from New York: it says nothing of the legs of its other place.
  report(legs, 60, { region: 1, rttMs: 9 });
  publish(legs, HOUR_MS);
  t.equal(nearest('203.0.113.1'), 1);
  t.equal(nearest('198.51.100.1'), 2);
  t.equal(legs.describe(legs.clusterOf('203.0.113.1')).parent, 'AS64500 US', 'taken over');
});

t.test('legs of peers elsewhere do not tell how far their regions are', async (t) => {
  const places = (address: string) =>
    address.startsWith('203.')
      ? { asn: 64_500, country: 'US', location: NEW_YORK }
      : { asn: 64_501, country: 'DE', location: FRANKFURT };
  const placed = legsOf(indexOf(FRANKFURT, NEW_YORK, SINGAPORE), places).legs;
  report(placed, 60, { region: 1, rttMs: 9 });
  const newYorkMs = rttsOf(placed, '198.51.100.1', HOUR_MS)[1] ?? 0;
  t.ok(newYorkMs > 90, `${newYorkMs} ms by geography`);
  const { legs, trunks } = legsOf(trunksOf(2).regions);
  measure(trunks, 0, 1, 160);
  publish(trunks, 60_000);
  report(legs, 60, { region: 1, rttMs: 9 });
  report(legs, 60, { network: '198.51.100.0/24', region: 0, rttMs: 10 });
  const overMs = rttsOf(legs, '198.51.100.1', HOUR_MS)[1] ?? 0;
  t.ok(overMs > 140, `${overMs} ms over the trunk`);
});

t.test('requests from a hundred thousand networks displace no cluster of reports', async (t) => {
  const places = (address: string) => {
    const [, a = 0, b = 0, c = 0] = address.split('.').map(Number);
    return { asn: 1_000 + 65_536 * a + 256 * b + c, country: 'DE', location: FRANKFURT };
  };
  const { legs } = legsOf(indexOf(FRANKFURT, SINGAPORE), places, 256);
  report(legs, 60, { region: 1, rttMs: 5 });
  publish(legs, 0);
  let most = 0;
  const addressOf = (i: number) => `198.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
  for (let i = 0; i < 100_000; i++) {
    legs.clusterOf(addressOf(i));
    if (i % 50 === 0) legs.takeChanged(i);
    most = Math.max(most, legs.size);
  }
  t.ok(most <= 5 + 256 / 8, `${most} clusters at most`);
  t.ok(legs.extent <= 5 + 256 / 8, 'numbers are used again');
  t.equal(legs.describe(legs.clusterOf('203.0.113.1')).samples > 0, true);
  // Those that were not used for the longest time make room for new ones.
  legs.takeChanged(100_000);
  const placed = Array.from({ length: 4 }, (_, i) => legs.clusterOf(addressOf(200_000 + i)));
  for (const cluster of placed) t.match(legs.describe(cluster).network, / 52,8$/);
});

t.test('IPv6 networks are clustered by /40 and /28, mapped IPv4 as IPv4', async (t) => {
  const { legs } = legsOf(trunksOf(1).regions);
  report(legs, 2, { network: '2001:db8:1234::/48' });
  report(legs, 2, { network: '::ffff:203.0.113.9' });
  t.equal(legs.describe(legs.clusterOf('2001:db8:12ff::1')).network, '2001:db8:1200::/40');
  t.equal(legs.describe(legs.clusterOf('2001:db8:1300::1')).network, '2001:db0::/28');
  t.equal(legs.describe(legs.clusterOf('203.0.113.1')).network, '203.0.112.0/20');
});

t.test('databases cluster by autonomous system and place', async (t) => {
  const places = (address: string) =>
    address.startsWith('203.')
      ? { asn: 64_500, country: 'DE', location: FRANKFURT }
      : address.startsWith('198.')
        ? { asn: 64_500, country: 'DE' }
        : address.startsWith('192.')
          ? { country: 'DE' }
          : undefined;
  const { legs } = legsOf(trunksOf(1).regions, places);
  report(legs, 60, { rttMs: 12 });
  const nameOf = (address: string) => legs.describe(legs.clusterOf(address)).network;
  t.equal(nameOf('203.9.9.9'), 'AS64500 DE 52,8');
  t.equal(nameOf('198.51.100.1'), 'AS64500 DE');
  t.equal(nameOf('192.0.2.1'), 'DE');
  t.equal(nameOf('100.64.0.1'), 'IPv4');
  report(legs, 1, { network: '192.0.2.0/24' });
  t.equal(nameOf('192.0.2.1'), '192.0.0.0/20');
  t.match(legs.describe(legs.clusterOf('192.0.2.1')), { country: 'DE', parent: 'DE' });
});

t.test('without history a leg goes through the trunk, or by geography', async (t) => {
  const regions = indexOf(FRANKFURT, NEW_YORK, SINGAPORE);
  const { legs, trunks } = legsOf(regions, (address) =>
    address.startsWith('203.') ? { asn: 1, country: 'DE', location: FRANKFURT } : undefined,
  );
  measure(trunks, 0, 1, 85);
  publish(trunks, 60_000);
  report(legs, 60, { network: '203.0.113.0/24', region: 0, rttMs: 15 });
  const known = rttsOf(legs, '203.0.113.1', HOUR_MS);
  t.ok(Math.abs((known[1] ?? 0) - 100) < 8, `through the trunk: ${known[1]}`);
  const { legs: empty } = legsOf(regions, () => ({ asn: 1, location: FRANKFURT }));
  empty.report(sampleOf({ region: 1, count: 1, rttMs: 95 }), 0);
  const [fra = 0, nyc = 0, sin = 0] = rttsOf(empty, '203.0.113.1');
  t.ok(fra < nyc && nyc < sin, `by geography: ${fra}, ${nyc}, ${sin}`);
});

t.test(
  'a network first served far away is not kept there: geography shows nearer ones',
  async (t) => {
    const regions = indexOf(FRANKFURT, SINGAPORE);
    const { trunks, legs } = legsOf(regions, () => ({ asn: 64_500, location: FRANKFURT }));
    measure(trunks, 0, 1, 160);
    report(legs, 30, { region: 1, rttMs: 165 });
    publish(legs, HOUR_MS);
    const { regions: best } = legs.candidates(legs.clusterOf('203.0.113.1'));
    t.equal(best[0], 0, 'over the known leg it would be 325 ms away');
  },
);

t.test('one lucky sample does not win against a hundred', async (t) => {
  const { legs } = legsOf(trunksOf(2).regions);
  report(legs, 10, { region: 0, rttMs: 30, count: 10 });
  legs.report(sampleOf({ region: 1, rttMs: 5, count: 1, sdMs: 0, reporter: 'b' }), 600_000);
  publish(legs, 600_000);
  const { regions } = legs.candidates(legs.clusterOf('203.0.113.1'));
  t.equal(regions[0], 0);
});

t.test('old statistics lose weight, and what changed is believed', async (t) => {
  const { legs } = legsOf(trunksOf(2).regions);
  report(legs, 24 * 60, { rttMs: 20 });
  report(legs, 3 * 60, { rttMs: 60 }, DAY_MS);
  const changed = rttsOf(legs, '203.0.113.1', DAY_MS + 3 * HOUR_MS)[0] ?? 0;
  t.ok(changed > 50, `after three hours: ${changed}`);
  const faded = rttsOf(legs, '203.0.113.1', 60 * DAY_MS)[0] ?? 0;
  t.ok(Math.abs(faded - 80) < 15, `after sixty days: ${faded}`);
});

t.test('a relay that reports itself fast is bounded', async (t) => {
  t.test('by another relay of its region', async (t) => {
    const { legs } = legsOf(trunksOf(2).regions);
    report(legs, 60, { rttMs: 0.1, reporter: 'liar', count: 1e6, sdMs: 0 });
    report(legs, 60, { rttMs: 60, reporter: 'honest' });
    t.ok((rttsOf(legs, '203.0.113.1', HOUR_MS)[0] ?? 0) > 50);
  });
  t.test('by the legs to two other regions and the trunks from there', async (t) => {
    const { regions } = trunksOf(3);
    const { legs, trunks } = legsOf(regions);
    measure(trunks, 0, 1, 200);
    measure(trunks, 0, 2, 220);
    measure(trunks, 1, 2, 10);
    publish(trunks, 60_000);
    report(legs, 60, { region: 0, rttMs: 0.1, reporter: 'liar', count: 1e6, sdMs: 0 });
    report(legs, 60, { region: 1, rttMs: 20, reporter: 'b' });
    report(legs, 60, { region: 2, rttMs: 25, reporter: 'c' });
    const rtts = rttsOf(legs, '203.0.113.1', HOUR_MS);
    t.ok((rtts[0] ?? 0) > 80, `the liar: ${rtts[0]}`);
    t.ok((rtts[1] ?? 0) < 25 && (rtts[2] ?? 0) < 30, 'its lie harms no other region');
  });
  t.test('by the distance', async (t) => {
    const regions = indexOf(SINGAPORE);
    const { legs } = legsOf(regions, () => ({ asn: 1, location: FRANKFURT }));
    report(legs, 60, { rttMs: 0.1, count: 1e6 });
    t.ok((rttsOf(legs, '203.0.113.1')[0] ?? 0) > 90);
  });
});

t.test('one bad sample hardly moves a leg', async (t) => {
  const { legs } = legsOf(trunksOf(1).regions);
  report(legs, 60, { rttMs: 20 });
  const before = rttsOf(legs, '203.0.113.1', HOUR_MS)[0] ?? 0;
  legs.report(sampleOf({ rttMs: 3_000, count: 50 }), HOUR_MS);
  t.ok((rttsOf(legs, '203.0.113.1', HOUR_MS)[0] ?? 0) < before + 3);
});

t.test('a cluster keeps the nearest of many regions', async (t) => {
  const { regions } = trunksOf(64);
  const { legs } = legsOf(regions);
  for (let region = 0; region < 64; region++) {
    report(legs, 10, { region, rttMs: 100 - region, reporter: `r${region}` });
  }
  publish(legs, HOUR_MS);
  const candidates = legs.candidates(legs.clusterOf('203.0.113.1'));
  t.equal(candidates.regions.length, LEG_CANDIDATES_MAX);
  const nearest = Array.from({ length: 8 }, (_, i) => 63 - i);
  t.strictSame([...candidates.regions.slice(0, 8)], nearest);
});

t.test('a hundred thousand networks fit the maximum of clusters', async (t) => {
  const { legs } = legsOf(trunksOf(2).regions);
  report(legs, 1, { network: '203.0.113.0/24', reporter: 'honest' });
  let now = 0;
  for (let i = 0; i < 100_000; i++) {
    const network = `${1 + (i % 126)}.${(i >> 3) & 255}.${(i * 37) & 255}.0/24`;
    legs.report(sampleOf({ network, reporter: 'flood' }), now);
    if (i % 128 === 0) {
      now += 100;
      legs.takeChanged(now);
    }
  }
  t.ok(legs.size <= CLUSTERS_MAX);
  t.ok(legs.extent <= CLUSTERS_MAX);
  const kept = legs.describe(legs.clusterOf('203.0.113.1')).network;
  t.equal(kept, '203.0.112.0/20', 'the flooding relay’s clusters go before those of others');
});

t.test('an evicted number is told before another cluster has it', async (t) => {
  const { legs } = legsOf(trunksOf(1).regions, undefined, 256);
  for (let i = 0; i < 300; i++) {
    legs.report(sampleOf({ network: `10.${i >> 4}.${(i & 15) << 4}.0/24` }), i);
  }
  const former = legs.clusterOf('10.0.0.1');
  const taken = legs.takeChanged(1_000);
  t.ok(taken.includes(former));
  t.not(legs.clusterOf('10.0.0.1'), former);
  t.ok(legs.candidates(former).regions.length > 0);
});

t.test('unusable reports are refused', async (t) => {
  const { legs } = legsOf(trunksOf(1).regions);
  t.ok(legs.report(sampleOf({}), 0));
  t.ok(legs.report(sampleOf({ jitterMs: undefined, loss: undefined }), 0));
  for (const wrong of [
    { network: '' },
    { network: '203.0.113.0/33' },
    { network: '10.0.0.0/4' },
    { network: 'fe80::1%eth0' },
    { network: '203.0.113.0/x' },
    { rttMs: Number.NaN },
    { sdMs: -1 },
    { loss: Number.POSITIVE_INFINITY },
    { count: 0 },
    { region: 1 },
  ]) {
    t.notOk(legs.report(sampleOf(wrong), 0), JSON.stringify(wrong));
  }
});

t.test('property: candidates are finite and sorted whatever is reported', async (t) => {
  const any = fc.oneof(fc.double(), fc.integer(), fc.constant(0));
  const sample = fc.record({
    network: fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()),
    region: fc.integer({ min: -1, max: 3 }),
    reporter: fc.constantFrom('a', 'b', 'c'),
    rttMs: any,
    sdMs: any,
    jitterMs: fc.option(any, { nil: undefined }),
    loss: fc.option(any, { nil: undefined }),
    count: any,
  });
  const steps = fc.array(fc.tuple(sample, fc.nat(1e9)), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (steps) => {
      const { legs } = legsOf(trunksOf(3).regions);
      for (const [each, nowMs] of steps) legs.report(each, nowMs);
      publish(legs, 0);
      for (let cluster = 0; cluster < legs.extent; cluster++) {
        const { regions, costMs, rttMs, sdMs, jitterMs, loss } = legs.candidates(cluster);
        if (regions.length !== 3) return false;
        for (const field of [costMs, rttMs, sdMs, jitterMs, loss]) {
          if (!field.every((value) => Number.isFinite(value) && value >= 0)) return false;
        }
        if (costMs.some((cost, i) => cost < (costMs[i - 1] ?? 0))) return false;
      }
      return true;
    }),
  );
  t.pass();
});
