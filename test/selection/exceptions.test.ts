import t from 'tap';
import { formatAddress } from '../../src/address.js';
import type { Doubt } from '../../src/selection/doubts.js';
import type { PeerHints } from '../../src/selection/request.js';
import { select } from '../../src/selection/select.js';
import { latencies, relay, SEEDS, stateOf, type TestRelay, v6, v6Only } from './fixtures.js';

/** Doubts by relay id and by address, and pairs that do not reach each other as `id id`. */
interface Said {
  readonly relays?: Record<string, Doubt>;
  readonly addresses?: Record<string, Doubt>;
  readonly apart?: readonly string[];
}

const NOTHING_SAID: Said = {};

function doubted(each: TestRelay, { relays, addresses, apart = [] }: Said): TestRelay {
  const { id, serviceAddresses } = each.facts;
  const pairs = apart.map((pair) => pair.split(' '));
  const unreached = pairs.flatMap(([from = '', to = '']) => (from === id ? [to] : []));
  const doubts = {
    trunk: relays?.[id] ?? ('none' as const),
    addresses: serviceAddresses.map((own) => addresses?.[formatAddress(own)] ?? 'none'),
    unreached: new Set(unreached),
  };
  return { ...each, status: { ...each.status, doubts } };
}

function selectOf(relays: TestRelay[], peers: [PeerHints, PeerHints], seed: number, said: Said) {
  const state = stateOf(relays.map((each) => doubted(each, said)));
  return select(state.publish(0), { peers }, seed);
}

function everyChoice(relays: TestRelay[], peers: [PeerHints, PeerHints], said: Said) {
  const choices = SEEDS.map((seed) => {
    const selection = selectOf(relays, peers, seed, said);
    return selection.ok
      ? selection.addresses.map(({ address }) => address).join()
      : selection.noRelay.reason;
  });
  return [...new Set(choices)].sort();
}

const HERE = '10.0.0.1';
const THERE = '10.0.0.2';

t.test('relays that do not reach each other are not paired', async (t) => {
  const three = ['fra-1', 'nyc-1', 'sin-1'].map((id, index) => relay(id, index + 1));
  const said: Said = { apart: ['fra-1 nyc-1', 'fra-1 sin-1'] };
  t.same(everyChoice(three, [{}, {}], said), ['10.0.0.2,10.0.0.3', '10.0.0.3,10.0.0.2']);
  const near = latencies({ 'fra-1': 1, 'nyc-1': 50, 'sin-1': 50 });
  const far = latencies({ 'fra-1': 90, 'nyc-1': 1, 'sin-1': 20 });
  const selection = selectOf(three, [near, far], 1, said);
  t.ok(selection.ok);
  const ids = selection.ok && selection.relays.map(({ facts }) => facts.id);
  t.notSame(ids, ['fra-1', 'nyc-1'], 'even if they are nearest');
  const two = three.slice(0, 2);
  t.same(everyChoice(two, [{}, {}], said), [`${HERE},${HERE}`, `${THERE},${THERE}`]);
});

t.test('a pair is found outside the shortlists if those do not reach each other', async (t) => {
  const near = Array.from({ length: 20 }, (_, index) => relay(`near-${index}`, index + 1));
  const far = Array.from({ length: 20 }, (_, index) => relay(`far-${index}`, index + 101));
  const link = relay('link', 201);
  const apart = near.flatMap((a) => far.map((b) => `${a.facts.id} ${b.facts.id}`));
  const peers: [PeerHints, PeerHints] = [
    latencies({ near: 5, far: 300, link: 250 }),
    latencies({ near: 300, far: 5, link: 250 }),
  ];
  for (const seed of SEEDS) {
    const selection = selectOf([...near, ...far, link], peers, seed, { apart });
    t.ok(selection.ok && selection.relays[0] !== selection.relays[1]);
  }
});

t.test('an unreachable relay is chosen only if no other can serve', async (t) => {
  const relays = ['fra-1', 'nyc-1', 'sin-1'].map((id, index) => relay(id, index + 1));
  const said: Said = { relays: { 'fra-1': 'unreachable' } };
  const near = latencies({ 'fra-1': 1, 'nyc-1': 200, 'sin-1': 300 });
  for (const peer of [{}, near, { region: 'fra' }, { avoid: new Set(['nyc-1', 'sin-1']) }]) {
    t.notMatch(everyChoice(relays, [peer, peer], said).join(), HERE);
  }
  t.same(everyChoice(relays.slice(0, 1), [{}, {}], said), [`${HERE},${HERE}`]);
  const all: Said = {
    relays: { 'fra-1': 'unreachable', 'nyc-1': 'unreachable', 'sin-1': 'unreachable' },
  };
  t.equal(everyChoice(relays, [{}, {}], all).length, 6, 'verdicts against all are ignored');
});

t.test('a relay with an unreachable IPv4 address is chosen with its IPv6 address', async (t) => {
  const dual = (id: string, host: number) => {
    const own = relay(id, host).facts;
    const record = { serviceAddresses: [...own.serviceAddresses, ...v6(host, 3478)] };
    return relay(id, host, record);
  };
  const relays = [dual('fra-1', 1), dual('nyc-1', 2)];
  const said: Said = { addresses: { [`${HERE}:3478`]: 'unreachable' } };
  const four: PeerHints = { families: [4] };
  const six: PeerHints = { families: [6] };
  const both: PeerHints = { families: [4, 6] };
  t.same(everyChoice(relays, [four, four], said), [`${THERE},${THERE}`]);
  t.ok(everyChoice(relays, [six, six], said).includes('2001:db8::1,2001:db8::2'));
  for (const choice of everyChoice(relays, [both, both], said)) t.notMatch(choice, HERE);
  t.ok(everyChoice(relays, [both, both], said).some((choice) => /2001:db8::1\b/.test(choice)));
  t.same(
    everyChoice(relays, [{}, {}], said),
    [`${THERE},${THERE}`],
    'a peer of unknown families gets an IPv4 address that answers',
  );
  t.same(everyChoice(relays.slice(0, 1), [four, four], said), [`${HERE},${HERE}`]);
});

t.test('suspected weighs more than a region and less than avoid', async (t) => {
  const relays = ['fra-1', 'nyc-1'].map((id, index) => relay(id, index + 1));
  const said: Said = { addresses: { [`${HERE}:3478`]: 'suspected' } };
  t.same(everyChoice(relays, [{}, {}], said), [`${THERE},${THERE}`]);
  t.same(everyChoice(relays, [{ region: 'fra' }, {}], said), [`${THERE},${THERE}`]);
  t.same(everyChoice(relays, [{ avoid: new Set(['nyc-1']) }, {}], said), [`${HERE},${THERE}`]);
});

t.test('a relay without an address of a peer’s families is not chosen', async (t) => {
  const four = relay('four', 1);
  const six = relay('six', 2, { serviceAddresses: v6(2, 3478) });
  t.same(everyChoice([four, six], [{ families: [6] }, { families: [4] }], NOTHING_SAID), [
    `2001:db8::2,${HERE}`,
  ]);
  t.same(everyChoice([four], [{ families: [6] }, {}], NOTHING_SAID), ['no-family']);
  const mapped: PeerHints = { families: [6], address: '192.0.2.9' };
  t.same(everyChoice([six], [mapped, mapped], NOTHING_SAID), ['2001:db8::2,2001:db8::2']);
});

t.test('an avoided relay is chosen only if no other can serve', async (t) => {
  const relays = ['fra-1', 'nyc-1', 'sin-1'].map((id, index) => relay(id, index + 1));
  const avoid = new Set(['fra-1']);
  const near = latencies({ 'fra-1': 1, 'nyc-1': 200, 'sin-1': 300 });
  for (const choice of everyChoice(relays, [{ ...near, avoid }, {}], NOTHING_SAID)) {
    t.notMatch(choice, /^10\.0\.0\.1,/);
  }
  const region = { avoid, region: 'fra' };
  t.notMatch(everyChoice(relays, [region, {}], NOTHING_SAID).join(';'), /(^|;)10\.0\.0\.1,/);
  t.same(everyChoice(relays.slice(0, 1), [{ avoid }, { avoid }], NOTHING_SAID), [
    `${HERE},${HERE}`,
  ]);
  t.same(
    everyChoice(relays.slice(0, 2), [{ avoid: new Set(['fra-1', 'nyc-1']) }, { avoid }], {}),
    [`${HERE},${THERE}`, `${THERE},${THERE}`].slice(0, 1),
    'avoid applies to each peer separately',
  );
});

t.test('relays that have not confirmed each other are not paired', async (t) => {
  const late = relay('nyc-1', 2, { recordSequence: 2, registrySequence: 2 });
  const relays = [relay('fra-1', 1), late];
  const peers: [PeerHints, PeerHints] = [{ region: 'fra' }, { region: 'nyc' }];
  t.same(everyChoice(relays, peers, NOTHING_SAID), [`${HERE},${HERE}`, `${THERE},${THERE}`]);
  const knowing = [relay('fra-1', 1, { registrySequence: 2 }), late];
  t.same(everyChoice(knowing, peers, NOTHING_SAID), [`${HERE},${THERE}`]);
});

t.test('a failed selection has the reason and its details', async (t) => {
  const four = relay('four', 1);
  const six = relay('six', 2, v6Only(2));
  const reach = (relays: TestRelay[], peers: [PeerHints, PeerHints], said = NOTHING_SAID) => {
    const selection = selectOf(relays, peers, 1, said);
    return selection.ok ? 'served' : `${selection.noRelay.reason}: ${selection.noRelay.detail}`;
  };
  t.equal(reach([], [{}, {}]), 'no-relays: no relay is registered');
  t.match(reach([relay('a', 1, { draining: true })], [{}, {}]), /^none-ready: .* 1 drain/);
  t.match(reach([four], [{}, { families: [6] }]), /^no-family: peer 1 can use IPv6 only/);
  t.match(reach([four, six], [{ family: 4 }, { family: 6 }]), /^no-pair: .* no trunk address/);
  const dualTrunk = { trunkAddresses: [...four.facts.trunkAddresses, ...v6(1, 3480)] };
  const both = relay('four', 1, dualTrunk);
  const peers: [PeerHints, PeerHints] = [{ family: 4 }, { family: 6 }];
  t.equal(reach([both, six], peers), 'served');
  const apart = { apart: ['four six'] };
  t.match(reach([both, six], peers, apart), /^no-pair: .* do not reach each other/);
});
