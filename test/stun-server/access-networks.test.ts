import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { listenerHandle } from '../../src/native/transport-handle.js';
import {
  ACCESS_CLIENT_MS,
  ACCESS_CLIENT_SAMPLES_MAX,
  ACCESS_NETWORKS_MAX,
  AccessNetworks,
} from '../../src/stun-server/access-networks.js';
import { ManualClock } from '../relay/world/index.js';

const originOf = (client: string) => ({
  worker: 0,
  tuple: { handle: listenerHandle('client', 0), remote: parseAddress(client) },
});
const CLAIM = { rttMs: 20, jitterMs: 2, loss: 0.01, count: 4 };

/** Access networks, with a client's challenge and answer in one call. */
function measured() {
  const clock = new ManualClock();
  const networks = new AccessNetworks(clock);
  let nonces = 0;
  /** Challenges a client, and has it answer after a time. */
  const answer = (client: string, rttMs: number) => {
    nonces += 1;
    networks.challenged(originOf(client), `n${nonces}`);
    clock.advance(rttMs);
    networks.answered(originOf(client), `n${nonces}`);
  };
  let reports = 0;
  const tell = (client: string, claim: Partial<typeof CLAIM> = {}, report = `r${reports++}`) =>
    networks.told(originOf(client).tuple.remote, { ...CLAIM, ...claim }, report);
  return { clock, networks, answer, tell };
}

t.test('the time from a challenge to its answer counts for the network of the client', (t) => {
  const { networks, answer } = measured();
  answer('203.0.113.7:40000', 20);
  answer('203.0.113.9:40000', 40);
  answer('198.51.100.1:40000', 5);
  answer('[2001:db8:1:2::1]:40000', 8);
  t.same(networks.report(), [
    { network: '203.0.113.0/24', rtt: 30, sd: 10, count: 2 },
    { network: '198.51.100.0/24', rtt: 5, sd: 0, count: 1 },
    { network: '2001:db8:1::/48', rtt: 8, sd: 0, count: 1 },
  ]);
  t.end();
});

t.test(
  'an answer counts once, with the nonce of its challenge, and not if that is unclear',
  (t) => {
    const { clock, networks } = measured();
    const origin = originOf('203.0.113.7:40000');
    networks.answered(origin, 'a');
    networks.challenged(origin, 'a');
    clock.advance(30);
    networks.answered(origin, 'old');
    networks.answered(originOf('203.0.113.7:40001'), 'a');
    t.same(networks.report(), []);
    networks.answered(origin, 'a');
    networks.answered(origin, 'a');
    t.match(networks.report(), [{ rtt: 30, count: 1 }]);
    networks.delivered();
    networks.challenged(origin, 'b');
    clock.advance(500);
    networks.challenged(origin, 'b');
    clock.advance(30);
    networks.answered(origin, 'b');
    t.same(networks.report(), [], 'sent twice: to which does it answer?');
    networks.challenged(origin, 'c');
    clock.advance(10_001);
    networks.answered(origin, 'c');
    t.same(networks.report(), [], 'a user who typed a password');
    t.end();
  },
);

t.test('what a peer tells counts, but never as less than was measured of it', (t) => {
  const { networks, answer, tell } = measured();
  tell('203.0.113.7:40000', { rttMs: 0.1 });
  t.same(networks.report(), [], 'nothing was measured of it');
  answer('203.0.113.7:40000', 50);
  networks.report();
  networks.delivered();
  tell('203.0.113.7:40000', { rttMs: 0.1 });
  t.same(networks.report(), [
    { network: '203.0.113.0/24', rtt: 50, sd: 0, jitter: 2, loss: 0.01, count: 4 },
  ]);
  networks.delivered();
  answer('198.51.100.1:40000', 10);
  tell('198.51.100.1:40000', { rttMs: 30, count: 3 });
  const [honest] = networks.report();
  t.match(honest, { rtt: 25, jitter: 2, loss: 0.01, count: 4 });
  t.equal(honest?.sd, 8.66);
  t.end();
});

t.test('one client weighs no more than its samples in a minute, whatever its port', (t) => {
  const { clock, networks, answer, tell } = measured();
  answer('203.0.113.7:40000', 50);
  for (let n = 0; n < 100; n++) tell('203.0.113.7:40001', { count: 65_535, rttMs: 900 });
  t.match(networks.report(), [{ count: ACCESS_CLIENT_SAMPLES_MAX }]);
  networks.delivered();
  answer('203.0.113.7:40002', 50);
  tell('203.0.113.7:40001');
  t.same(networks.report(), []);
  clock.advance(ACCESS_CLIENT_MS);
  tell('203.0.113.7:40001', {}, 'again');
  tell('203.0.113.7:40001', {}, 'again');
  t.match(networks.report(), [{ count: 4 }], 'a repetition is the same report');
  t.end();
});

t.test('neighbours of a /64 weigh as one client, those of a /48 as one network', (t) => {
  const { networks, answer } = measured();
  for (let n = 0; n < 100; n++) answer(`[2001:db8:0:1::${n.toString(16)}]:4000`, 10);
  for (let n = 0; n < 3; n++) answer(`[2001:db8:0:${n + 2}::1]:4000`, 10);
  t.match(networks.report(), [{ network: '2001:db8::/48', count: ACCESS_CLIENT_SAMPLES_MAX + 3 }]);
  t.end();
});

t.test('networks are reported in turn, and again until the report is delivered', (t) => {
  const { networks, answer } = measured();
  for (let n = 0; n < 300; n++) answer(`10.1.${n >> 8}.${n & 255}:4000`, 10);
  t.match(networks.report(), [
    { network: '10.1.0.0/24', count: 256 },
    { network: '10.1.1.0/24', count: 44 },
  ]);
  networks.delivered();
  for (let n = 0; n < 200; n++) answer(`10.2.${n}.1:4000`, 10);
  const first = networks.report().map(({ network }) => network);
  t.equal(first.length, 128);
  answer('10.2.0.1:4001', 20);
  t.match(networks.report()[0], { network: '10.2.0.0/24', rtt: 15, count: 2 }, 'not delivered');
  answer('10.2.1.1:4001', 30);
  networks.delivered();
  const second = networks.report();
  t.equal(second.length, 73);
  t.match(second.at(-1), { network: '10.2.1.0/24', rtt: 30, count: 1 });
  networks.delivered();
  t.same(networks.report(), []);
  t.end();
});

t.test('the table is bounded: the oldest networks are given up', (t) => {
  const { networks, answer } = measured();
  for (let n = 0; n < ACCESS_NETWORKS_MAX + 100; n++) answer(`10.${n >> 8}.${n & 255}.1:4000`, 10);
  t.equal(networks.size, ACCESS_NETWORKS_MAX);
  t.equal(networks.report()[0]?.network, '10.0.100.0/24');
  t.end();
});
