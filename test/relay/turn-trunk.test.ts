// Which data of TURN's clients goes over the trunk: what relays ask of each other.
import t from 'tap';
import { parseAddress, type TransportAddress } from '../../src/address.js';
import { Method } from '../../src/stun/methods.js';
import {
  Allocated,
  bindRequests,
  isBound,
  noFaults,
  sessionsTo,
  twoClients,
} from './world/trunk-clients.js';

const PERMISSION_MS = 300_000;

t.test('channels to relayed addresses of each other go over the trunk, both ways', async (t) => {
  const { world, fra, nyc, a, b } = await twoClients();
  t.ok(await a.bind(b.relayed));
  world.pass(200);
  t.notOk(a.wayTo(b), 'the other client has not permitted it yet');
  t.ok(await b.bind(a.relayed));
  world.pass(400);
  t.ok(isBound(a, b));
  t.ok(isBound(b, a));
  t.equal(a.wayTo(b)?.lifetimeSeconds, 120);
  t.equal(fra.core.turn?.trunk?.sessions, 1);
  const before = bindRequests(world, fra).length;
  world.pass(200_000);
  t.ok(isBound(a, b), 'it is renewed');
  const renewals = bindRequests(world, fra).length - before;
  t.ok(renewals === 3, `${renewals} renewals in 200 s`);
  t.equal(nyc.plane.sessions.size, 1);
});

t.test(
  'a relay with XDP neither asks nor accepts, since its channels leave as bare UDP',
  async (t) => {
    const { world, fra, nyc, a, b } = await twoClients({ xdp: true });
    t.ok((await a.bind(b.relayed)) && (await b.bind(a.relayed)));
    world.pass(5_000);
    t.equal(bindRequests(world, fra).length, 0);
    t.ok(bindRequests(world, nyc).length > 0, 'the other one asks');
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      t.equal(from.wayTo(to), undefined);
      t.equal(sessionsTo(to).length, 0);
    }
    t.equal(fra.core.turn?.trunk?.sessions, 0);
  },
);

t.test('permissions do, where one side names or learns the port of the other', async (t) => {
  const { world, a, b } = await twoClients();
  t.ok(await a.permit({ ...b.relayed, port: 0 }));
  world.pass(1_000);
  t.equal(a.relay.plane.trunkPeers.size, 0, 'the port is not known');
  t.ok(await b.permit(a.relayed));
  world.pass(400);
  t.ok(isBound(b, a));
  t.ok(isBound(a, b), 'it has learned the port');
  world.pass(PERMISSION_MS + 200_000);
  t.notOk(a.wayTo(b), 'it ends some time after the permission');
  t.notOk(b.wayTo(a));
  t.equal(a.relay.plane.sessions.size + b.relay.plane.sessions.size, 0);
});

t.test('a relay that refuses or does not answer is asked less and less', async (t) => {
  const { world, fra, nyc, a, b } = await twoClients();
  world.addRelay('plain-1', '192.0.2.30');
  world.introduce();
  t.ok(await a.bind(parseAddress('192.0.2.30:50001')), 'a relay without TURN');
  t.ok(await a.bind(b.relayed, 0x4001), 'a client that permits nothing');
  t.ok(await a.bind(parseAddress('198.51.100.1:50001'), 0x4002), 'no relay');
  world.pass(60_000);
  t.equal(a.relay.plane.trunkPeers.size, 0);
  const { refusals } = nyc.core.binds;
  t.ok(refusals['not-permitted'] > 0, 'the refusing relay counts them by reason');
  const plain = world.relays.get('plain-1')?.core.binds.refusals['no-turn'] ?? 0;
  t.ok(plain > 0, 'also one without TURN');
  const { failures } = fra.core.binds;
  t.equal(failures.refused_403, refusals['not-permitted']);
  t.equal(failures.refused_437, plain);
  t.equal(failures.unanswered, 0);
  const refused = bindRequests(world, fra);
  t.ok(refused.length >= 8 && refused.length <= 14, `${refused.length} requests`);
  const toNyc = ({ to }: { to: TransportAddress }) => to.address === '192.0.2.20';
  world.lose = ({ to, data }) => toNyc({ to }) && data[1] === Method.ChannelBind;
  world.pass(600_000);
  const asked = bindRequests(world, fra).length - refused.length;
  t.ok(asked <= 60, `${asked} requests in ten minutes`);
  t.ok(failures.unanswered > 0);
});

t.test('sessions of an allocation are bounded as its permissions are', async (t) => {
  const { world, fra, nyc, b } = await twoClients();
  t.ok(await b.permit({ address: '192.0.2.10', port: 0 }));
  for (let port = 1; port <= 7; port += 1) {
    const c = await Allocated.open(world, fra, `203.0.113.80:${port}`);
    t.ok(await c.bind(b.relayed));
  }
  world.pass(400);
  t.equal(nyc.core.turn?.trunk?.sessions, 5);
  t.equal(fra.plane.trunkPeers.size, 5);
  nyc.plane.full = true;
  world.pass(130_000);
  t.equal(fra.plane.trunkPeers.size, 0, 'a full data plane binds nothing');
});

t.test('no relay has had an internal error', async (t) => noFaults(t));
