import fc from 'fast-check';
import t from 'tap';
import { familyOf } from '../../../src/address.js';
import type { PeerHints } from '../../../src/directory/selection/score.js';
import { selectRelays } from '../../../src/directory/selection/select.js';
import type { LiveRelay } from '../../../src/directory/snapshot.js';
import { holds } from '../../setup/holds.js';
import { seededRandom } from '../../setup/seeded-random.js';
import { IDLE, liveRelay, loadEstimate } from '../fixtures.js';
import { latencies, SEEDS, v6, v6Only } from './fixtures.js';

/** A load estimate with legs assigned since the last report. */
const LOAD = loadEstimate({ 'fra-4': 10 });

function select(relays: LiveRelay[], peers: [PeerHints, PeerHints] = [{}, {}], seed = 1) {
  const random = seededRandom(seed);
  return selectRelays({ snapshot: { number: 1, relays }, load: LOAD, peers, random });
}

function chosen(relays: LiveRelay[], peers?: [PeerHints, PeerHints], seed?: number): string {
  const selection = select(relays, peers, seed);
  return selection.ok ? selection.relays.map(({ record }) => record.id).join() : 'none';
}

t.test('peers without hints get two different relays at random', async (t) => {
  const relays = ['fra-1', 'nyc-1'].map((id, index) => liveRelay(id, index + 1));
  const pairs = new Set(SEEDS.map((seed) => chosen(relays, [{}, {}], seed)));
  t.same([...pairs].sort(), ['fra-1,nyc-1', 'nyc-1,fra-1']);
  const many = Array.from({ length: 30 }, (_, index) => liveRelay(`fra-${index}`, index + 1));
  const drawn = new Set(SEEDS.map((seed) => chosen(many, [{}, {}], seed)));
  t.ok(drawn.size > SEEDS.length / 2, 'a burst is spread over many pairs');
});

t.test('one relay serves both peers if there is no other', async (t) => {
  t.equal(chosen([liveRelay('fra-1', 1)]), 'fra-1,fra-1');
});

t.test('no relay is chosen if each is draining, unconfirmed or full', async (t) => {
  t.equal(chosen([]), 'none');
  const relays = [
    liveRelay('fra-1', 1, { draining: true }),
    liveRelay('fra-2', 2, { confirmed: false }),
    liveRelay('fra-3', 3, { load: { ...IDLE, legs: 1_000 } }),
    liveRelay('fra-4', 4, { load: { ...IDLE, legs: 990 } }),
  ];
  const selection = select(relays);
  t.notOk(selection.ok);
  t.same(selection.explanation.excluded, {
    draining: ['fra-1'],
    unconfirmed: ['fra-2'],
    full: ['fra-3', 'fra-4'],
  });
});

t.test('a relay with room for one leg does not serve both peers', async (t) => {
  const almost = liveRelay('fra-1', 1, { load: { ...IDLE, legs: 999 } });
  t.equal(chosen([almost]), 'none');
  t.not(chosen([almost, liveRelay('fra-2', 2)]), 'fra-1,fra-1');
});

t.test('each peer gets the relay with the lowest latency to it', async (t) => {
  const relays = ['fra-1', 'nyc-1', 'sin-1'].map((id, index) => liveRelay(id, index + 1));
  const near = latencies({ 'fra-1': 10, 'nyc-1': 90, 'sin-1': 160 });
  const far = latencies({ 'fra-1': 90, 'nyc-1': 10, 'sin-1': 220 });
  for (const seed of SEEDS) {
    t.equal(chosen(relays, [near, far], seed), 'fra-1,nyc-1');
    t.equal(chosen(relays, [far, near], seed), 'nyc-1,fra-1');
  }
});

t.test('a latency to a region applies to its relays', async (t) => {
  const relays = ['fra-1', 'fra-2', 'nyc-1', 'nyc-2'].map((id, i) => liveRelay(id, i + 1));
  const near = latencies({ fra: 10, nyc: 90 });
  for (const seed of SEEDS) {
    t.match(chosen(relays, [near, near], seed), /^fra-1,fra-2|fra-2,fra-1$/);
  }
});

t.test('peers near one relay share it instead of one using a distant relay', async (t) => {
  const relays = ['fra-1', 'nyc-1'].map((id, index) => liveRelay(id, index + 1));
  const near = latencies({ 'fra-1': 10, 'nyc-1': 90 });
  t.equal(chosen(relays, [near, near]), 'fra-1,fra-1');
});

t.test('a relay with the id `constructor` has no latency from the prototype', async (t) => {
  const relays = ['constructor', 'fra-1', 'nyc-1'].map((id, index) => liveRelay(id, index + 1));
  const peer = latencies({ 'fra-1': 1, 'nyc-1': 2 });
  for (const seed of SEEDS) t.notMatch(chosen(relays, [peer, peer], seed), 'constructor');
});

t.test('a busy relay is not chosen over an idle one with about the same latency', async (t) => {
  const busy = liveRelay('fra-1', 1, { load: { ...IDLE, cpu: 0.95 } });
  const relays = [busy, liveRelay('fra-2', 2), liveRelay('fra-3', 3)];
  for (const seed of SEEDS) t.notMatch(chosen(relays, [{}, {}], seed), 'fra-1');
  const near = latencies({ fra: 10, nyc: 200 });
  const two = [busy, liveRelay('fra-2', 2), liveRelay('nyc-1', 3)];
  t.equal(chosen(two, [near, near]), 'fra-2,fra-2', 'load outweighs only a limited latency');
});

t.test('a peer gets a relay of its region if one can serve', async (t) => {
  const relays = ['fra-1', 'nyc-1', 'nyc-2'].map((id, index) => liveRelay(id, index + 1));
  const near = latencies({ 'fra-1': 1, 'nyc-1': 200, 'nyc-2': 200 });
  for (const seed of SEEDS) {
    t.match(chosen(relays, [{ ...near, region: 'nyc' }, near], seed), /^nyc-.,fra-1$/);
  }
  const selection = select(relays, [{ region: 'mars' }, { region: 'nyc' }]);
  t.ok(selection.ok, 'an unknown region is ignored');
  t.same(selection.explanation.regionKept, [false, true]);
  const drained = [liveRelay('fra-1', 1), liveRelay('nyc-1', 2, { draining: true })];
  t.equal(chosen(drained, [{ region: 'nyc' }, { region: 'nyc' }]), 'fra-1,fra-1');
});

t.test('the hint family is binding, and the family of the hint address is preferred', async (t) => {
  const dual = liveRelay('dual', 1, {
    record: { serviceAddresses: [...v6(1, 3478), { address: '10.0.0.1', port: 3478 }] },
  });
  const four = liveRelay('four', 2);
  const six = liveRelay('six', 3, { record: { serviceAddresses: v6(3, 3478) } });
  const relays = [dual, four, six];
  for (const seed of SEEDS) {
    const selection = select(relays, [{ family: 6 }, { family: 4 }], seed);
    t.same(selection.ok && selection.addresses.map(familyOf), [6, 4]);
    const seen = select(relays, [{ address: '2001:db8::9' }, { address: '192.0.2.9' }], seed);
    t.same(seen.ok && seen.addresses.map(familyOf), [6, 4]);
  }
  const first = select([dual]);
  t.same(first.ok && first.addresses.map(familyOf), [4, 4], 'IPv4 by default');
  t.equal(chosen([four], [{ family: 6 }, {}]), 'none');
  t.equal(
    chosen([six], [{ address: '192.0.2.9' }, {}]),
    'six,six',
    'the preferred family is not available',
  );
});

t.test('two relays need a trunk family in common', async (t) => {
  const four = liveRelay('four', 1);
  const six = liveRelay('six', 2, { record: v6Only(2) });
  const near = latencies({ four: 1, six: 200 });
  const far = latencies({ four: 200, six: 1 });
  t.match(chosen([four, six], [near, far]), /^(four,four|six,six)$/);
  t.equal(chosen([four, six], [{ family: 4 }, { family: 6 }]), 'none');
});

t.test('a region is ignored if it leaves no common trunk family', async (t) => {
  const relays = [
    liveRelay('fra-1', 1),
    liveRelay('nyc-1', 2, { record: v6Only(2) }),
    liveRelay('nyc-2', 3, { record: v6Only(3) }),
  ];
  const selection = select(relays, [{ region: 'fra' }, { region: 'nyc' }]);
  t.ok(selection.ok);
  t.same(selection.explanation.regionKept, [false, true], 'two relays are preferred to one');
});

t.test('the explanation has the latencies of the chosen pair', async (t) => {
  const relays = ['fra-1', 'nyc-1'].map((id, index) => liveRelay(id, index + 1));
  const { explanation } = select(relays, [
    latencies({ 'fra-1': 10, 'nyc-1': 110 }),
    latencies({ 'fra-1': 112, 'nyc-1': 12 }),
  ]);
  t.match(explanation, {
    candidates: [2, 2],
    pairs: 4,
    chosen: { relays: ['fra-1', 'nyc-1'], legMs: [10, 12], trunkMs: 90, totalMs: 112 },
  });
  t.equal(explanation.best[0]?.totalMs, 112);
});

const anyRelay = fc.record({
  region: fc.constantFrom('fra', 'nyc', 'sin'),
  service: fc.constantFrom('4', '6', '46'),
  trunk: fc.constantFrom('4', '6', '46'),
  legs: fc.integer({ min: 995, max: 1_000 }),
  draining: fc.boolean(),
});

const anyPeer = fc.record(
  {
    family: fc.constantFrom(4 as const, 6 as const),
    region: fc.constantFrom('fra', 'nyc', 'mars'),
    address: fc.constantFrom('192.0.2.9', '2001:db8::9'),
    latencies: fc
      .dictionary(fc.constantFrom('fra', 'nyc', 'r-0', 'r-1', 'r-2'), fc.nat(60_000))
      .map((entries) => new Map(Object.entries(entries))),
  },
  { requiredKeys: [] },
);

t.test('a chosen pair can serve, and a pair is chosen if one can serve', async (t) => {
  const both = (families: string, host: number, port: number) => [
    ...(families.includes('4') ? [{ address: `10.0.0.${host}`, port }] : []),
    ...(families.includes('6') ? v6(host, port) : []),
  ];
  const property = fc.property(
    fc.array(anyRelay, { maxLength: 24 }),
    fc.tuple(anyPeer, anyPeer),
    fc.nat(),
    (specs, peers, seed) => {
      const relays = specs.map(({ region, service, trunk, legs, draining }, index) =>
        liveRelay(`r-${index}`, index + 1, {
          draining,
          load: { ...IDLE, legs },
          record: {
            publicKey: '',
            region,
            serviceAddresses: both(service, index + 1, 3478),
            trunkAddresses: both(trunk, index + 1, 3480),
          },
        }),
      );
      const selection = select(relays, peers, seed);
      const serves = (relay: LiveRelay, peer: PeerHints) =>
        !relay.draining &&
        relay.load.legs < 1_000 &&
        relay.record.serviceAddresses.some(
          (address) => peer.family === undefined || familyOf(address) === peer.family,
        );
      const pairs = (a: LiveRelay, b: LiveRelay) =>
        serves(a, peers[0]) &&
        serves(b, peers[1]) &&
        (a === b
          ? a.load.legs <= 998
          : a.record.trunkAddresses.some((own) =>
              b.record.trunkAddresses.some((other) => familyOf(own) === familyOf(other)),
            ));
      if (!selection.ok) return !relays.some((a) => relays.some((b) => pairs(a, b)));
      const [{ relay: a }, { relay: b }] = selection.relays;
      return (
        pairs(a, b) &&
        a.record.serviceAddresses.includes(selection.addresses[0]) &&
        b.record.serviceAddresses.includes(selection.addresses[1])
      );
    },
  );
  holds(t, property, { numRuns: 300 });
});
