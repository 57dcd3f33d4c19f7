import t from 'tap';
import { MeasurementIntake } from '../../src/directory/measurement-intake.js';
import { MEASUREMENT_LIMITS } from '../../src/registry/measurement-limits.js';
import { FakeClock, relayRecord } from './fixtures.js';
import { DirectoryHarness } from './http/harness.js';

const TRUNK = { relay: 'nyc-1', rtt: 83, jitter: 0.6, loss: [0, null], count: 10 };
const LEG = { network: '203.0.113.0/24', rtt: 20, sd: 3, jitter: 1.2, loss: 0, count: 12 };

function intake() {
  const measurements = new MeasurementIntake(new FakeClock());
  measurements.place('fra-1', 'fra', undefined);
  measurements.place('nyc-1', 'nyc', undefined);
  return measurements;
}

function countsOf({ counts }: MeasurementIntake): Record<string, number> {
  return Object.fromEntries([...counts].map(([{ kind, result }, n]) => [`${kind} ${result}`, n]));
}

t.test('the measurements of a relay reach the estimates', async (t) => {
  const measurements = intake();
  const { trunks, legs } = measurements;
  for (let i = 0; i < 20; i++) {
    measurements.report('fra-1', { trunk: [TRUNK], legs: [LEG] });
  }
  t.ok(Math.abs((trunks.row(0).rttMs[1] ?? 0) - 83) < 3);
  const { regions, rttMs } = legs.candidates(legs.clusterOf('203.0.113.1'));
  t.equal(regions[0], measurements.regions.numberOf('fra'));
  t.ok(Math.abs((rttMs[0] ?? 0) - 20) < 8);
  t.strictSame(countsOf(measurements), { 'trunk taken': 20, 'leg taken': 20 });
});

t.test('a wrong entry is counted, and costs no other', async (t) => {
  const measurements = intake();
  measurements.report('fra-1', {
    trunk: [
      TRUNK,
      { ...TRUNK, relay: 'fra-1' },
      { ...TRUNK, relay: 'gone' },
      { ...TRUNK, rtt: '83' },
      { ...TRUNK, rtt: -1 },
      { ...TRUNK, loss: [2, 0] },
      null,
    ],
    legs: [LEG, { ...LEG, network: 'nowhere' }, { ...LEG, count: 0.5 }, 7],
  });
  t.strictSame(countsOf(measurements), {
    'trunk malformed': 4,
    'leg malformed': 3,
    'trunk taken': 1,
    'trunk unknown-relay': 2,
    'leg taken': 1,
  });
});

t.test('lists that are none, and entries beyond the maximum, are counted', async (t) => {
  const measurements = intake();
  measurements.report('fra-1', undefined);
  measurements.report('fra-1', null);
  measurements.report('fra-1', 'text');
  measurements.report('fra-1', {});
  t.strictSame(countsOf(measurements), {});
  const many = Array.from({ length: MEASUREMENT_LIMITS.entriesMax + 3 }, () => TRUNK);
  measurements.report('fra-1', { trunk: many, legs: { length: 3 } });
  t.strictSame(countsOf(measurements), {
    'trunk excess': 3,
    'leg malformed': 1,
    'trunk taken': MEASUREMENT_LIMITS.entriesMax,
  });
});

t.test('a relay that is gone is measured no more, and its region stays known', async (t) => {
  const measurements = intake();
  measurements.forget('nyc-1');
  measurements.forget('nyc-1');
  measurements.report('fra-1', { trunk: [TRUNK] });
  t.strictSame(countsOf(measurements), { 'trunk unknown-relay': 1 });
  t.notOk(measurements.regions.isUsed(1));
  measurements.place('nyc-1', 'nyc', [40.71, -74.01]);
  t.ok(measurements.regions.isUsed(1));
  measurements.place('nyc-1', 'nyc', [40.72, -74.01]);
  t.ok(Math.abs((measurements.regions.locationOf(1)?.[0] ?? 0) - 40.72) < 0.001);
});

t.test('regions beyond the maximum are counted', async (t) => {
  const measurements = intake();
  for (let i = 0; i < 1_023; i++) measurements.place(`r${i}`, `r${i}`, undefined);
  measurements.report('r1022', { trunk: [TRUNK], legs: [LEG] });
  measurements.report('fra-1', { trunk: [{ ...TRUNK, relay: 'r1022' }] });
  t.strictSame(countsOf(measurements), { 'trunk no-region': 2, 'leg no-region': 1 });
});

t.test('a beat with wrong measurements is taken, and metrics tell them', async (t) => {
  const h = await DirectoryHarness.open(t);
  const record = relayRecord('fra-1', 1);
  const site = { provider: 'example-host', location: [50.11, 8.68] };
  const body = { record, site, load: { legs: 0, legsMax: 9, cpu: 0, packetsPerSecond: 0 } };
  const put = { ...body, draining: false };
  t.match(await h.signed('fra-1', 'PUT', 'registration', put), { status: 200 });
  const wrong = { ...put, site: { location: [91, 0] } };
  t.match(await h.signed('fra-1', 'PUT', 'registration', wrong), { status: 400 });
  const { start } = record;
  for (const measurements of [{ trunk: 5, legs: [LEG, 'no'] }, 'text', {}]) {
    t.match(await h.beat('fra-1', null, { start, measurements }), { status: 200, genuine: true });
  }
  const metrics = await h.directory.metrics();
  const row = (labels: string) => `turnpike_directory_measurements_total{${labels}} 1\n`;
  t.ok(metrics.includes(row('kind="leg",result="taken"')));
  t.ok(metrics.includes(row('kind="leg",result="malformed"')));
  t.ok(metrics.includes(row('kind="trunk",result="malformed"')));
  t.match(metrics, /turnpike_directory_access_clusters 4\n/);
});
