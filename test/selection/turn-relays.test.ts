import t from 'tap';
import type { PeerHints } from '../../src/selection/request.js';
import { selectTurnRelays } from '../../src/selection/turn-relays.js';
import { IDLE, latencies, relay, SEEDS, stateOf, type TestRelay, v6, v6Only } from './fixtures.js';

/** Makes a relay with TURN. */
function turnRelay(
  id: string,
  host: number,
  { allocations = 0, ...changes }: { allocations?: number } & Parameters<typeof relay>[2] = {},
): TestRelay {
  const load = { ...IDLE, turn: { allocations, allocationsMax: 100 } };
  return relay(id, host, { load, ...changes });
}

function select(relays: TestRelay[], client: PeerHints = {}, { count = 2, seed = 1 } = {}) {
  return selectTurnRelays(stateOf(relays).publish(0), { client, relays: count }, seed);
}

/** Returns the ids of the selected relays, or the reason why there is none. */
function chosen(...given: Parameters<typeof select>): string {
  const selection = select(...given);
  return selection.ok ? selection.relays.map(({ id }) => id).join() : selection.reason;
}

t.test('the nearest relays are selected, as many as are asked for', async (t) => {
  const relays = [
    turnRelay('sin-1', 1),
    turnRelay('fra-1', 2),
    relay('fra-2', 3),
    turnRelay('nyc-1', 4),
  ];
  const client = latencies({ fra: 10, nyc: 80, sin: 200 });
  t.equal(chosen(relays, client), 'fra-1,nyc-1');
  t.equal(chosen(relays, client, { count: 1 }), 'fra-1');
  t.equal(chosen(relays, client, { count: 8 }), 'fra-1,nyc-1,sin-1', 'none without TURN');
});

t.test('without hints every relay gets a share, and busy ones a smaller one', async (t) => {
  const relays = ['fra-1', 'nyc-1', 'sin-1'].map((id, index) => turnRelay(id, index + 1));
  const firsts = new Set(SEEDS.map((seed) => chosen(relays, {}, { count: 1, seed })));
  t.equal(firsts.size, 3);
  const busy = turnRelay('fra-9', 9, { allocations: 90 });
  const some = SEEDS.map((seed) => chosen([...relays, busy], {}, { seed }));
  t.same(
    some.filter((ids) => ids.includes('fra-9')),
    [],
    'load counts as latency',
  );
});

t.test('a relay that may not be chosen is left out, and the reason is told', async (t) => {
  t.equal(chosen([]), 'no-relays');
  t.equal(chosen([relay('fra-1', 1)]), 'no-turn');
  const out = [
    turnRelay('fra-1', 1, { draining: true }),
    turnRelay('fra-2', 2, { confirmed: false }),
    turnRelay('fra-3', 3, { allocations: 100 }),
    relay('fra-4', 4, { load: { ...IDLE, turn: { allocations: 0, allocationsMax: 0 } } }),
  ];
  t.equal(chosen(out), 'none-ready');
  t.equal(chosen([...out, turnRelay('fra-5', 5)]), 'fra-5');
  t.equal(chosen([turnRelay('fra-5', 5)], { family: 6 }), 'no-family');
  const legsUsedUp = { ...IDLE, legs: 1_000, turn: { allocations: 0, allocationsMax: 9 } };
  t.equal(chosen([relay('fra-6', 6, { load: legsUsedUp })]), 'fra-6', 'legs are no allocations');
});

t.test('exceptions serve only if there is no other relay', async (t) => {
  const relays = [turnRelay('fra-1', 1), turnRelay('nyc-1', 2)];
  t.equal(chosen(relays, { region: 'nyc' }), 'nyc-1');
  t.equal(chosen(relays, { avoid: new Set(['nyc-1']) }), 'fra-1');
  t.equal(chosen(relays, { region: 'sin' }).split(',').length, 2, 'no relay is there');
});

t.test('a client tries one address of each family that it may have', async (t) => {
  const both = turnRelay('fra-1', 1, {
    serviceAddresses: [{ address: '10.0.0.1', port: 3478 }, ...v6(1, 3478)],
  });
  const of = (client: PeerHints, only = both) => {
    const selection = select([only], client);
    return selection.ok ? selection.relays[0]?.addresses.map(({ address }) => address) : undefined;
  };
  t.same(of({}), ['10.0.0.1', '2001:db8::1']);
  t.same(of({ families: [4, 6] }), ['10.0.0.1', '2001:db8::1']);
  t.same(of({ families: [6] }), ['2001:db8::1']);
  t.same(of({ family: 4 }), ['10.0.0.1']);
  t.same(of({ address: '2001:db8::99' }), ['2001:db8::1']);
  t.same(of({ address: '192.0.2.1' }, turnRelay('fra-2', 2, v6Only(2))), ['2001:db8::2']);
});
