import t, { type Test } from 'tap';
import { API_KEY, IDLE, OPERATOR_KEY, OTHER_API_KEY, relayRecord } from '../fixtures.js';
import { DirectoryHarness } from './harness.js';

const RELAYS = ['fra-1', 'fra-2', 'lon-1', 'nyc-1', 'nyc-2', 'sin-1'];
const PEERS = [
  { address: '203.0.113.7', latencies: { fra: 10.5, 'lon-1': 18, nyc: 90 } },
  { address: '198.51.100.9', latencies: { 'nyc-1': 12, 'nyc-2': 14.25, lon: 80 } },
];

async function directoryWithRelays(t: Test) {
  const h = await DirectoryHarness.open(t);
  await h.addRelays(...RELAYS.map((id, index) => relayRecord(id, index + 1)));
  return h;
}

/** Returns the ids of the relays of an answer to `POST /v1/connections`. */
// biome-ignore lint/suspicious/noExplicitAny: an answer's body.
const idsOf = ({ peers }: any): string[] => peers.map((peer: any) => peer.relay.id);

/** Adds up numbers of two decimals, as a person does. */
function sum(...numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + Math.round(each * 100), 0) / 100;
}

t.test('an earlier answer is explained with the choice that was made', async (t) => {
  const h = await directoryWithRelays(t);
  const answers = [];
  for (let n = 0; n < 20; n++) {
    answers.push((await h.connect({ peers: PEERS }, n % 2 === 0 ? API_KEY : OTHER_API_KEY)).body);
    // New snapshots: other loads, and now and then a relay less.
    const legs = 40 * n;
    await h.beat('fra-1', null, { load: { ...IDLE, legs }, draining: n % 5 === 4 });
    h.clock.advance(100);
  }
  t.ok(new Set(answers.map(({ snapshot }) => snapshot)).size > 10, 'of many snapshots');
  for (const [n, answer] of answers.entries()) {
    const { status, body, headers } = await h.explain({ connectionId: answer.connectionId });
    t.equal(status, 200);
    t.equal(headers.get('cache-control'), 'no-store');
    const { connectionId, snapshot, seed } = answer;
    const tenant = n % 2 === 0 ? 'default' : 'acme';
    t.match(body, { connectionId, snapshot, seed, tenant, relays: idsOf(answer) });
    t.match(body.asked[0].hints, PEERS[0]);
    t.match(body.asked[0].network, { network: /./ });
    const again = await h.explain({ snapshot, seed, peers: PEERS });
    t.equal(again.status, 200);
    const { connectionId: _, tenant: __, ...rest } = body;
    t.strictSame(again.body, rest, 'snapshot, seed and peers tell the same');
  }
});

t.test('the terms of each pair add up by hand to its total, and tell the chosen one', async (t) => {
  const h = await directoryWithRelays(t);
  await h.beat('nyc-1', null, { load: { ...IDLE, legs: 800 } });
  const { body } = await h.explain({ peers: PEERS, seed: 7 });
  t.ok(body.pairs.length > 3);
  for (const pair of body.pairs) {
    const { trunk, legsMs, loadMs, priceMs, sharedMs } = pair;
    const between = sum(trunk.rttMs, trunk.uncertaintyMs, trunk.jitterMs, trunk.lossMs);
    t.equal(sum(...legsMs, between, ...loadMs, ...priceMs, sharedMs), pair.totalMs);
  }
  const cheapest = Math.min(...body.pairs.map((pair: { totalMs: number }) => pair.totalMs));
  t.equal(body.bestMs, cheapest);
  const { bandMs, bandShare } = body.weights;
  t.ok(Math.abs(body.limitMs - cheapest - Math.max(bandMs, bandShare * cheapest)) < 0.02);
  const chosen = body.pairs.find(({ verdict }: { verdict: string }) => verdict === 'chosen');
  t.ok(chosen.totalMs <= body.limitMs || body.choice === 'explored');
  const regions = body.relays.map((id: string) => id.split('-')[0]);
  t.strictSame(chosen.regions, regions);
});

t.test('with `explain` an operator gets the explanation beside the connection', async (t) => {
  const h = await directoryWithRelays(t);
  const { status, body } = await h.connect({ peers: PEERS, explain: true }, OPERATOR_KEY);
  t.equal(status, 201);
  t.match(body.peers[0].username, /:default\//);
  const { connectionId, snapshot, seed } = body;
  t.match(body.explanation, { connectionId, snapshot, seed, relays: idsOf(body) });
  const later = await h.explain({ connectionId });
  t.strictSame(later.body, body.explanation);
  const without = await h.connect({ peers: PEERS });
  t.notOk('explanation' in without.body);
  await Promise.all(RELAYS.map((id) => h.beat(id, null, { draining: true })));
  const none = await h.connect({ peers: PEERS, explain: true }, OPERATOR_KEY);
  t.match(none, { status: 503, body: { code: 'no-relay', reason: 'none-ready' } });
  const { explanation } = none.body;
  t.match(explanation, { choice: 'none', noRelay: { reason: 'none-ready' } });
  t.match(explanation.peers[0].withheld, [{ reason: 'draining', count: RELAYS.length }]);
});

t.test('each route takes the key that it is for, and says which', async (t) => {
  const h = await directoryWithRelays(t);
  const needsOperator = { status: 403, body: { code: 'operator-key-needed' } };
  const needsTenant = { status: 403, body: { code: 'tenant-key-needed' } };
  t.match(await h.connect({ peers: PEERS, explain: true }), needsOperator);
  t.match(await h.explain({ peers: PEERS }, API_KEY), needsOperator);
  t.match(await h.connect({ peers: PEERS }, OPERATOR_KEY), needsTenant);
  t.match(await h.connect({ peers: PEERS, explain: false }, OPERATOR_KEY), needsTenant);
  const headers = { authorization: `Bearer ${OPERATOR_KEY}` };
  t.match(await h.request('/v1/relays', { headers }), needsTenant);
  t.match(await h.explain({ peers: PEERS }, 'an-unknown-key-here'), { status: 401 });
  t.equal((await h.connect({ peers: PEERS, explain: false })).status, 201);
  h.directory.update({ operatorKeys: ['the-next-operators-key'] });
  t.match(await h.explain({ peers: PEERS }), { status: 401, body: { code: 'api-key-unknown' } });
  t.equal((await h.explain({ peers: PEERS }, 'the-next-operators-key')).status, 200);
  t.throws(() => h.directory.update({ operatorKeys: [API_KEY] }), { code: 'ERR_TURNPIKE_CONFIG' });
  t.equal((await h.explain({ peers: PEERS }, API_KEY)).status, 403);
});

t.test('what cannot be explained has a code of its own', async (t) => {
  const h = await directoryWithRelays(t);
  const unknown = { status: 404, body: { code: 'connection-unknown' } };
  t.match(await h.explain({ connectionId: '0'.repeat(32) }), unknown);
  const { body: first } = await h.connect({ peers: PEERS });
  const { snapshot, seed, connectionId } = first;
  const later = { snapshot: snapshot + 1_000_000, seed, peers: PEERS };
  t.match(await h.explain(later), { status: 404, body: { code: 'snapshot-unknown' } });
  for (const body of [{}, { seed }, { connectionId, seed }, { connectionId: 'x' }]) {
    t.match(await h.explain(body), { status: 400, body: { code: 'invalid-request' } });
  }
  const badAddress = { peers: [{ address: 'x' }, {}] };
  t.match(await h.explain(badAddress), {
    status: 400,
    body: { errors: [{ pointer: '/peers/0/address' }] },
  });
  t.equal((await h.explain({ connectionId })).status, 200);
  // Nothing was selected by the first snapshots, so none of them was kept.
  const unkept = await h.explain({ snapshot: 1, seed, peers: PEERS });
  t.match(unkept, { status: 410, body: { code: 'snapshot-gone' } });
});
