import t from 'tap';
import { FORMER_PAIRS_MAX, FormerPairs } from '../../src/directory/former-pairs.js';
import { SelectionPolicy } from '../../src/directory/selection-policy.js';
import type { PeerHints, SelectionRequest } from '../../src/selection/request.js';
import { select } from '../../src/selection/select.js';
import { latencies, NO_EXPLORING, relay, stateOf, TestPaths } from '../selection/fixtures.js';
import { FakeClock } from './fixtures.js';

/** Two peers near fra, which is best unless it is loaded. */
const PEERS: [PeerHints, PeerHints] = [
  { ...latencies({ fra: 20, nyc: 50 }), address: '203.0.113.7' },
  { ...latencies({ fra: 20, nyc: 50 }), address: '198.51.100.9' },
];

const LUNCH = 'room lunch';

const STICKY_FOR_MS = NO_EXPLORING.stickyForMs;

/** A session's requests for relays of two regions. */
function world() {
  const clock = new FakeClock();
  const relays = ['fra-1', 'fra-2', 'nyc-1', 'nyc-2'].map((id, i) => relay(id, i + 1));
  const paths = new TestPaths();
  const state = stateOf(relays, paths);
  state.publish(0);
  const live = {
    weights: NO_EXPLORING,
    requestOf: (hints: PeerHints) => hints,
    snapshotFor: () => state.current,
  };
  const pairs = new FormerPairs({ live, policy: new SelectionPolicy(), clock });
  let seed = 0;
  return {
    clock,
    pairs,
    state,
    /** Selects for a session, and remembers it. */
    ask(peers = PEERS, session = LUNCH) {
      const wish = { tenant: 'default', session, peers };
      const former = pairs.of(wish);
      const request: SelectionRequest = { peers, ...(former && { former }) };
      const result = select(state.current, request, ++seed);
      if (!result.ok) throw new Error('no relay');
      pairs.selected(wish, result);
      return result.relays.map(({ facts }) => facts.id).join();
    },
    /** Loads the relays of fra to this share. */
    setLoad(share: number) {
      for (const id of ['fra-1', 'fra-2']) {
        state.reportLoad(id, { legs: share * 1_000, legsMax: 1_000, cpu: 0 });
      }
      state.publish(clock.monotonic());
    },
    pass(ms: number) {
      for (let left = ms; left > 0; left -= 250) {
        clock.advance(Math.min(left, 250));
        pairs.sweep();
      }
    },
  };
}

t.test('a session keeps its pair, in the order of its peers', async (t) => {
  const w = world();
  const first = w.ask();
  t.match(first, /^fra-.,fra-.$/);
  for (let n = 0; n < 40; n++) {
    t.equal(w.ask(), first);
    w.pass(1_000);
  }
  const [a, b] = first.split(',');
  t.equal(w.ask([PEERS[1], PEERS[0]]), `${b},${a}`);
});

t.test(
  'one bad sample does not move a session, a lasting one does after five minutes',
  async (t) => {
    const w = world();
    const first = w.ask();
    w.setLoad(0.99);
    t.equal(w.ask(), first, 'nyc is better now');
    w.setLoad(0);
    w.pass(STICKY_FOR_MS);
    w.setLoad(0.99);
    t.equal(w.ask(), first, 'and again, but was not between');
    w.pass(STICKY_FOR_MS - 1_000);
    t.equal(w.ask(), first, 'not yet for five minutes');
    w.pass(1_000);
    t.match(w.ask(), /^nyc-.,nyc-.$/);
    w.setLoad(0);
    t.match(w.ask(), /^nyc-.,nyc-.$/, 'and stays there');
  },
);

t.test('what was better counts also if nobody asked meanwhile', async (t) => {
  const w = world();
  w.ask();
  w.setLoad(0.99);
  w.pass(STICKY_FOR_MS + 60_000);
  t.match(w.ask(), /^nyc-.,nyc-.$/);
});

t.test('a lapse between two requests interrupts the five minutes', async (t) => {
  const w = world();
  const first = w.ask();
  w.setLoad(0.99);
  w.pass(STICKY_FOR_MS - 60_000);
  w.setLoad(0);
  w.pass(60_000);
  w.setLoad(0.99);
  w.pass(60_000);
  t.equal(w.ask(), first);
});

t.test('a dead or draining relay is left at once', async (t) => {
  const w = world();
  const first = w.ask();
  const [gone = ''] = first.split(',');
  w.state.removeRelay(gone);
  w.state.publish(w.clock.monotonic());
  const next = w.ask();
  t.notMatch(next, gone);
  t.equal(w.ask(), next, 'and the new pair is kept');
});

t.test('peers in other networks, and other sessions, have no former pair', async (t) => {
  const w = world();
  w.ask();
  const [a, b] = PEERS;
  const of = (peers: [PeerHints, PeerHints], tenant = 'default', session = LUNCH) =>
    w.pairs.of({ tenant, session, peers });
  t.ok(of([{ ...a, address: '203.0.113.99' }, b]), 'the same network');
  t.notOk(of([{ ...a, address: '192.0.2.1' }, b]));
  t.notOk(of(PEERS, 'acme'));
  t.notOk(of(PEERS, 'default', 'session lunch'));
  const { address, ...hints } = a;
  t.ok(of([{ ...hints, source: address ?? '' }, b]), 'as seen');
});

t.test('a bounded number of sessions is remembered, each for a day', async (t) => {
  const w = world();
  for (let n = 0; n <= FORMER_PAIRS_MAX; n++) w.ask(PEERS, String(n));
  t.equal(w.pairs.size, FORMER_PAIRS_MAX);
  const of = (session: string) => w.pairs.of({ tenant: 'default', session, peers: PEERS });
  t.notOk(of('0'));
  t.ok(of('1'));
  w.clock.advance(24 * 3_600_000);
  w.pairs.sweep();
  t.equal(w.pairs.size, 0);
});
