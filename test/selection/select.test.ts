import fc from 'fast-check';
import t from 'tap';
import { familyOf } from '../../src/address.js';
import type { PeerRequest } from '../../src/selection/request.js';
import { select } from '../../src/selection/select.js';
import { holds } from '../setup/holds.js';
import type { TestRelay } from './fixtures.js';
import {
  chosen,
  chosenBy,
  IDLE,
  latencies,
  relay,
  SEEDS,
  stateOf,
  v6,
  v6Only,
} from './fixtures.js';

function selectOf(relays: TestRelay[], peers: [PeerRequest, PeerRequest] = [{}, {}], seed = 1) {
  return select(stateOf(relays).publish(0), { peers }, seed);
}

t.test('peers without hints get two different relays at random', async (t) => {
  const relays = ['fra-1', 'nyc-1'].map((id, index) => relay(id, index + 1));
  const pairs = new Set(SEEDS.map((seed) => chosen(relays, [{}, {}], seed)));
  t.same([...pairs].sort(), ['fra-1,nyc-1', 'nyc-1,fra-1']);
  const many = Array.from({ length: 30 }, (_, index) => relay(`fra-${index}`, index + 1));
  const drawn = new Set(SEEDS.map((seed) => chosen(many, [{}, {}], seed)));
  t.ok(drawn.size > SEEDS.length / 2, 'a burst is spread over many pairs');
});

t.test('one relay serves both peers if there is no other', async (t) => {
  t.equal(chosen([relay('fra-1', 1)]), 'fra-1,fra-1');
});

t.test('no relay is chosen if each is draining or unconfirmed', async (t) => {
  t.equal(chosen([]), 'no-relays');
  const relays = [relay('fra-1', 1, { draining: true }), relay('fra-2', 2, { confirmed: false })];
  const selection = selectOf(relays);
  t.notOk(selection.ok);
  t.match(selection, {
    noRelay: { reason: 'none-ready', detail: /^of 2 relays .* 1 drain, 1 have just registered$/ },
  });
});

t.test('full relays serve if all are full, never while another has room', async (t) => {
  const full = (id: string, host: number) => relay(id, host, { load: { ...IDLE, legs: 1_000 } });
  const relays = [full('fra-1', 1), full('fra-2', 2)];
  t.match(chosen(relays), /^fra-1,fra-2|fra-2,fra-1$/);
  t.equal(chosen([full('fra-1', 1)]), 'fra-1,fra-1');
  const near = latencies({ fra: 1, nyc: 200 });
  for (const seed of SEEDS) {
    t.equal(chosen([...relays, relay('nyc-1', 3)], [near, near], seed), 'nyc-1,nyc-1');
  }
});

t.test('a relay with room for one leg does not serve both peers', async (t) => {
  const almost = relay('fra-1', 1, { load: { ...IDLE, legs: 999 } });
  for (const seed of SEEDS) {
    t.not(chosen([almost, relay('fra-2', 2)], [{}, {}], seed), 'fra-1,fra-1');
  }
});

t.test('each peer gets the relay with the lowest latency to it', async (t) => {
  const relays = ['fra-1', 'nyc-1', 'sin-1'].map((id, index) => relay(id, index + 1));
  const near = latencies({ 'fra-1': 10, 'nyc-1': 90, 'sin-1': 160 });
  const far = latencies({ 'fra-1': 90, 'nyc-1': 10, 'sin-1': 220 });
  for (const seed of SEEDS) {
    t.equal(chosen(relays, [near, far], seed), 'fra-1,nyc-1');
    t.equal(chosen(relays, [far, near], seed), 'nyc-1,fra-1');
  }
});

t.test('a latency to a region applies to its relays', async (t) => {
  const relays = ['fra-1', 'fra-2', 'nyc-1', 'nyc-2'].map((id, i) => relay(id, i + 1));
  const near = latencies({ fra: 10, nyc: 90 });
  for (const seed of SEEDS) {
    t.match(chosen(relays, [near, near], seed), /^(fra-1,fra-2|fra-2,fra-1)$/);
  }
});

t.test('of the relays of a region the one that the peer measured to be near serves', async (t) => {
  const relays = ['fra-1', 'fra-2', 'fra-3', 'nyc-1'].map((id, i) => relay(id, i + 1));
  const near = latencies({ 'fra-1': 10, 'fra-2': 80, 'fra-3': 80, 'nyc-1': 200 });
  const far = latencies({ 'nyc-1': 10 });
  for (const seed of SEEDS) t.match(chosen(relays, [near, far], seed), /^fra-1,/);
});

t.test('peers near one relay share it instead of one using a distant relay', async (t) => {
  const relays = ['fra-1', 'nyc-1'].map((id, index) => relay(id, index + 1));
  const near = latencies({ 'fra-1': 10, 'nyc-1': 90 });
  t.equal(chosen(relays, [near, near]), 'fra-1,fra-1');
});

t.test('a relay with the id `constructor` has no latency from the prototype', async (t) => {
  const relays = ['constructor', 'fra-1', 'nyc-1'].map((id, index) => relay(id, index + 1));
  const peer = latencies({ 'fra-1': 1, 'nyc-1': 2 });
  for (const seed of SEEDS) t.notMatch(chosen(relays, [peer, peer], seed), 'constructor');
});

t.test('a busy relay is not chosen over an idle one with about the same latency', async (t) => {
  const busy = relay('fra-1', 1, { load: { ...IDLE, cpu: 0.95 } });
  const relays = [busy, relay('fra-2', 2), relay('fra-3', 3)];
  for (const seed of SEEDS) t.notMatch(chosen(relays, [{}, {}], seed), 'fra-1');
  const near = latencies({ fra: 10, nyc: 200 });
  const two = [busy, relay('fra-2', 2), relay('nyc-1', 3)];
  t.match(chosen(two, [near, near]), /^fra-.,fra-.$/, 'load outweighs only a limited latency');
});

t.test('a peer gets a relay of its region if one can serve', async (t) => {
  const relays = ['fra-1', 'nyc-1', 'nyc-2'].map((id, index) => relay(id, index + 1));
  const near = latencies({ 'fra-1': 1, 'nyc-1': 200, 'nyc-2': 200 });
  for (const seed of SEEDS) {
    t.match(chosen(relays, [{ ...near, region: 'nyc' }, near], seed), /^nyc-.,fra-1$/);
    t.match(chosen(relays, [{ region: 'nyc' }, near], seed), /^nyc-.,fra-1$/);
  }
  const selection = selectOf(relays, [{ region: 'mars' }, { region: 'nyc' }]);
  t.ok(selection.ok && selection.terms.exceptions[0].includes('otherRegion'));
  t.same(selection.ok && selection.terms.exceptions[1], [], 'an unknown region is ignored');
  const drained = [relay('fra-1', 1), relay('nyc-1', 2, { draining: true })];
  t.equal(chosen(drained, [{ region: 'nyc' }, { region: 'nyc' }]), 'fra-1,fra-1');
});

t.test('the hint family is binding, and the family of the hint address is preferred', async (t) => {
  const dual = relay('dual', 1, {
    serviceAddresses: [...v6(1, 3478), { address: '10.0.0.1', port: 3478 }],
  });
  const four = relay('four', 2);
  const six = relay('six', 3, { serviceAddresses: v6(3, 3478) });
  const relays = [dual, four, six];
  for (const seed of SEEDS) {
    const selection = selectOf(relays, [{ family: 6 }, { family: 4 }], seed);
    t.same(selection.ok && selection.addresses.map(familyOf), [6, 4]);
    const seen = selectOf(relays, [{ address: '2001:db8::9' }, { address: '192.0.2.9' }], seed);
    t.same(seen.ok && seen.addresses.map(familyOf), [6, 4]);
  }
  const first = selectOf([dual]);
  t.same(first.ok && first.addresses.map(familyOf), [4, 4], 'IPv4 by default');
  t.equal(chosen([four], [{ family: 6 }, {}]), 'no-family');
  t.equal(
    chosen([six], [{ address: '192.0.2.9' }, {}]),
    'six,six',
    'the preferred family is not available',
  );
});

t.test('two relays need a trunk family in common', async (t) => {
  const four = relay('four', 1);
  const six = relay('six', 2, v6Only(2));
  const near = latencies({ four: 1, six: 200 });
  const far = latencies({ four: 200, six: 1 });
  t.match(chosen([four, six], [near, far]), /^(four,four|six,six)$/);
  t.equal(chosen([four, six], [{ family: 4 }, { family: 6 }]), 'no-pair');
});

t.test('a region is ignored if it leaves no common trunk family', async (t) => {
  const relays = [relay('fra-1', 1), relay('nyc-1', 2, v6Only(2)), relay('nyc-2', 3, v6Only(3))];
  const selection = selectOf(relays, [{ region: 'fra' }, { region: 'nyc' }]);
  t.ok(selection.ok);
  const kept = selection.ok && selection.terms.exceptions.map((each) => each.length === 0);
  t.same(kept, [false, true], 'two relays are preferred to one');
});

t.test('the terms add up to the cost', async (t) => {
  const relays = ['fra-1', 'nyc-1'].map((id, index) => relay(id, index + 1));
  const peers: [PeerRequest, PeerRequest] = [
    latencies({ 'fra-1': 10, 'nyc-1': 110 }),
    latencies({ 'fra-1': 112, 'nyc-1': 12 }),
  ];
  const selection = selectOf(relays, peers, 1);
  t.match(selection, {
    relays: [{ facts: { id: 'fra-1' } }, { facts: { id: 'nyc-1' } }],
    terms: { legMs: [10, 12], trunkMs: 20, loadMs: [0, 0], sharedMs: 0, totalMs: 42 },
    choice: 'best',
    contenders: 1,
    bestMs: 42,
  });
});

t.test('alternates share no region, and if possible no provider', async (t) => {
  const at = (id: string, host: number, provider: string) => relay(id, host, { provider });
  const relays = [
    at('fra-1', 1, 'one'),
    at('ams-1', 2, 'one'),
    at('par-1', 3, 'two'),
    at('lon-1', 4, 'three'),
  ];
  const near = latencies({ fra: 1, ams: 20, par: 30, lon: 60 });
  const of = (all: TestRelay[]) =>
    select(stateOf(all).publish(0), { peers: [near, near], alternates: 2 }, 1);
  const selection = of(relays);
  t.ok(selection.ok);
  const ids = selection.ok && selection.alternates.map((each) => each.relays[0].facts.id);
  t.same(ids, ['par-1', 'lon-1'], 'ams-1 has the provider of the chosen relay');
  const alike = relays.map(({ facts, ...others }) => ({
    ...others,
    facts: { ...facts, provider: 'one' },
  }));
  const same = of(alike);
  t.same(same.ok && same.alternates.map((each) => each.relays[0].facts.id), ['ams-1', 'par-1']);
  t.same(same.ok && same.alternates.map(({ terms }) => terms.totalMs), [43, 63]);
});

t.test('a tenant’s regions and providers are binding', async (t) => {
  const at = (id: string, host: number, provider: string) => relay(id, host, { provider });
  const relays = [at('fra-1', 1, 'one'), at('nyc-1', 2, 'two'), at('nyc-2', 3, 'one')];
  const near = latencies({ fra: 1, nyc: 100 });
  const of = (allowed: { regions?: Set<string>; providers?: Set<string> }, seed: number) =>
    chosenBy(stateOf(relays).publish(0), { peers: [near, near], allowed }, seed);
  for (const seed of SEEDS) {
    t.match(of({ regions: new Set(['nyc']) }, seed), /^nyc-.,nyc-.$/);
    t.equal(of({ providers: new Set(['two']) }, seed), 'nyc-1,nyc-1');
    const both = { regions: new Set(['nyc']), providers: new Set(['one']) };
    t.equal(of(both, seed), 'nyc-2,nyc-2');
  }
  t.equal(of({ regions: new Set(['mars']) }, 1), 'none-ready');
  t.equal(of({ providers: new Set() }, 1), 'none-ready');
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
        relay(`r-${index}`, index + 1, {
          draining,
          load: { ...IDLE, legs },
          region,
          serviceAddresses: both(service, index + 1, 3478),
          trunkAddresses: both(trunk, index + 1, 3480),
        }),
      );
      const selection = selectOf(relays, peers, seed);
      const serves = ({ facts, status }: Pick<TestRelay, 'facts' | 'status'>, peer: PeerRequest) =>
        !status.draining &&
        facts.serviceAddresses.some(
          (address) => peer.family === undefined || familyOf(address) === peer.family,
        );
      const pairs = (
        a: Pick<TestRelay, 'facts' | 'status'>,
        b: Pick<TestRelay, 'facts' | 'status'>,
      ) =>
        serves(a, peers[0]) &&
        serves(b, peers[1]) &&
        (a.facts.id === b.facts.id ||
          a.facts.trunkAddresses.some((own) =>
            b.facts.trunkAddresses.some((other) => familyOf(own) === familyOf(other)),
          ));
      if (!selection.ok) return !relays.some((a) => relays.some((b) => pairs(a, b)));
      const [a, b] = selection.relays;
      return (
        pairs(a, b) &&
        a.facts.serviceAddresses.includes(selection.addresses[0]) &&
        b.facts.serviceAddresses.includes(selection.addresses[1])
      );
    },
  );
  holds(t, property, { numRuns: 300 });
});
