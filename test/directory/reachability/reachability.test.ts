import t from 'tap';
import { HOLD_MS, HOLD_MS_MAX } from '../../../src/directory/reachability/flap-damping.js';
import { Cluster } from './cluster.js';

const THREE = ['fra-1', 'nyc-1', 'sin-1'];

t.test('there is no doubt about relays that all reach each other', async (t) => {
  const cluster = new Cluster(THREE);
  cluster.pass(120_000);
  t.same(cluster.log, []);
  for (const id of THREE) {
    t.equal(cluster.view.relayDoubt(id), 'none');
    t.equal(cluster.serviceDoubt(id), 'none');
  }
});

t.test(
  'a service address that does not answer is unreachable until it answers again',
  async (t) => {
    const cluster = new Cluster(THREE);
    const address = cluster.serviceOf('fra-1');
    cluster.faults = { services: [address] };
    cluster.pass(2_500);
    t.equal(cluster.serviceDoubt('fra-1'), 'unreachable');
    t.equal(cluster.view.relayDoubt('fra-1'), 'none', 'no doubt about its trunk');
    t.ok(cluster.reach('fra-1', 'nyc-1'));
    cluster.pass(60_000);
    t.same(cluster.log, [`unreachable begins: fra-1 ${address}`]);
    const record = cluster.relays[0]?.record.serviceAddresses[0];
    const found = record && cluster.view.serviceOf('fra-1', record);
    t.match(found?.evidence, { said: 2, observers: 2, accusers: 2 });
    cluster.faults = {};
    cluster.pass(HOLD_MS + 2_500);
    t.equal(cluster.serviceDoubt('fra-1'), 'none');
    t.same(cluster.log.slice(1), [`unreachable ends: fra-1 ${address}`]);
  },
);

t.test('a closed trunk port makes only its relay unreachable, and it is in no pair', async (t) => {
  const cluster = new Cluster(THREE);
  cluster.faults = { trunks: ['fra-1'] };
  cluster.pass(2_500);
  t.notOk(cluster.reach('fra-1', 'nyc-1'));
  t.notOk(cluster.reach('sin-1', 'fra-1'));
  t.ok(cluster.reach('nyc-1', 'sin-1'));
  t.same(
    THREE.map((id) => cluster.view.relayDoubt(id)),
    ['unreachable', 'none', 'none'],
  );
  t.same(
    THREE.map((id) => cluster.serviceDoubt(id)),
    ['none', 'none', 'none'],
    'its reports about all others do not count',
  );
  t.same(cluster.log.sort(), ['cut off begins: fra-1', 'unreachable begins: fra-1 trunk']);
  t.equal(cluster.view.countPairsApart(), 2);
  cluster.faults = {};
  cluster.pass(2 * HOLD_MS);
  t.ok(cluster.reach('fra-1', 'nyc-1'));
  t.equal(cluster.view.relayDoubt('fra-1'), 'none');
});

t.test('of two relays neither makes the other unreachable', async (t) => {
  const cluster = new Cluster(['fra-1', 'nyc-1']);
  const address = cluster.serviceOf('fra-1');
  cluster.faults = { services: [address] };
  cluster.pass(10_000);
  t.equal(cluster.serviceDoubt('fra-1'), 'suspected');
  t.equal(cluster.serviceDoubt('nyc-1'), 'none');
  t.same(cluster.log, [`suspected begins: fra-1 ${address}`]);
  cluster.faults = { trunks: ['fra-1'] };
  cluster.pass(20_000);
  t.notOk(cluster.reach('fra-1', 'nyc-1'));
  t.same(
    ['fra-1', 'nyc-1'].map((id) => [cluster.view.relayDoubt(id), cluster.serviceDoubt(id)]),
    [
      ['none', 'none'],
      ['none', 'none'],
    ],
    'either may be the one that is cut off',
  );
  t.ok(cluster.view.isCutOff('fra-1') && cluster.view.isCutOff('nyc-1'));
});

t.test('reports of one region lead to suspected, not to unreachable', async (t) => {
  const cluster = new Cluster(['fra-1', 'fra-2', 'fra-3', 'fra-4']);
  cluster.faults = { services: [cluster.serviceOf('fra-1')] };
  cluster.pass(10_000);
  t.equal(cluster.serviceDoubt('fra-1'), 'suspected');
  cluster.faults = { trunks: ['fra-2'] };
  cluster.pass(20_000);
  t.equal(cluster.view.relayDoubt('fra-2'), 'suspected');
  t.equal(cluster.serviceDoubt('fra-1'), 'none');
});

t.test('false reports of one relay make only that relay cut off', async (t) => {
  const cluster = new Cluster(['fra-1', 'nyc-1', 'sin-1', 'syd-1']);
  cluster.faults = { liars: ['fra-1'] };
  cluster.pass(30_000);
  for (const id of ['nyc-1', 'sin-1', 'syd-1']) {
    t.equal(cluster.view.relayDoubt(id), 'none');
    t.equal(cluster.serviceDoubt(id), 'none');
  }
  t.ok(cluster.reach('nyc-1', 'sin-1'));
  t.same(cluster.log, ['cut off begins: fra-1']);
});

t.test('the report of one checker of several raises no doubt', async (t) => {
  const cluster = new Cluster(['fra-1', 'nyc-1', 'sin-1', 'syd-1']);
  cluster.pass(10_000);
  const address = cluster.serviceOf('fra-1');
  const lie = () =>
    cluster.view.report('nyc-1', {
      trunk: [],
      service: [{ id: 'fra-1', address, reason: 'no-answer' }],
    });
  for (let count = 0; count < 20; count += 1) {
    lie();
    cluster.view.sweep(cluster.relays);
    t.equal(cluster.serviceDoubt('fra-1'), 'none');
    cluster.clock.advance(500);
  }
});

t.test(
  'reports of a relay that gets no answers at all, or is not a checker, do not count',
  async (t) => {
    const cluster = new Cluster(THREE);
    const address = cluster.serviceOf('fra-1');
    const says = (id: string, reason: string) =>
      cluster.view.report(id, { trunk: [], service: [{ id: 'fra-1', address, reason }] });
    for (let count = 0; count < 20; count += 1) {
      says('nyc-1', 'nothing-answers');
      says('sin-1', 'nothing-answers');
      says('fra-1', 'no-answer');
      cluster.clock.advance(500);
      cluster.view.sweep(cluster.relays);
    }
    t.equal(cluster.serviceDoubt('fra-1'), 'none');
    for (let count = 0; count < 4; count += 1) {
      says('nyc-1', 'a-reason-of-the-future');
      says('sin-1', 'no-answer');
      cluster.clock.advance(500);
      cluster.view.sweep(cluster.relays);
    }
    t.equal(cluster.serviceDoubt('fra-1'), 'unreachable');
  },
);

t.test('verdicts against every relay are reported, and so is their end', async (t) => {
  const cluster = new Cluster(['fra-1', 'nyc-1', 'sin-1', 'syd-1']);
  cluster.faults = {
    services: ['fra-1', 'nyc-1', 'sin-1', 'syd-1'].map((id) => cluster.serviceOf(id)),
  };
  cluster.pass(5_000);
  t.ok(cluster.view.allCondemned);
  t.ok(cluster.log.includes('all condemned: true'));
  cluster.faults = {};
  cluster.pass(10_000);
  t.notOk(cluster.view.allCondemned);
  t.equal(cluster.log.at(-1), 'all condemned: false');
});

t.test('a verdict ends when its reporters have left or report no more', async (t) => {
  for (const way of ['gone', 'silent'] as const) {
    const cluster = new Cluster(['fra-1', 'nyc-1', 'sin-1', 'syd-1']);
    cluster.faults = { trunks: ['fra-1'] };
    cluster.pass(5_000);
    t.equal(cluster.view.relayDoubt('fra-1'), 'unreachable');
    if (way === 'silent') cluster.silent = ['fra-1', 'nyc-1', 'sin-1', 'syd-1'];
    else {
      cluster.relays.splice(1);
      for (const id of ['nyc-1', 'sin-1', 'syd-1']) cluster.view.forget(id);
      cluster.faults = {};
    }
    cluster.pass(HOLD_MS + 3_000);
    t.equal(cluster.view.relayDoubt('fra-1'), 'none', way);
    t.ok(cluster.log.includes('unreachable ends: fra-1 trunk'));
  }
});

t.test('a verdict that recurs is held longer each time, up to HOLD_MS_MAX', async (t) => {
  const cluster = new Cluster(THREE);
  const bad = { services: [cluster.serviceOf('fra-1')] };
  for (let time = 0; time < 6; time += 1) {
    cluster.faults = bad;
    cluster.pass(3_000);
    cluster.faults = {};
    cluster.pass(9_000);
  }
  const begins = cluster.log.filter((line) => line.startsWith('unreachable begins')).length;
  t.ok(begins <= 3, `reported ${begins} times in 72 s`);
  t.equal(cluster.serviceDoubt('fra-1'), 'unreachable');
  cluster.pass(HOLD_MS_MAX);
  t.equal(cluster.serviceDoubt('fra-1'), 'none');
});

t.test('reports about a former process of a relay do not count', async (t) => {
  const cluster = new Cluster(THREE);
  cluster.faults = { trunks: ['fra-1'], services: [cluster.serviceOf('fra-1')] };
  cluster.pass(5_000);
  t.equal(cluster.view.relayDoubt('fra-1'), 'unreachable');
  cluster.unaware = ['nyc-1', 'sin-1'];
  cluster.view.renewed('fra-1');
  t.equal(cluster.view.relayDoubt('fra-1'), 'none', 'at once');
  t.equal(cluster.serviceDoubt('fra-1'), 'none');
  cluster.pass(3_000);
  t.ok(cluster.log.includes('unreachable ends: fra-1 trunk'));
  t.equal(
    cluster.view.relayDoubt('fra-1'),
    'none',
    'reports of relays that have confirmed only the former process do not count',
  );
  t.equal(cluster.serviceDoubt('fra-1'), 'none');
  cluster.unaware = [];
  cluster.pass(3_000);
  t.equal(cluster.view.relayDoubt('fra-1'), 'unreachable', 'the port is still closed');
});

t.test('a pause of the directory ends no verdict', async (t) => {
  const cluster = new Cluster(THREE);
  cluster.faults = { trunks: ['fra-1'], services: [cluster.serviceOf('nyc-1')] };
  cluster.pass(5_000);
  const before = cluster.log.length;
  cluster.clock.advance(60_000);
  cluster.view.sweep(cluster.relays);
  t.notOk(cluster.reach('fra-1', 'nyc-1'));
  t.equal(cluster.view.relayDoubt('fra-1'), 'unreachable');
  t.equal(cluster.log.length, before);
});

t.test('relays without a common address family are not observers of each other', async (t) => {
  const six = ['tok-1', 'del-1', 'syd-1'];
  const cluster = new Cluster([...THREE, ...six], { six });
  cluster.pass(60_000);
  t.same(cluster.log, [], 'no pair counts as apart');
  t.equal(cluster.view.countPairsApart(), 0);
  cluster.faults = { trunks: ['tok-1'] };
  cluster.pass(5_000);
  t.match(cluster.view.trunkOf('tok-1').evidence, { said: 2, observers: 2, accusers: 2 });
  t.same(cluster.log.sort(), ['cut off begins: tok-1', 'unreachable begins: tok-1 trunk']);
  t.equal(cluster.view.countPairsApart(), 2);
});

t.test('a report with the reason no-common-family does not count', async (t) => {
  const cluster = new Cluster(THREE);
  for (let count = 0; count < 20; count += 1) {
    const trunk = ['fra-1', 'sin-1'].map((id) => ({ id, reason: 'no-common-family' }));
    cluster.view.report('nyc-1', { trunk, service: [] });
    t.equal(cluster.view.countPairsApart(), 0);
    t.ok(cluster.reach('fra-1', 'nyc-1'), 'selection compares the records instead');
    cluster.pass(500);
  }
  t.same(cluster.log, []);
});

t.test(
  'a cluster that is split in half has no pairs across and no verdicts, and recovers',
  async (t) => {
    const ids = Array.from({ length: 24 }, (_, index) => `r${index % 4}-${index}`);
    const cluster = new Cluster(ids);
    cluster.faults = { split: new Set(ids.slice(0, 12)) };
    cluster.pass(10_000);
    t.equal(cluster.view.countPairsApart(), 12 * 12);
    t.notOk(cluster.reach(ids[0] as string, ids[12] as string));
    t.ok(cluster.reach(ids[0] as string, ids[1] as string));
    t.ok(
      ids.every((id) => cluster.view.isCutOff(id)),
      'each does not reach 12 of 23',
    );
    t.equal(cluster.view.trunkSaid(ids[0] as string), 12);
    t.match(cluster.view.trunkOf(ids[0] as string).evidence, {
      said: 12,
      accusers: 0,
      observers: 0,
    });
    t.ok(ids.every((id) => cluster.view.relayDoubt(id) === 'none'));
    cluster.faults = {};
    cluster.pass(2 * HOLD_MS);
    t.equal(cluster.view.countPairsApart(), 0);
    t.notOk(ids.some((id) => cluster.view.isCutOff(id)));
  },
);

t.test('a checker that was just appointed is not an observer yet', async (t) => {
  const ids = ['fra-1', 'nyc-1', 'sin-1', 'tok-1', 'lon-1'];
  const cluster = new Cluster(ids);
  cluster.pass(30_000);
  const record = cluster.relays[0]?.record;
  const [address] = record?.serviceAddresses ?? [];
  if (record === undefined || address === undefined) throw new Error('no relay');
  const observers = () => cluster.view.serviceOf('fra-1', address).evidence.observers;
  const seen = new Set<number>();
  for (let passed = 0; passed < 60_000; passed += 250) {
    cluster.pass(250);
    seen.add(observers());
  }
  t.strictSame([...seen].sort(), [2, 3], 'a checker that replaced another is not counted at first');
});
